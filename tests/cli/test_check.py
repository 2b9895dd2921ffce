from __future__ import annotations

import shlex
import subprocess
import sys
from pathlib import Path

import pytest

from aam.cli.main import main
from aam.cli.options import parse
from aam.config.commands import SimulateOptions
from aam.data.simulate import simulate_study


@pytest.fixture(scope="module")
def study(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("check") / "study"
    sizes = {"samples": 40, "asvs": 60, "asvs_per_sample": 20.0, "reads": 1000, "sequence_length": 60}
    simulate_study(SimulateOptions(output_dir=folder, progress=False, **sizes))  # type: ignore[arg-type]
    return folder


def words(study: Path, *more: str) -> list[str]:
    return ["check", "--table", str(study / "table.biom"), *more]


def with_target(study: Path, *more: str) -> list[str]:
    files = ["--tree", str(study / "tree.nwk"), "--metadata", str(study / "metadata.tsv")]
    return words(study, *files, "--metadata-column", "gradient", *more)


def test_a_sound_study(study: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(with_target(study, "--group-column", "subject", "--test-size", "0.2", "--rarefy-depth", "500")) == 0
    said = capsys.readouterr().out
    for expected in (
        "fewer than 500 reads",
        "500 reads are drawn from each",
        "learn 'gradient', a number",
        "--batch-size 8",
        "weights, and batches of 8 samples of up to ",
        "memory: batch 8 x accumulate 1 = 8; expected ",
        "No problem found. Next:",
    ):
        assert expected in said
    split = next(line for line in said.splitlines() if line.startswith("split: "))
    assert [part.split()[1] for part in split.removeprefix("split: ").split(", ")] == ["train", "validation", "test"]


def test_the_next_command_is_one_that_train_accepts(study: Path, capsys: pytest.CaptureFixture[str]) -> None:
    more = ["--metadata-column", "group", "--classifier", "--no-stratify", "--missing", "a,b c", "--batch-size", "4"]
    assert main([*with_target(study)[:-2], *more]) == 0
    command = shlex.split(capsys.readouterr().out.splitlines()[-1])
    assert command[:2] == ["aam", "train"]
    config = parse("train", command[2:]).config
    assert (config.target.metadata_column[0], config.target.classifier, config.target.missing) == (
        "group",
        True,
        ("a", "b c"),
    )
    assert (config.split.stratify, config.optim.batch_size) == (False, 4)
    assert config.study.tree == study / "tree.nwk"


def test_without_a_target_it_is_pretraining(study: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(words(study)) == 0
    said = capsys.readouterr().out
    assert "pre-train an encoder" in said
    assert "--encoder-type bray_curtis (no tree is given)" in said
    command = shlex.split(said.splitlines()[-1])
    assert command[:2] == ["aam", "pretrain"]
    assert parse("pretrain", command[2:]).config.table.table == (study / "table.biom",)


def test_samples_left_out_are_told(study: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    sheet = (study / "metadata.tsv").read_text().splitlines()
    (tmp_path / "part.tsv").write_text("\n".join(sheet[:-10]) + "\n")
    assert main(words(study, "--metadata", str(tmp_path / "part.tsv"))) == 0
    (line,) = [line for line in capsys.readouterr().out.splitlines() if line.strip().startswith("Sample sheet")]
    assert line.split()[2:4] == ["30", "10"]
    assert "not in part.tsv" in line


def test_every_problem_is_listed(study: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "tree.nwk").write_text("(a:1,b:-1);")
    sheet = ["--metadata", str(study / "metadata.tsv"), "--metadata-column", "gradien"]
    assert main(words(study, "--tree", str(tmp_path / "tree.nwk"), *sheet)) == 2
    output = capsys.readouterr()
    assert output.out == ""
    lines = output.err.splitlines()
    assert len(lines) == len(set(lines)) >= 2
    assert all(line.startswith("error: ") for line in lines)
    assert any("no column 'gradien'; did you mean 'gradient'?" in line for line in lines)
    assert any("tree.nwk" in line and "negative" in line for line in lines)


@pytest.mark.parametrize(
    ("more", "expected"),
    [
        (["--group-column", "batch"], "column 'batch' has 1 group"),
        (["--group-column", "nothing"], "no column 'nothing'"),
        (["--classifier"], "1 sample"),
    ],
)
def test_what_only_a_run_would_meet(
    study: Path, more: list[str], expected: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(with_target(study, *more)) == 2
    assert expected in capsys.readouterr().err


def test_a_target_needs_a_sample_sheet(study: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(words(study, "--metadata-column", "gradient")) == 2
    assert capsys.readouterr().err == "error: --metadata is required: the sample sheet holds the column to predict\n"


def test_it_starts_without_torch(study: Path) -> None:
    heavy = ("torch", "lightning", "sklearn", "pandas", "skbio", "biom", "matplotlib")
    code = (
        f"import sys\nfrom aam.cli.main import main\nassert main({with_target(study)!r}) == 0\n"
        f"print([m for m in {heavy!r} if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == "[]"
