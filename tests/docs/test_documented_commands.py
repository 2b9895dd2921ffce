"""Every command that README.md and docs/ show is one that the program accepts; those marked to run are run."""

from __future__ import annotations

import re
import shlex
import shutil
from collections.abc import Iterator, Mapping, Sequence
from fnmatch import fnmatch
from pathlib import Path
from types import MappingProxyType
from typing import NamedTuple

import pytest

from aam.cli.main import main
from aam.config.commands.simulate import SimulateOptions
from aam.simulation.study import simulate_study
from tests.program import NOVELTY

ROOT = Path(__file__).resolve().parents[2]
PAGES = ("README.md", "CONTRIBUTING.md", "configs/README.md")
DOCUMENTS = [*(ROOT / page for page in PAGES), *sorted((ROOT / "docs").rglob("*.md"))]
BLOCK = re.compile(r"(?P<mark><!-- run -->\s*)?^```console\n(?P<body>.*?)^```", re.MULTILINE | re.DOTALL)
CHAPTERS = ("docs/supervised.md", "docs/certainty.md", "docs/evaluate.md")
COMPARE = "docs/compare.md"
TUNE = "docs/tune.md"
MODELS = "docs/models.md"
MOUSE, PHYLOSEQ = TUTORIALS = ("docs/tutorials/mouse-age.md", "docs/tutorials/phyloseq.md")
# A test needs to see that a command works, not that its model is good.
SMALL_TRAINING = {
    "--epochs": "1",
    "--embedding-dim": "16",
    "--attention-heads": "2",
    "--attention-layers": "1",
    "--num-soft-clades": "8",
    "--rarefy-depth": "200",
}
SMALL_CURVE = {"--folds": "2", "--repeats": "1", "--learners": "jaccard", "--sizes": "4"}
SMALL_SEARCH = {"--trials": "2", "--folds": "2", "--learners": "jaccard,clr-radial"}
SMALL = {
    "pretrain": SMALL_TRAINING,
    "rf-baseline": {"--n-estimators": "10"},
    "learning-curve": SMALL_CURVE,
    "tune": SMALL_SEARCH,
}
ALONE = {"train": ("--no-forest-baseline", "--no-report")}
PREDICTED = ("observed", "predicted", "predicted_low", "predicted_high")


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


def run_all(
    document: str, capsys: pytest.CaptureFixture[str], further: Mapping[str, Sequence[str]] = MappingProxyType({})
) -> str:
    """Run a document's marked commands one after the other, small; returns what they printed.

    ``further`` are words to add to a command of a name.
    """
    said = ""
    for command in COMMANDS:
        if command.document != document or not command.is_run:
            continue
        is_network = {"network", "--fine-tune"} & set(command.words)
        sizes = SMALL_TRAINING if is_network else SMALL.get(command.words[0], {})
        small = {name: value for name, value in sizes.items() if name not in command.words}
        added = [*(word for pair in small.items() for word in pair), *further.get(command.words[0], ())]
        code = exit_code([*command.words, *added])
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
        make_run_configuration(Path(command.words[2]), command.words[0])
    code = exit_code([*command.words, "--print-config"])
    output = capsys.readouterr()
    assert code == 0, output.err
    assert "_" in output.out or ":" in output.out


def make_run_configuration(path: Path, command: str) -> None:
    """The configuration of an earlier run, where a command continues or repeats one."""
    file = path if path.suffix else path / "config.yaml"
    file.parent.mkdir(parents=True)
    lines = (
        f"command: {command}",
        "table: [t.biom]",
        "metadata: m.tsv",
        "metadata_column: age",
        "output_dir: runs/age",
    )
    lines += ("learners: network",)
    file.write_text("\n".join(lines) + "\n")


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
    assert lines[0].split("\t")[:2] == ["sample-id", "predicted"]
    assert len(lines) == 41


@pytest.mark.slow
def test_guide_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.chdir(tmp_path)
    run_all("docs/guide.md", capsys)
    for name in ("runs/gradient/report.html", "runs/group/report.html", "predictions.tsv", "forest.tsv"):
        assert (tmp_path / name).is_file(), name


def chapter_sample(number: int, simulated: dict[str, str]) -> dict[str, str]:
    """A row of the chapters' metadata; a third of the samples has no ``bmi``."""
    age, city = 80 * float(simulated["gradient"]), number % 6
    return {
        "sample-id": simulated["sample-id"],
        "age": f"{age:g}",
        "bmi": "" if number % 3 == 0 else f"{20 + age / 10:g}",
        "ph": f"{5 + number % 7 / 2}",
        "depth": f"{1 + number % 11}",
        "site": simulated["group"],
        "season": f"season_{number % 4}",
        "lab": f"lab_{number % 2}",
        "city": f"city_{city}",
        "state": f"state_{city // 2}",
        "country": f"country_{city // 4}",
        "subject": simulated["subject"],
    }


