"""One fold of a benchmark: the blend is fitted once, and all competitors come from it.

Each member of the blend competes alone. The blend without a member has the weights that the out-of-fold predictions of
the others give, so that nothing is fitted twice.

Legend of shapes: ``M`` members, ``B`` samples, ``T`` targets (one), ``C`` classes.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from aam.data.study.covariates import CovariateSpec, features
from aam.data.study.folds import Fold
from aam.data.targets.fitting import fit_target
from aam.data.targets.kinds import TargetRules
from aam.data.targets.targets import Targets
from aam.evaluation.decode_predictions import PredictionDecoder
from aam.learners.blend import FittedBlend, blend_weights, combine, even_weights, fit_blend
from aam.learners.folds import deal_folds
from aam.learners.held_out import samples_of, true_values
from aam.learners.members import new_member, possible_members
from aam.learners.novelty.judgement import familiar_reads
from aam.learners.protocol import Labelled, Task
from aam.learners.reference import Reference
from aam.learners.trees.arrays import grow
from aam.learners.trees.forest import ForestSettings, new_forest
from aam.training.hardware.host_memory import peak_bytes, reset_peak
from aam.workflows.benchmark.fold_record import BLEND, LEVEL, FoldRecord
from aam.workflows.benchmark.study import OpenTask

METADATA = "metadata"
WITHOUT = "blend without "


@dataclass(frozen=True, kw_only=True, eq=False)
class FoldTask:
    """A fold to compute.

    Attributes
    ----------
    task, learning, reference
        The task, what is to be learned, and what the members share.
    train, test
        The training samples in the order of their ids, and the rows of the test samples.
    seed
        Seed of the learners.
    shared
        Seconds that the latter took.
    """

    task: OpenTask
    learning: Task
    reference: Reference
    train: Labelled
    test: np.ndarray
    seed: int
    shared: float


def compute_fold(task: OpenTask, fold: Fold, names: Sequence[str], seed: int) -> FoldRecord:
    """Fit all competitors on the training samples of a fold, and predict its test samples.

    Parameters
    ----------
    task, fold
        The task, and the fold.
    names
        Learners of the blend.
    seed
        Seed of the learners.

    Raises
    ------
    InputError
        If the training samples cannot teach the target or a covariate.
    """
    reset_peak()
    prepared = _prepare(task, fold, seed)
    members, left_out = possible_members(names, task.study, has_encoder=False)
    learners = [new_member(name, prepared.learning, seed) for name in members]
    fold_B = deal_folds(task.kind, prepared.train, seed)
    blend = fit_blend(learners, members, task.study, prepared.train, fold_B)
    learned, seconds = _competitors(prepared, blend)
    targets, test = prepared.learning.targets, prepared.test
    samples = samples_of(targets, task.study, prepared.train.rows, task.groups)
    calibration = PredictionDecoder(targets=targets, level=LEVEL).calibrate(blend.blended, samples)[0]
    assert task.study.target is not None
    return FoldRecord(
        repeat=fold.repeat,
        number=fold.number,
        target=targets.specs[0],
        sample_ids=task.study.sample_ids[test],
        observed=task.study.target[test],
        groups=None if task.groups is None else task.groups[test],
        familiar=familiar_reads(prepared.reference, task.study, test),
        learned=learned,
        seconds=seconds,
        weights=dict(zip(blend.names, blend.weights_MT[:, 0].tolist(), strict=True)),
        calibration=calibration,
        left_out={one.name: one.reason for one in left_out},
        peak_bytes=peak_bytes(),
    )


def _prepare(task: OpenTask, fold: Fold, seed: int) -> FoldTask:
    study, column = task.study, task.options.metadata_column
    assert study.metadata is not None
    assert study.target is not None
    train = task.training_rows(fold)
    rules = TargetRules(columns=(column,), kind=task.kind, transform="none", levels=task.options.ordered)
    targets = Targets(specs=(fit_target(rules, study.target, train, study.metadata.source),))
    covariates = CovariateSpec.fit(task.covariates, study.metadata, train) if task.covariates.columns else None
    start = time.perf_counter()
    reference = Reference.fit(study, train, seed)
    shared = time.perf_counter() - start
    learning = Task(targets=targets, covariate_spec=covariates, reference=reference)
    groups = None if task.groups is None else task.groups[train]
    samples = Labelled(rows=train, targets=true_values(study, train, targets), groups=groups)
    return FoldTask(
        task=task,
        learning=learning,
        reference=reference,
        train=samples,
        test=fold.split.test,
        seed=seed,
        shared=shared,
    )


def _competitors(fold: FoldTask, blend: FittedBlend) -> tuple[dict[str, np.ndarray], dict[str, float]]:
    """Predictions of the test samples by each competitor, and the seconds that it took."""
    study, names, targets = fold.task.study, list(blend.names), fold.learning.targets
    of_members_M = np.stack([learner.predict(study, fold.test) for learner in blend.learners])
    learned = dict(zip(names, of_members_M, strict=True))
    seconds = dict(zip(names, blend.seconds, strict=True))
    total = fold.shared + sum(blend.seconds)
    if fold.learning.covariate_spec is not None:
        start = time.perf_counter()
        learned[METADATA] = _from_metadata(fold)
        seconds[METADATA] = time.perf_counter() - start
    learned[BLEND], seconds[BLEND] = blend.combined(of_members_M), total
    for place, name in enumerate(names if len(names) > 1 else ()):
        others = np.arange(len(names)) != place
        weights_MT = blend_weights(
            blend.out_of_fold_M[others],
            fold.train,
            targets,
            even_weights(np.array(names)[others].tolist()),
        )
        learned[f"{WITHOUT}{name}"] = combine(of_members_M[others], weights_MT, targets)
        seconds[f"{WITHOUT}{name}"] = total - blend.seconds[place]
    return learned, seconds


def _from_metadata(fold: FoldTask) -> np.ndarray:
    """What a random forest predicts from the covariates alone."""
    spec, study = fold.learning.covariate_spec, fold.task.study
    assert spec is not None
    assert study.metadata is not None
    read = features(spec, *spec.encode(study.metadata))
    is_class = bool(fold.learning.targets.specs[0].classes)
    forest = new_forest(ForestSettings(seed=fold.seed), read.shape[1], is_class)
    grow(forest, read[fold.train.rows], fold.train.targets[:, 0])
    if not is_class:
        return np.asarray(forest.predict(read[fold.test]))[:, None]
    found = np.zeros((len(fold.test), *fold.learning.output_shape))
    found[:, forest.classes_.astype(np.int64)] = forest.predict_proba(read[fold.test])
    return found
