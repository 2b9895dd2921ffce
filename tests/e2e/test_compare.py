"""`aam compare` of small runs: on which samples, with which figures, and what it refuses."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
from sklearn.metrics import balanced_accuracy_score, mean_absolute_error

import aam
from aam.errors import ConfigError
from aam.evaluation.prediction_table import read_columns
from tests.program import run_command
from tests.qiime2_metadata import read_qiime2

TABLES = {"differences.tsv", "metrics.tsv", "options.tsv", "predictions.tsv"}
FILES = {"comparison.json", "figures", "report.html", *TABLES}


def train(study: Path, folder: Path, *words: str, **options: object) -> Path:
    files = {"table": study / "table.biom", "metadata": study / "metadata.tsv"}
    given = {**files, "metadata_column": "gradient", "learners": "jaccard", "output_dir": folder, **options}
    alone = ("--no-report", "--no-forest-baseline", "--no-progress")
    assert run_command("train", *alone, *words, small=False, **given) == 0
    return folder


@pytest.fixture(scope="module")
def runs(study: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Runs with a test part, without one, with folds in two repeats, and the table of a forest."""
    folder = tmp_path_factory.mktemp("compared")
    tested = {"test_size": 0.3, "group_column": "subject"}
    forest = {"table": study / "table.biom", "metadata": study / "metadata.tsv", "metadata_column": "gradient"}
    table = folder / "forest.tsv"
    assert run_command("rf-baseline", **forest, **tested, output=table, n_estimators=10, n_jobs=1) == 0
    return {
        "tested": train(study, folder / "tested", **tested),
        "clr": train(study, folder / "clr", learners="clr-linear", **tested),
        "untested": train(study, folder / "untested"),
        "folds": train(study, folder / "folds", cv=2, cv_repeats=2, group_column="subject"),
        "forest": table,
    }


def test_the_test_samples_of_all_are_compared(runs: dict[str, Path], tmp_path: Path) -> None:
    folder = tmp_path / "c"
    words = [runs[name] for name in ("tested", "clr", "folds", "forest")]
    assert run_command("compare", *words, output_dir=folder) == 0
    assert {path.name for path in folder.iterdir()} == FILES
    own = read_columns(runs["tested"] / "test_predictions.tsv")
    found = read_columns(folder / "predictions.tsv")
    assert found["sample-id"].tolist() == sorted(own["sample-id"])
    metrics = read_columns(folder / "metrics.tsv")
    value = {
        run: float(v) for run, m, v in zip(*(metrics[n] for n in ("run", "metric", "value")), strict=True) if m == "mae"
    }
    for name in ("tested", "clr"):
        table = read_columns(runs[name] / "test_predictions.tsv")
        mae = mean_absolute_error(table["observed"].astype(float), table["predicted"].astype(float))
        assert value[name] == pytest.approx(mae)
    held = read_columns(runs["folds"] / "cv_predictions.tsv")
    is_own = np.isin(held["sample-id"], own["sample-id"])
    maes = [
        mean_absolute_error(
            *(held[name][is_own & (held["repeat"] == repeat)].astype(float) for name in ("observed", "predicted"))
        )
        for repeat in ("1", "2")
    ]
    assert value["folds"] == pytest.approx(np.mean(maes))
    read_qiime2(folder / "predictions.tsv")
    record = json.loads((folder / "comparison.json").read_text())
    assert record["reference"] == "tested"
    assert {name: run["part"] for name, run in record["runs"].items()} == {
        "tested": "test",
        "clr": "test",
        "folds": "folds",
        "forest.tsv": "test",
    }
    page = (folder / "report.html").read_text()
    assert page.count("<svg") >= 6
    assert "Paired differences" in page


def test_a_run_that_split_groups_is_named(runs: dict[str, Path], capsys: pytest.CaptureFixture[str]) -> None:
    assert run_command("compare", runs["folds"], runs["untested"]) == 0
    said = capsys.readouterr().out
    assert "gradient: 60 samples in 15 groups that all predict" in said
    assert "LEAK: models of untested learned from other samples of the groups of 60 of 60 samples" in said
    assert run_command("compare", runs["folds"], runs["tested"], part="out-of-fold") == 0
    assert "LEAK" not in capsys.readouterr().out


def test_the_reference_is_the_one_asked_for(runs: dict[str, Path]) -> None:
    found = aam.compare(runs=[runs["tested"], runs["clr"]], reference=runs["clr"])
    other = aam.compare(runs=[runs["tested"], runs["clr"]])
    assert found.names == ("clr", "tested")
    assert found.differences["difference"] == pytest.approx(-other.differences["difference"])
    assert found.options["option"].tolist() == ["learners"]
    assert set(found.figures) == {"compared-metrics", "paired-differences", "predictions-against"}
    frame = found.metrics.to_frame()
    assert list(frame["run"].unique()) == ["clr", "tested"]


