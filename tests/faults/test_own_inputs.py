"""No command writes over what it reads (whatever ``--overwrite`` says), over a run, or over files of others."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from aam.estimators import AAMRegressor
from tests.badinputs.models import saved
from tests.data.study_files import write_study
from tests.program import run_command


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A study in files whose names are also those of outputs, a model and a suite."""
    write_study(tmp_path)
    saved(tmp_path)
    (tmp_path / "tree.txt").write_bytes((tmp_path / "tree.nwk").read_bytes())
    task = "tasks:\n  age:\n    table: table.tsv\n    metadata: metadata.tsv\n    metadata_column: age\n"
    (tmp_path / "suite.yaml").write_text(task)
    (tmp_path / "results.md").write_text(task)
    (tmp_path / "options.txt").write_text("model: model\ntable: table.tsv\nmetadata: metadata.tsv\n")
    (tmp_path / "link.tsv").hardlink_to(tmp_path / "metadata.tsv")
    monkeypatch.chdir(tmp_path)
    return tmp_path


STUDY = {"table": "table.tsv", "metadata": "metadata.tsv"}
PREDICT = {**STUDY, "model": "model"}
FOREST = {**STUDY, "metadata_column": "age", "n_estimators": 2}
UNIFRAC = {"table": "table.tsv", "tree": "tree.txt"}
INPUT, OF_MODEL = "is an input of this command", "which this command reads"


@pytest.mark.parametrize(
    ("command", "options", "problem"),
    [
        ("predict", {**PREDICT, "output": "table.tsv"}, INPUT),
        ("predict", {**PREDICT, "output": "./model/../metadata.tsv"}, INPUT),
        ("predict", {**PREDICT, "output": "link.tsv"}, INPUT),
        ("predict", {"config": "options.txt", "output": "options.txt"}, INPUT),
        ("unifrac", {**UNIFRAC, "output": "table.tsv"}, INPUT),
        ("unifrac", {**UNIFRAC, "output": "sequences.npy", "sequences": "sequences.ids.txt"}, INPUT),
        ("rf-baseline", {**FOREST, "output": "metadata.tsv"}, INPUT),
        ("rf-baseline", {**FOREST, "output": "p.tsv", "metadata": "p.metrics.tsv"}, INPUT),
        ("rf-baseline", {**FOREST, "output": "p.tsv", "output_dir": "d", "metadata": "d/README.md"}, INPUT),
        ("benchmark", {"suite": "results.md", "output_dir": "."}, INPUT),
        ("benchmark", {"suite": "suite.yaml", "output_dir": "."}, "results.md, which is not of a benchmark"),
        (
            "train",
            {**FOREST, "output_dir": "r", "metadata": "r/log.txt", "learners": "forest"},
            "the new run",
        ),
    ],
)
def test_no_command_writes_over_its_inputs(
    folder: Path, command: str, options: dict[str, object], problem: str, capsys: pytest.CaptureFixture[str]
) -> None:
    options = {name: value for name, value in options.items() if command != "train" or name != "n_estimators"}
    for option in ("metadata", "sequences"):
        path = folder / str(options.get(option, "metadata.tsv"))
        if not path.exists():
            path.parent.mkdir(exist_ok=True)
            path.write_bytes((folder / "metadata.tsv").read_bytes())
    before = {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}
    words = [] if command == "benchmark" else ["--overwrite"]
    assert run_command(command, *words, small=False, **options) == 2
    said = capsys.readouterr().err
    assert said.startswith("error: ")
    assert problem in said
    assert {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()} == before


def test_a_demo_keeps_predictions_of_others(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (folder / "predictions.tsv").write_text("mine")
    assert run_command("demo", output_dir=".") == 2
    assert "holds predictions.tsv, which is not of a demo" in capsys.readouterr().err
    assert (folder / "predictions.tsv").read_text() == "mine"


def test_an_estimator_is_not_saved_over_files_of_others(folder: Path) -> None:
    estimator = AAMRegressor.load(folder / "model")
    (folder / "paper").mkdir()
    (folder / "paper" / "README.md").write_text("mine")
    with pytest.raises(ValueError, match=r"holds README.md, which is not part of a model"):
        estimator.save(folder / "paper")
    assert (folder / "paper" / "README.md").read_text() == "mine"
    estimator.save(folder / "model")
    estimator.save(folder / "new")
    assert json.loads((folder / "new" / "config.json").read_text())["kind"] == "predictor"


@pytest.mark.parametrize("name", ["p.xlsx", "p", "p.json"])
@pytest.mark.parametrize("command", ["predict", "rf-baseline"])
def test_a_table_of_an_unknown_format_is_refused_at_once(
    folder: Path, command: str, name: str, capsys: pytest.CaptureFixture[str]
) -> None:
    options = {"predict": PREDICT, "rf-baseline": FOREST}[command]
    assert run_command(command, **{**options, "table": "nothing.tsv", "output": name}) == 2
    assert "end it in .tsv, .txt, .csv, or one of these with .gz" in capsys.readouterr().err


def test_tables_are_written_as_their_names_say(folder: Path) -> None:
    tables = []
    for name in ("p.tsv", "p.csv"):
        assert run_command("rf-baseline", **FOREST, output=name) == 0
        separator = {"p.tsv": "\t", "p.csv": ","}[name]
        for file in (name, name.replace("p.", "p.metrics.")):
            tables.append([line.split(separator) for line in (folder / file).read_text().splitlines()])
    assert tables[:2] == tables[2:]
    assert np.unique([len(row) for row in tables[0]]).size == 1
