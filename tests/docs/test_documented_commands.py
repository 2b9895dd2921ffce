"""Every command that README.md and docs/ show is one that the program accepts; those marked to run are run."""

from __future__ import annotations

import re
import shlex
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest

from aam.cli.main import main
from aam.config.commands import SimulateOptions
from aam.data.simulate import simulate_study

ROOT = Path(__file__).resolve().parents[2]
DOCUMENTS = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").glob("*.md"))]
BLOCK = re.compile(r"(?P<mark><!-- run -->\s*)?^```console\n(?P<body>.*?)^```", re.MULTILINE | re.DOTALL)
# A test needs to see that a command works, not that its model is good.
SMALL_TRAINING = {
    "--epochs": "1",
    "--embedding-dim": "16",
    "--attention-heads": "2",
    "--attention-layers": "1",
    "--num-soft-clades": "8",
    "--rarefy-depth": "200",
}
SMALL = {"pretrain": SMALL_TRAINING, "train": SMALL_TRAINING, "rf-baseline": {"--n-estimators": "10"}}


class Command(NamedTuple):
    """A command of a document, without the leading ``aam``."""

    document: str
    words: tuple[str, ...]
    is_run: bool


def commands_of(path: Path) -> Iterator[Command]:
    for block in BLOCK.finditer(path.read_text()):
        for line in block["body"].replace("\\\n", " ").splitlines():
            words = shlex.split(line.removeprefix("$ "))
            if words[:1] == ["aam"]:
                yield Command(path.relative_to(ROOT).as_posix(), tuple(words[1:]), block["mark"] is not None)


COMMANDS = [command for path in DOCUMENTS for command in commands_of(path)]


def exit_code(words: list[str]) -> object:
    """What the program would exit with, run inside this process."""
    try:
        return main(words) or 0
    except SystemExit as end:
        return end.code or 0


def run_all(document: str, capsys: pytest.CaptureFixture[str]) -> str:
    """Run a document's marked commands one after the other, small; returns what they printed."""
    said = ""
    for command in COMMANDS:
        if command.document != document or not command.is_run:
            continue
        small = {name: value for name, value in SMALL.get(command.words[0], {}).items() if name not in command.words}
        code = exit_code([*command.words, *(word for pair in small.items() for word in pair)])
        output = capsys.readouterr()
        assert code == 0, f"aam {shlex.join(command.words)}\n{output.err}"
        said += output.out + output.err
    return said


def label(command: Command) -> str:
    return f"{command.document}: aam {' '.join(command.words)}"[:80]


@pytest.mark.parametrize("command", COMMANDS, ids=label)
def test_command_is_accepted(
    command: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    if "--config" in command.words or "--resume-from" in command.words:
        make_run_configuration(Path(command.words[2]))
    code = exit_code([*command.words, "--print-config"])
    output = capsys.readouterr()
    assert code == 0, output.err
    assert "_" in output.out or ":" in output.out


def make_run_configuration(path: Path) -> None:
    """The configuration of an earlier run, where a command continues or repeats one."""
    folder = path.parent if path.suffix else path
    folder.mkdir(parents=True)
    lines = ("command: train", "table: [t.biom]", "metadata: m.tsv", "metadata_column: age", "output_dir: runs/age")
    (folder / "config.yaml").write_text("\n".join(lines) + "\n")


def test_readme_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    study = tmp_path / "study"
    simulate_study(
        SimulateOptions(output_dir=study, samples=40, asvs=40, asvs_per_sample=15.0, reads=800, progress=False)
    )
    sheet = (study / "metadata.tsv").read_text().replace("gradient\t", "age\t", 1)
    (tmp_path / "samples.tsv").write_text(sheet)
    for source, name in (("table.biom", "table.biom"), ("tree.nwk", "tree.nwk"), ("table.biom", "new-samples.biom")):
        shutil.copy(study / source, tmp_path / name)
    monkeypatch.chdir(tmp_path)
    run_all("README.md", capsys)
    assert (tmp_path / "runs/age/report.html").stat().st_size > 10_000
    lines = (tmp_path / "predictions.tsv").read_text().splitlines()
    assert lines[0].split("\t")[:2] == ["sample_id", "predicted"]
    assert len(lines) == 41


@pytest.mark.slow
def test_guide_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.chdir(tmp_path)
    run_all("docs/guide.md", capsys)
    for name in ("runs/gradient/report.html", "runs/group/report.html", "predictions.tsv", "forest.tsv"):
        assert (tmp_path / name).is_file(), name


def test_commands_are_found() -> None:
    assert {"check", "pretrain", "train", "predict"} <= {c.words[0] for c in COMMANDS if c.document == "README.md"}
    assert {c.document for c in COMMANDS if c.is_run} == {"README.md", "docs/guide.md"}
