"""What the microbiome and the metadata tell, each alone and together, on groups that were not seen."""

from __future__ import annotations

import dataclasses
from functools import partial

import numpy as np
import pytest

from aam.config import CovariateOptions
from aam.errors import ConfigError, InputError
from aam.explanation.effects import BOTH, METADATA, MICROBIOME
from aam.learners import members
from aam.learners.trees import forest
from aam.learners.trees.forest import ForestSettings
from aam.workflows.explain import metadata_alone, parts
from aam.workflows.explain.metadata_alone import from_metadata
from aam.workflows.explain.parts import labelled_study, refit_parts
from tests.data.study_files import make_study
from tests.explanation.subjects import forest_subject
from tests.learners.blend_studies import related_sequences

SIZE = 60
UNITS = np.arange(SIZE) // 3
OPTIONS = CovariateOptions(categorical_columns=("season",), numeric_columns=("depth",))


@pytest.fixture(autouse=True)
def _few_trees(monkeypatch):
    monkeypatch.setattr(forest, "NUM_TREES_OF_FOLD", 20)
    monkeypatch.setattr(members, "ForestSettings", partial(ForestSettings, n_estimators=20))
    monkeypatch.setattr(metadata_alone, "TREES", 30)


def study_and_causes(seed=0):
    """A study, what the first of its ASVs tells, and what its covariates tell."""
    rng = np.random.default_rng(seed)
    counts = rng.integers(20, 60, (SIZE, 12))
    counts[:, 0] = rng.integers(0, 300, SIZE)
    season, depth = rng.choice(["dry", "wet"], SIZE), rng.normal(0, 1, SIZE)
    columns = {"season": list(season), "depth": [repr(float(x)) for x in depth]}
    study = make_study(counts, sequences=related_sequences(12), columns=columns)
    return study, counts[:, 0] / 100, (season == "wet") * 2.0 + depth


def refitted(truths, study, **fields):
    subject = forest_subject(study, truths, covariates=OPTIONS)
    data = labelled_study(study, truths, UNITS, frozenset(), 42)
    return refit_parts(subject.model.predictor, dataclasses.replace(data, **fields), seed=42)


def test_only_the_microbiome_tells():
    study, of_reads, _ = study_and_causes()
    found = refitted({"age": of_reads}, study)
    assert (found.samples, found.groups, found.folds, found.learners) == (SIZE, 20, 5, ("forest",))
    assert found.differences["age"][BOTH, METADATA]["mae"].high < 0
    assert found.metrics["age"][METADATA]["r2"].value < 0.2
    assert abs(found.differences["age"][BOTH, MICROBIOME]["mae"].value) < 0.1
    said = list(found.lines())
    assert said[0].endswith("mean absolute error of held-out samples:")
    assert said[2].endswith("clearly better")


def test_only_the_metadata_tell():
    study, _, of_covariates = study_and_causes()
    found = refitted({"age": of_covariates}, study)
    assert found.metrics["age"][METADATA]["r2"].value > 0.9
    assert found.metrics["age"][MICROBIOME]["r2"].value < 0.2
    assert found.differences["age"][MICROBIOME, METADATA]["mae"].low > 0
    difference = found.differences["age"][BOTH, MICROBIOME]["mae"].value
    both, alone = (found.metrics["age"][part]["mae"].value for part in (BOTH, MICROBIOME))
    assert difference == pytest.approx(both - alone)


def test_classes_have_probabilities():
    study, _, of_covariates = study_and_causes()
    sites = np.array(["gut", "skin", "soil"], dtype=object)[np.searchsorted([0.3, 1.7], of_covariates)]
    found = refitted({"site": sites}, study)
    table = found.table()
    assert set(table["metric"]) == {"balanced_accuracy", "accuracy", "f1", "auroc"}
    assert found.metrics["site"][METADATA]["auroc"].value > 0.9
    assert found.differences["site"][BOTH, MICROBIOME]["auroc"].low > 0
    assert set(table["part"]) == {MICROBIOME, METADATA, BOTH, "both - metadata", "both - microbiome"} | {
        "microbiome - metadata"
    }


def test_a_linear_rule_of_covariates_is_learned():
    study, _, of_covariates = study_and_causes()
    task = forest_subject(study, {"age": of_covariates}, covariates=OPTIONS).model.predictor.learners[0].task
    rows = np.arange(SIZE)
    samples = parts._labelled(task.targets, labelled_study(study, {"age": of_covariates}, UNITS, frozenset(), 0))
    found = from_metadata(task, task.covariates(study)[rows], samples, UNITS % 5, 42)
    # The forest cannot go beyond the values that it has seen; the blend of both is near the rule.
    assert np.corrcoef(found[:, 0], of_covariates)[0, 1] > 0.97


def test_samples_of_the_run_and_whole_groups(monkeypatch):
    study, of_reads, _ = study_and_causes()
    of_reads[4] = np.nan
    known = frozenset(map(str, study.sample_ids[:45]))
    data = labelled_study(study, {"age": of_reads}, UNITS, known, 42)
    assert data.rows.tolist() == [row for row in range(45) if row != 4]
    assert len(labelled_study(study, {"age": of_reads}, UNITS, frozenset({"other"}), 42).rows) == SIZE - 1
    monkeypatch.setattr(parts, "MOST_SAMPLES", 20)
    few = labelled_study(study, {"age": of_reads}, UNITS, known, 42).rows
    assert 18 <= len(few) <= 20
    kept = set(UNITS[few])
    assert few.tolist() == [row for row in data.rows if UNITS[row] in kept]


def test_what_cannot_be_compared_is_refused():
    study, of_reads, _ = study_and_causes()
    truths = {"age": of_reads}
    with pytest.raises(ConfigError, match="reads none"):
        refit_parts(
            forest_subject(study, truths).model.predictor, labelled_study(study, truths, UNITS, frozenset(), 42), seed=1
        )
    with pytest.raises(InputError, match="2 groups with true values; at least 3"):
        labelled_study(study, truths, UNITS % 2, frozenset(), 42)


def test_a_class_of_one_group_is_no_error():
    study, _, _ = study_and_causes()
    sites = np.where(UNITS == 0, "skin", "gut").astype(object)
    found = refitted({"site": sites}, study)
    assert set(found.metrics["site"]) == {MICROBIOME, METADATA, BOTH}
