"""`aam train --cv` with several targets, of which some samples lack one; and with ensembles that name classes."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
from sklearn.metrics import mean_absolute_error

from aam.evaluation.prediction_table import read_columns
from tests.program import Run


@pytest.fixture
def sheet(study: Path, tmp_path: Path) -> Path:
    """The metadata with a second target, which every fourth sample lacks."""
    header, *rows = [line.split("\t") for line in (study / "metadata.tsv").read_text().splitlines()]
    other = ["" if place % 4 == 0 else f"{3 + 10 * float(row[1]):.4f}" for place, row in enumerate(rows)]
    lines = [[*header, "other"], *([*row, value] for row, value in zip(rows, other, strict=True))]
    path = tmp_path / "sheet.tsv"
    path.write_text("".join("\t".join(line) + "\n" for line in lines))
    return path


def test_each_target_is_judged_on_the_samples_that_have_it(train: Run, sheet: Path, tmp_path: Path) -> None:
    words = ("--metadata-column", "other", "--forest-baseline", "--report")
    flags = {"metadata": sheet, "cv": 2, "epochs": 1, "numeric_columns": "gradient_true"}
    assert train(*words, **flags) == 0
    run = tmp_path / "run"
    table, forest, metrics = (
        read_columns(run / f"cv_{n}.tsv") for n in ("predictions", "forest_predictions", "metrics")
    )
    assert table["sample-id"].tolist() == forest["sample-id"].tolist()
    lacking = table["observed_other"] == ""
    assert 0 < lacking.sum() < len(lacking)
    assert not (table["observed_gradient"] == "").any()
    for column, rows in (("gradient", lacking | ~lacking), ("other", ~lacking)):
        observed, predicted = (table[f"{name}_{column}"][rows].astype(float) for name in ("observed", "predicted"))
        chosen = (metrics["target"] == column) & (metrics["predictor"] == "model") & (metrics["metric"] == "mae")
        expected = mean_absolute_error(observed, predicted)
        assert metrics["value"][chosen].astype(float) == pytest.approx([expected], rel=1e-5)
        low, high = (table[f"predicted_{end}_{column}"][rows].astype(float) for end in ("low", "high"))
        held = ((low <= observed) & (observed <= high)).sum()
        page = (run / "report.html").read_text()
        assert f"of {rows.sum()} cross-validated samples {held} (" in page
    assert "other: Folds" in page


def test_a_fold_without_target_values_is_refused_first(
    train: Run, sheet: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    header, *rows = [line.split("\t") for line in sheet.read_text().splitlines()]
    few = [[*row[:-1], row[-1] if place in (10, 11) else ""] for place, row in enumerate(rows)]
    sheet.write_text("".join("\t".join(line) + "\n" for line in [header, *few]))
    assert train("--metadata-column", "other", metadata=sheet, cv=3) == 2
    assert "error: repeat1-fold1: sheet.tsv: column 'other'" in capsys.readouterr().err
    assert not (tmp_path / "run").exists()


def test_a_fold_that_cannot_select_a_model_is_refused_first(
    train: Run, sheet: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    header, *rows = [line.split("\t") for line in sheet.read_text().splitlines()]
    few = [[*row[:-1], row[-1] if place % 5 == 2 else ""] for place, row in enumerate(rows)]
    sheet.write_text("".join("\t".join(line) + "\n" for line in [header, *few]))
    assert train("--metadata-column", "other", metadata=sheet, cv=5) == 2
    said = capsys.readouterr().err
    assert re.search(
        r"error: repeat1-fold\d: sheet.tsv: column 'other' has (no|one) value in \d+ validation samples", said
    )
    assert "r2 cannot be measured" in said
    assert not (tmp_path / "run").exists()


def test_a_target_without_validation_values_has_no_interval(
    train: Run, sheet: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    header, *rows = [line.split("\t") for line in sheet.read_text().splitlines()]
    parts = [("train", "test", "validation", "train")[place % 4] for place in range(len(rows))]
    few = [[*row[:-1], "" if part == "validation" else row[-1], part] for row, part in zip(rows, parts, strict=True)]
    sheet.write_text("".join("\t".join(line) + "\n" for line in [[*header, "part"], *few]))
    flags = {"metadata": sheet, "split_column": "part", "epochs": 1, "interval_level": 0.5}
    assert train("--metadata-column", "other", **flags) == 2
    assert "error: sheet.tsv: column 'other' has no value in" in capsys.readouterr().err
    assert train("--metadata-column", "other", **flags, best_metric="mae_gradient") == 0
    assert "note: column 'other' has no intervals: no calibration sample has a value" in capsys.readouterr().out
    run = tmp_path / "run"
    table = read_columns(run / "test_predictions.tsv")
    assert "predicted_low_gradient" in table
    assert "predicted_other" in table
    assert "predicted_low_other" not in table
    assert list(json.loads((run / "coverage.json").read_text())) == ["gradient"]


def test_folds_of_ensembles_give_sets_of_classes(train: Run, sheet: Path, tmp_path: Path) -> None:
    flags = {"metadata": sheet, "metadata_column": "group", "cv": 2, "ensemble": 2, "epochs": 1}
    assert train("--classifier", "--report", **flags) == 0
    run = tmp_path / "run"
    table = read_columns(run / "cv_predictions.tsv")
    sets = [json.loads(cell) for cell in table["prediction_set"]]
    assert all(label in found for label, found in zip(table["predicted"], sets, strict=True))
    held = sum(label in found for label, found in zip(table["observed"], sets, strict=True))
    page = (run / "report.html").read_text()
    assert f"of {len(sets)} cross-validated samples {held} (" in page
    assert "ensembles of 2 models of the folds" in page
    assert sorted(path.parent.parent.name for path in run.glob("folds/*/members/*/finished.json")) == ["members"] * 4
    for fold in run.glob("folds/*"):
        data = json.loads((fold / "data.json").read_text())
        assert [member["seed"] for member in data["members"]] == [42, 43]
        assert not (fold / "report.html").exists()