def make_chapter_study(folder: Path) -> None:
    """The files that the chapters' commands read, with all columns of their metadata."""
    study = folder / "study"
    simulate_study(
        SimulateOptions(output_dir=study, samples=48, asvs=40, asvs_per_sample=15.0, reads=800, progress=False)
    )
    rows = [line.split("\t") for line in (study / "metadata.tsv").read_text().splitlines()]
    samples = [chapter_sample(number, dict(zip(rows[0], row, strict=True))) for number, row in enumerate(rows[1:])]
    lines = ["\t".join(cells) for cells in (samples[0], *(sample.values() for sample in samples))]
    (folder / "samples.tsv").write_text("\n".join(lines) + "\n")
    for name in ("table.biom", "new-samples.biom"):
        shutil.copy(study / "table.biom", folder / name)


def header_of(path: Path) -> list[str]:
    with path.open() as file:
        return file.readline().rstrip("\n").split("\t")


def test_chapters_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    make_chapter_study(tmp_path)
    monkeypatch.chdir(tmp_path)
    for document in CHAPTERS:
        run_all(document, capsys, ALONE)
    assert header_of(tmp_path / "runs/age-bmi/out_of_fold_predictions.tsv") == [
        "sample-id",
        *(f"{name}_{column}" for column in ("age", "bmi") for name in PREDICTED),
        "group",
    ]
    assert header_of(tmp_path / "runs/age-quantiles/val_predictions.tsv") == [
        "sample-id",
        *PREDICTED,
        *("quantile_0.05", "quantile_0.5", "quantile_0.95"),
    ]
    assert header_of(tmp_path / "runs/site/out_of_fold_predictions.tsv")[-1] == "prediction_set"
    assert header_of(tmp_path / "age.tsv") == ["sample-id", *PREDICTED[1:], "observed", *NOVELTY]
    assert (tmp_path / "runs/age/coverage.json").is_file()
    widths = [mean_width(tmp_path / name) for name in ("runs/age/test_predictions.tsv", "age-intervals.tsv")]
    assert widths[0] > widths[1] > 0


def test_comparison_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    make_chapter_study(tmp_path)
    monkeypatch.chdir(tmp_path)
    said = run_all(COMPARE, capsys, {"train": ("--no-report",)})
    assert "that all predict" in said
    assert "forest" in (tmp_path / "runs/blend-and-forest/differences.tsv").read_text()
    assert header_of(tmp_path / "runs/age-curve/curve.tsv")[:3] == ["target", "learner", "groups"]


def test_search_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    make_chapter_study(tmp_path)
    monkeypatch.chdir(tmp_path)
    said = run_all(TUNE, capsys, {"train": ("--no-report",)})
    assert "orth it" in said
    assert header_of(tmp_path / "runs/age-search/outer.tsv")[:2] == ["target", "sample-id"]
    assert (tmp_path / "runs/age-search-best/out_of_fold_predictions.tsv").is_file()


def test_models_by_name_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    make_chapter_study(tmp_path)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("AAM_MODELS", str(tmp_path / "index"))
    said = run_all(MODELS, capsys, ALONE)
    assert "- Hosts or sites: adults of one city" in said
    assert header_of(tmp_path / "age-by-name.tsv")[:2] == ["sample-id", "predicted"]


def mean_width(path: Path) -> float:
    names, *rows = (line.split("\t") for line in path.read_text().splitlines())
    low, high = (names.index(f"predicted_{end}") for end in ("low", "high"))
    return sum(float(row[high]) - float(row[low]) for row in rows) / len(rows)


def test_embeddings_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.chdir(tmp_path)
    run_all("docs/embed.md", capsys, ALONE | {"embed": ("--permutations", "19")})
    document = (ROOT / "docs/embed.md").read_text()
    for path in (tmp_path / "embedding").iterdir():
        assert any(fnmatch(path.name, name) for name in re.findall(r"`([\w*.]+)", document)), path.name


def test_commands_are_found() -> None:
    assert {"check", "train", "predict"} <= {c.words[0] for c in COMMANDS if c.document == "README.md"}
    documents = {"README.md", "docs/guide.md", "docs/embed.md", COMPARE, MODELS, TUNE, *CHAPTERS, *TUTORIALS}
    documents |= {f"docs/tutorials/{name}.md" for name in ("anndata", "dada2", "mothur")}
    assert {c.document for c in COMMANDS if c.is_run} == documents
