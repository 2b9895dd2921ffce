"""Cross-validation of blends: the folds' own forests are the baseline, and finished folds are not fitted again."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from aam.evaluation.prediction_table import read_columns
from aam.workflows.runs.blend import run as blend
from tests.program import run_command
from tests.qiime2_metadata import read_qiime2

LEARNERS = "forest,jaccard"


def folds(study: Path, folder: Path, learners: str = LEARNERS) -> int:
    files = {"table": study / "table.biom", "metadata": study / "metadata.tsv", "metadata_column": "gradient"}
    options = {"group_column": "subject", "cv": 2, "learners": learners, "output_dir": folder}
    return run_command("train", "--no-report", **files, **options, small=False)


@pytest.fixture(scope="module")
def unbroken(study: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("blends") / "run"
    assert folds(study, folder) == 0
    return folder


def test_the_forests_are_the_blends_own(unbroken: Path) -> None:
    for fold in ("repeat1-fold1", "repeat1-fold2"):
        own = read_columns(unbroken / "folds" / fold / "forest_predictions.tsv")
        copied = read_columns(unbroken / "forests" / f"{fold}.tsv")
        tested = own["part"] == "test"
        assert 0 < tested.sum() < len(tested)
        assert copied["predicted"].tolist() == own["predicted"][tested].tolist()
        lists = [(unbroken / "folds" / fold / f"{part}_samples.txt").read_text().split() for part in ("train", "test")]
        assert sum(map(len, lists)) == 60
        assert sorted(lists[1]) == sorted(copied["sample-id"])
    assert "forest" in (unbroken / "cv_metrics.tsv").read_text()
    for name in ("cv_predictions.tsv", "cv_forest_predictions.tsv"):
        assert len(read_qiime2(unbroken / name)[0]) == 60


def test_without_a_forest_in_the_blend_one_is_fitted(study: Path, tmp_path: Path) -> None:
    assert folds(study, tmp_path / "run", "jaccard") == 0
    assert not (tmp_path / "run" / "folds" / "repeat1-fold1" / "forest_predictions.tsv").exists()
    assert len(read_columns(tmp_path / "run" / "cv_forest_predictions.tsv")["sample-id"]) == 60


def test_a_stopped_fold_starts_anew(
    study: Path, unbroken: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    original, calls = blend.fit_blend_model, []

    def interrupted(*given: Any) -> Any:
        calls.append(1)
        if len(calls) == 2:
            raise KeyboardInterrupt
        return original(*given)

    monkeypatch.setattr(blend, "fit_blend_model", interrupted)
    assert folds(study, tmp_path / "run") == 130
    assert run_command("train", "--resume-from", tmp_path / "run", small=False) == 0
    assert len(calls) == 3
    for name in ("cv_predictions.tsv", "cv_forest_predictions.tsv", "cv_metrics.tsv"):
        assert (tmp_path / "run" / name).read_text() == (unbroken / name).read_text()