def test_several_targets_and_classes(study: Path, tmp_path: Path) -> None:
    columns = read_columns(study / "metadata.tsv")
    gradient = columns["gradient"].astype(float)
    columns["ph"] = np.array(
        [f"{5 + value:.3f}" if row % 4 else "" for row, value in enumerate(gradient)], dtype=object
    )
    sheet = tmp_path / "sheet.tsv"
    rows = zip(*columns.values(), strict=True)
    sheet.write_text("\n".join(["\t".join(columns), *("\t".join(row) for row in rows)]) + "\n")
    both = ("--metadata-column", "ph")
    two = [train(study, tmp_path / name, *both, metadata=sheet, learners=name) for name in ("jaccard", "clr-linear")]
    found = aam.compare(runs=[*two, train(study, tmp_path / "one")], output_dir=tmp_path / "one-target")
    assert list(found.predictions) == ["gradient"]
    found = aam.compare(runs=two, output_dir=tmp_path / "targets")
    assert {name: len(table["observed"]) for name, table in found.predictions.items()} == {"gradient": 60, "ph": 45}
    assert {"predictions_1.tsv", "predictions_2.tsv"} < {path.name for path in (tmp_path / "targets").iterdir()}
    options = {"metadata_column": "group", "group_column": "subject"}
    classes = [
        train(study, tmp_path / f"c-{name}", "--classifier", learners=name, **options)
        for name in ("jaccard", "clr-linear")
    ]
    found = aam.compare(runs=classes, output_dir=tmp_path / "classes")
    table = read_columns(classes[1] / "out_of_fold_predictions.tsv")
    rows = (found.metrics["run"] == "c-clr-linear") & (found.metrics["metric"] == "balanced_accuracy")
    assert found.metrics["value"][rows] == pytest.approx(
        balanced_accuracy_score(table["observed"].astype(str), table["predicted"].astype(str))
    )
    assert "same class" in (tmp_path / "classes" / "report.html").read_text()


def test_predictions_of_a_model_are_compared(runs: dict[str, Path], study: Path, tmp_path: Path) -> None:
    """A table says nothing of what its model learned from, and of a run's own samples it is no test."""
    inputs = {"table": study / "table.biom", "metadata": study / "metadata.tsv"}
    assert run_command("predict", model=runs["tested"], **inputs, output=tmp_path / "p.tsv") == 0
    found = aam.compare(runs=[runs["tested"], tmp_path / "p.tsv"])
    assert any("tables do not say" in line for line in found.notes)
    mae = dict(zip(found.differences["metric"], found.differences["difference"], strict=True))["mae"]
    assert mae == pytest.approx(0, abs=1e-6)


def refused(capsys: pytest.CaptureFixture[str], *words: object, **options: object) -> str:
    assert run_command("compare", *words, **options) == 2
    return capsys.readouterr().err


def test_what_cannot_be_compared_is_said(
    runs: dict[str, Path], study: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert "compare needs two runs or more" in refused(capsys, runs["clr"])
    assert "is named twice" in refused(capsys, runs["clr"], runs["clr"])
    assert "is none of the runs" in refused(capsys, runs["clr"], runs["tested"], reference=runs["folds"])
    assert "has no validation predictions (there: test, out-of-fold)" in refused(
        capsys, runs["clr"], runs["tested"], part="validation"
    )
    assert "is not a run directory" in refused(capsys, runs["clr"], study)
    assert "has no columns sample-id, observed and predicted" in refused(capsys, runs["clr"], study / "metadata.tsv")
    assert "duplicate sample" in refused(capsys, runs["clr"], runs["folds"] / "cv_predictions.tsv")
    shutil.copytree(runs["clr"], tmp_path / "open")
    (tmp_path / "open" / "finished.json").unlink()
    assert "the run is not finished" in refused(capsys, runs["clr"], tmp_path / "open")
    with pytest.raises(ConfigError, match="overwrite needs output_dir"):
        aam.compare(runs=[runs["clr"], runs["tested"]], overwrite=True)


def test_an_earlier_comparison_is_replaced_as_a_whole(
    runs: dict[str, Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder, words = tmp_path / "c", (runs["clr"], runs["tested"])
    assert run_command("compare", *words, output_dir=folder) == 0
    before = (folder / "metrics.tsv").read_bytes()
    (folder / "mine.txt").write_text("mine")
    assert "the folder is not empty" in refused(capsys, *words, output_dir=folder)
    assert run_command("compare", *words, "--overwrite", output_dir=folder) == 0
    assert (folder / "metrics.tsv").read_bytes() == before
    assert (folder / "mine.txt").read_text() == "mine"
