"""Several studies in one run: one left out after the other, what is done about their differences, and balance."""

from __future__ import annotations

import signal
from pathlib import Path

import numpy as np
import pytest
import yaml
from sklearn.metrics import mean_absolute_error

from aam.evaluation.prediction_table import read_columns
from aam.report.build import build_report
from aam.training.step.module import TrainingModule
from tests.e2e.test_cross_validation import stopped
from tests.program import run_command


def words(study: Path, folder: Path, **options: object) -> dict[str, object]:
    files = {"table": study / "table.biom", "metadata": study / "metadata.tsv", "metadata_column": "gradient"}
    return {**files, "study_column": "group", "output_dir": folder, **options}


@pytest.fixture(scope="module")
def left_out(study: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Three studies, each predicted by a blend of the others."""
    folder = tmp_path_factory.mktemp("left") / "run"
    options = {"cv": "study", "learners": "forest,jaccard", "study_effect": "centre"}
    assert run_command("train", **words(study, folder, **options), small=False) == 0
    return folder


def test_each_study_is_judged_alone(left_out: Path) -> None:
    predicted, rows = read_columns(left_out / "cv_predictions.tsv"), read_columns(left_out / "cv_studies.tsv")
    assert list(rows)[:5] == ["study", "samples", "groups", "familiar_reads", "unlike_training"]
    names = sorted(set(predicted["study"]))
    assert names == ["group_1", "group_2", "group_3"] == sorted(set(rows["study"]))
    for name in names:
        own = predicted["study"] == name
        truth, found = (predicted[column][own].astype(float) for column in ("observed", "predicted"))
        row = (rows["study"] == name) & (rows["predictor"] == "model") & (rows["metric"] == "mae")
        assert float(rows["value"][row][0]) == pytest.approx(mean_absolute_error(truth, found), rel=1e-5)
        assert int(rows["samples"][row][0]) == own.sum()
        assert float(rows["low"][row][0]) < float(rows["value"][row][0]) < float(rows["high"][row][0])
        (fold,) = set(predicted["fold"][own])
        lists = left_out / "folds" / f"repeat1-fold{fold}"
        assert sorted((lists / "test_samples.txt").read_text().split()) == sorted(predicted["sample-id"][own])
    assert {"model", "forest", "guess", "model - forest"} == set(rows["predictor"])


def test_its_report_says_how_studies_differ(left_out: Path, capsys: pytest.CaptureFixture[str]) -> None:
    page = (left_out / "report.html").read_text()
    for said in ("By study", "group_2", "On studies that the model had not seen", "What the study alone tells"):
        assert said in page
    assert build_report(left_out).read_text().count("group_2") == page.count("group_2")
    assert run_command("info", left_out) == 0
    assert "3 of 3 folds are finished" in capsys.readouterr().out
    final = yaml.safe_load((left_out / "final_model.yaml").read_text())
    assert (final["cv"], final["study_effect"], final["whole_studies"]) == (None, "centre", False)


def test_a_centred_model_says_what_it_centres_by(
    left_out: Path, study: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    model, output = left_out / "folds" / "repeat1-fold1", tmp_path / "p.tsv"
    files = {"table": study / "table.biom", "metadata": study / "metadata.tsv", "output": output}
    assert run_command("predict", model=model, **files) == 0
    said = capsys.readouterr().out
    assert "new studies (1) are centred by the means of their own samples" in said
    assert "studies of training (by name): 2" in said
    own, folds = read_columns(output), read_columns(left_out / "cv_predictions.tsv")
    tested = {i: p for i, p, f in zip(folds["sample-id"], folds["predicted"], folds["fold"], strict=True) if f == "1"}
    found = {i: p for i, p in zip(own["sample-id"], own["predicted"], strict=True) if i in tested}
    assert {i: float(p) for i, p in found.items()} == pytest.approx({i: float(p) for i, p in tested.items()}, rel=1e-4)


def test_check_tells_studies_apart(study: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    options = {"cv": "study", "learners": "jaccard", "study_effect": "covariate"}
    assert run_command("check", **words(study, tmp_path / "run", **options)) == 0
    said = capsys.readouterr().out
    assert "leave out each of 3 studies" in said
    assert "use as input group: 2 levels (group_2, group_3)" in said
    assert "study 'group_1'" in said


def test_studies_stay_whole_where_that_is_asked_for(
    study: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    options = {"whole_studies": None, "learners": "jaccard", "balance_by": "study"}
    flags = words(study, tmp_path / "run", **options)
    del flags["whole_studies"]
    assert run_command("train", "--whole-studies", "--no-report", "--no-forest-baseline", **flags, small=False) == 0
    assert "weighted by predictions of 60 samples in 3 folds" in capsys.readouterr().out


def test_unlearning_and_balance_resume_exactly(study: Path, tmp_path: Path) -> None:
    options = {"learners": "network", "study_effect": "adversary", "balance_by": "study", "group_column": "subject"}
    sizes = {"epochs": 2, "embedding_dim": 16, "attention_heads": 2, "attention_layers": 1, "num_soft_clades": 16}
    flags = {**options, **sizes, "rarefy_depth": 300, "batch_size": 8}
    whole, broken = tmp_path / "whole", tmp_path / "broken"
    quiet = ("--no-report", "--no-forest-baseline")
    assert run_command("train", *quiet, **words(study, whole, **flags), small=False) == 0
    pairs = [f"--{name.replace('_', '-')}={value}" for name, value in words(study, broken, **flags).items()]
    assert stopped(TrainingModule, "training_step", 8, signal.SIGUSR1, *quiet, *pairs) == 75
    assert run_command("train", "--resume-from", broken, small=False) == 0
    drop = ["seconds"]
    one, two = (read_columns(folder / "metrics.csv", ",") for folder in (whole, broken))
    assert "train_study_loss" in one
    for name in set(one) - set(drop):
        assert one[name].tolist() == two[name].tolist(), name
    tables = [(folder / "val_predictions.tsv").read_text() for folder in (whole, broken)]
    assert tables[0] == tables[1]


@pytest.mark.parametrize("effect", ["covariate", "adversary"])
def test_one_study_to_learn_from_is_refused(
    study: Path, tmp_path: Path, effect: str, capsys: pytest.CaptureFixture[str]
) -> None:
    options = {"cv": "study", "study_effect": effect, "where": "\"group\" != 'group_3'"}
    learners = "network" if effect == "adversary" else "jaccard"
    assert run_command("train", **words(study, tmp_path / "run", **options, learners=learners), small=False) == 2
    said = capsys.readouterr().err
    assert "(without 'group_1')" in said
    assert "one level" in said or "the training samples are of one study ('group_2')" in said
    assert np.all([not path.name.startswith("repeat") for path in tmp_path.rglob("*")])
