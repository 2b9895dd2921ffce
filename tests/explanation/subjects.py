"""Small models of real learners with what they are to explain."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence

import numpy as np
from scipy.sparse import csr_array

from aam.config import CovariateOptions
from aam.data.study.covariates import CovariateSpec
from aam.data.study.shuffling import shuffled_values
from aam.data.study.study import Study
from aam.data.targets.kinds import CLASSES, NUMBERS, TargetSpec
from aam.data.targets.targets import Targets
from aam.explanation.groups import AsvGroups
from aam.explanation.method import Subject
from aam.explanation.model import ExplainedModel
from aam.learners.predictor import Combination, predictor_of
from aam.learners.protocol import Task
from aam.learners.trees.forest import ForestLearner, ForestSettings

AGE = TargetSpec(column="age", kind=NUMBERS)
SITE = TargetSpec(column="site", kind=CLASSES, classes=("gut", "skin", "soil"), majority="gut")


def groups_of(level: str, rows: Sequence[Sequence[int]]) -> AsvGroups:
    """Groups from 0 and 1, named by their place."""
    names = tuple(f"{level}{place}" for place in range(len(rows)))
    return AsvGroups(level=level, names=names, labels=names, members=csr_array(np.array(rows, dtype=np.int64)))


def forest_subject(
    study: Study,
    truths: Mapping[str, np.ndarray],
    groups: Sequence[AsvGroups] = (),
    *,
    unit_N: np.ndarray | None = None,
    covariates: CovariateOptions | None = None,
) -> Subject:
    """All samples of a study, explained by a forest that has learned from them."""
    rows, column = np.arange(len(study)), next(iter(truths))
    spec = SITE if column == "site" else AGE
    learned = Targets(specs=(spec,))
    assert study.metadata is not None
    fitted = None if covariates is None else CovariateSpec.fit(covariates, study.metadata, rows)
    task = Task(targets=learned, covariate_spec=fitted, data={"trim_length": None, "rarefy_depth": None})
    values = spec.encode(truths[column]) if spec.classes else truths[column]
    forest = ForestLearner(task, ForestSettings(n_estimators=10, n_jobs=1))
    forest.fit(study, rows, np.asarray(values, dtype=np.float64)[:, None])
    model = ExplainedModel(predictor=predictor_of([forest], Combination()))
    units = rows if unit_N is None else unit_N
    return Subject(model=model, study=study, rows=rows, groups=groups, unit_N=units, truths=truths)


def with_shuffled_truths(subject: Subject, seed: int) -> Subject:
    """The subject whose explained samples exchange their truths, all targets alike."""
    assert subject.truths is not None
    ids = subject.study.sample_ids[subject.rows]
    found = {}
    for column, values in subject.truths.items():
        own = shuffled_values(values[subject.rows], ids, subject.unit_N, seed)
        found[column] = values.copy()
        found[column][subject.rows] = own
    return dataclasses.replace(subject, truths=found)
