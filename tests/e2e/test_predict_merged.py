"""A model that is told which of several merged tables a sample is of, and what it needs to predict."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from aam.data.readers.table import read_raw_table
from aam.evaluation.prediction_table import read_columns
from tests.program import run_command

Predict = Callable[..., int]


@pytest.fixture(scope="module")
def tables(study: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """The study's table in two halves, ``one.tsv`` and ``two.tsv``."""
    folder = tmp_path_factory.mktemp("halves")
    raw = read_raw_table(study / "table.biom")
    counts = raw.counts.toarray()
    for name, rows in (("one", slice(0, 30)), ("two", slice(30, 60))):
        lines = ["\t".join(["#OTU ID", *raw.sample_ids[rows]])]
        lines += ["\t".join([asv, *map(str, own)]) for asv, own in zip(raw.asv_ids, counts[rows].T, strict=True)]
        (folder / f"{name}.tsv").write_text("\n".join(lines) + "\n")
    return folder / "one.tsv", folder / "two.tsv"


@pytest.fixture(scope="module")
def run(study: Path, tables: tuple[Path, Path], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run of both, whose covariate ``source`` is made of the tables' names."""
    folder = tmp_path_factory.mktemp("runs") / "run"
    words = ["--table", tables[0], "--table", tables[1], "--no-forest-baseline", "--no-report"]
    told = {"study_column": "source", "categorical_columns": "source", "metadata_column": "gradient", "epochs": 1}
    assert run_command("train", *words, metadata=study / "metadata.tsv", output_dir=folder, **told) == 0
    return folder


@pytest.fixture
def predict(run: Path, tmp_path: Path) -> Predict:
    """Predicts some tables with the run's model, into ``predictions.tsv``."""

    def call(*tables: Path, **flags: object) -> int:
        words = [word for table in tables for word in ("--table", table)]
        return run_command(
            "predict", "--overwrite", *words, model=run, output=tmp_path / "predictions.tsv", seed=42, **flags
        )

    return call


def of_samples(path: Path, sample_ids: np.ndarray) -> np.ndarray:
    columns = read_columns(path)
    value_of = dict(zip(columns["sample-id"], columns["predicted"].astype(float), strict=True))
    return np.array([value_of[sample_id] for sample_id in sample_ids])


def test_the_column_is_made_again_of_several_tables(
    predict: Predict, run: Path, study: Path, tables: tuple[Path, Path], tmp_path: Path
) -> None:
    own = read_columns(run / "val_predictions.tsv")
    expected = own["predicted"].astype(float)
    assert predict(*tables) == 0
    assert of_samples(tmp_path / "predictions.tsv", own["sample-id"]) == pytest.approx(expected, abs=1e-3)
    assert predict(*tables, metadata=study / "metadata.tsv") == 0
    assert of_samples(tmp_path / "predictions.tsv", own["sample-id"]) == pytest.approx(expected, abs=1e-3)
    assert "observed" in read_columns(tmp_path / "predictions.tsv")


def test_one_table_needs_the_column_in_the_sheet(
    predict: Predict,
    run: Path,
    study: Path,
    tables: tuple[Path, Path],
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    what = "('source' identifies the table of a sample)"
    assert predict(tables[0]) == 2
    said = f"--metadata is needed: the model uses the metadata column source {what}"
    assert said in capsys.readouterr().err
    assert predict(tables[0], metadata=study / "metadata.tsv") == 2
    assert f"metadata.tsv: no column 'source' {what}; add it to the metadata" in capsys.readouterr().err
    lines = (study / "metadata.tsv").read_text().splitlines()
    sheet = tmp_path / "sheet.tsv"
    sheet.write_text("\n".join([f"{lines[0]}\tsource", *(f"{line}\tone" for line in lines[1:])]) + "\n")
    assert predict(tables[0], metadata=sheet) == 0
    own = read_columns(run / "val_predictions.tsv")
    of_one = np.isin(own["sample-id"], read_raw_table(tables[0]).sample_ids)
    found = of_samples(tmp_path / "predictions.tsv", own["sample-id"][of_one])
    assert found == pytest.approx(own["predicted"][of_one].astype(float), abs=1e-3)
    capsys.readouterr()
    assert predict(*tables, metadata=sheet) == 0
    assert "column 'source' is that of sheet.tsv, not made from the tables' names" in capsys.readouterr().out


def test_a_column_of_the_sheet_is_not_made(
    study: Path, tables: tuple[Path, Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ["--table", tables[0], "--table", tables[1]]
    told = {"study_column": "group", "categorical_columns": "group", "metadata_column": "gradient", "epochs": 1}
    more = {"metadata": study / "metadata.tsv", "output_dir": tmp_path / "run"}
    assert run_command("train", *words, "--no-forest-baseline", "--no-report", **told, **more) == 0
    assert json.loads((tmp_path / "run" / "model" / "config.json").read_text())["data"]["study_column"] is None
    capsys.readouterr()
    assert run_command("predict", *words, model=tmp_path / "run", output=tmp_path / "p.tsv") == 2
    assert "--metadata is needed: the model uses the metadata column group\n" in capsys.readouterr().err
