"""What a run tells its trackers, without any tracker: whose entry it goes on with, and what its numbers are called."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from aam.config import TrainConfig, from_flat
from aam.data.targets.kinds import NUMBERS, Predictions, TargetSpec
from aam.evaluation.baseline_comparison import judge
from aam.runs.directory import RunDirectory
from aam.runs.tracking.places import write_places
from aam.runs.tracking.tracker import Place
from aam.workflows.runs.tracked import Tracking, data_facts, scores

PLACE = {"mlflow": Place("a", "file:///runs")}


def tracking(run: Path, **changes: Any) -> Tracking:
    given = {"table": ["t.biom"], "metadata": "m.tsv", "metadata_column": ["age"], "logger": ["mlflow"]}
    config = from_flat(TrainConfig, {**given, "learners": ["network"], "output_dir": run, **changes})
    return Tracking(config, RunDirectory(run), "train")


@pytest.fixture
def whole(tmp_path: Path) -> Path:
    """The directory of a cross-validation of ensembles, with entries."""
    for run in (tmp_path / "cv", tmp_path / "cv" / "folds" / "f1"):
        run.mkdir(parents=True)
        (run / "config.yaml").write_text("command: train\n")
        (run / "data.json").write_text("{}")
    write_places(tmp_path / "cv", PLACE)
    return tmp_path / "cv"


def test_a_part_knows_its_whole(whole: Path) -> None:
    fold, member = whole / "folds" / "f1", whole / "folds" / "f1" / "members" / "2"
    facts = [tracking(run)._facts() for run in (whole, fold, member)]
    assert [(one.name, one.kind) for one in facts] == [("cv", "train"), ("cv f1", "fold"), ("cv f1 2", "member")]
    assert {one.root for one in facts} == {whole}
    assert tracking(fold)._parents() == PLACE
    assert tracking(whole)._parents() == tracking(member)._parents() == {}


def test_whose_entry_goes_on(whole: Path) -> None:
    fold = whole / "folds" / "f1"
    write_places(fold, PLACE)
    assert tracking(whole, resume_from=whole).known == PLACE
    assert tracking(whole, overwrite=True).known == {}
    assert tracking(fold, overwrite=True).known == PLACE  # a blend that was stopped begins anew within the whole
    assert tracking(fold, logger=[]).known == {}


def test_a_folder_that_is_called_folds_makes_no_part(tmp_path: Path) -> None:
    facts = tracking(tmp_path / "folds" / "a")._facts()
    assert (facts.name, facts.kind, facts.root) == ("a", "train", tmp_path / "folds" / "a")


def test_names_of_scores() -> None:
    spec = TargetSpec(column="age", kind=NUMBERS)
    observed = np.arange(6.0)
    ids = np.array([f"s{number}" for number in range(6)], dtype=object)
    model, forest = (
        Predictions(kind=NUMBERS, sample_ids=ids, observed=observed, predicted=observed + error) for error in (1, 2)
    )
    judgement = judge("test", model, forest, spec)
    one = dict(scores({"age": judgement}))
    assert (one["test/mae"], one["test/mae_low"], one["test/mae_high"]) == (1, 1, 1)
    assert (one["test/forest/mae"], one["test/ahead_of_forest/mae"]) == (2, -1)
    two = dict(scores({"age": judgement, "ph": judgement}))
    assert {name.replace("/age/", "/") for name in two if "/age/" in name} == set(one)
    assert len(two) == 2 * len(one)


def test_facts_of_the_data() -> None:
    record = {
        "samples": {"train": 7, "test": 3},
        "num_asvs": 40,
        "inputs": [{"path": "data/t.biom", "bytes": 1, "sha256": "ab"}],
        "environment": {"aam": "0.1.0"},
    }
    assert dict(data_facts(record)) == {
        "data.samples.train": 7,
        "data.samples.test": 3,
        "data.samples": 10,
        "data.asvs": 40,
        "data.sha256.t.biom": "ab",
        "environment.aam": "0.1.0",
    }
