"""Training a network as a learner: a run of its own on some samples, of which nothing is left but the best model."""

from __future__ import annotations

import dataclasses
import signal
import tempfile
from pathlib import Path
from typing import Any

import numpy as np

from aam.config import TrainConfig, replace
from aam.data.study.several.folds import ENOUGH
from aam.data.study.several.labels import balance_levels, joined
from aam.data.study.split import make_split
from aam.data.study.study import Study
from aam.data.targets.kinds.classes import MISSING
from aam.data.targets.kinds.counts import whole_counts
from aam.learners.protocol import Task
from aam.models.folder.description import ModelDescription
from aam.models.folder.weights import load_model
from aam.models.sequence_encoder import SequenceEncoder
from aam.models.sequence_predictor import SequencePredictor
from aam.runs.directory import RunDirectory
from aam.training.plan.supervision import Inputs, sample_weights, studies_of_run
from aam.training.run.build_run import Prepared, prepare_predictor
from aam.training.run.transfer import with_encoder

Network = SequenceEncoder | SequencePredictor
GROUPS = "groups"
"""Column of the groups that a fit is given."""


def train_network(
    config: TrainConfig, task: Task, study: Study, targets: np.ndarray, groups: np.ndarray | None
) -> tuple[Network, ModelDescription]:
    """Train a network; some of the samples (whole groups) choose its best epoch, as in ``aam train``.

    Parameters
    ----------
    config
        How to train; its files and columns are not read.
    task
        What is to be learned.
    study
        The samples to learn from.
    targets, groups
        As in :meth:`~aam.learners.protocol.Learner.fit`, of all these samples.
    """
    config, pretrained = with_encoder(config)
    inputs = _inputs(config, task, study, targets, groups)
    return train_prepared(prepare_predictor(config, inputs, pretrained), "train")


def seconds_of_network_epoch(
    config: TrainConfig, task: Task, study: Study, targets: np.ndarray, groups: np.ndarray | None
) -> float:
    """About how long an epoch of such a training takes, by its first steps; parameters as of :func:`train_network`."""
    from aam.training.run.first_steps import seconds_of_epoch

    config, _ = with_encoder(config)
    return seconds_of_epoch(config, _inputs(config, task, study, targets, groups))


def _inputs(config: TrainConfig, task: Task, study: Study, targets: np.ndarray, groups: np.ndarray | None) -> Inputs:
    """The samples, of which some are set aside for validation."""
    sheet = study.metadata
    assert sheet is not None
    study_N = studies_of_run(config, study, np.arange(len(study)))
    if config.studies.whole_studies and study_N is not None:
        units = joined(study_N, groups)
        groups = units if len(np.unique(units)) >= ENOUGH else groups
    if groups is not None:
        sheet = dataclasses.replace(
            sheet, columns={**sheet.columns, GROUPS: np.asarray(groups).astype(str).astype(object)}
        )
    level_N = task.targets.level_codes(sheet)
    study = dataclasses.replace(study, metadata=sheet, targets=_in_units(task, targets, level_N), earlier=None)
    no_lists: dict[str, Any] = dict.fromkeys(("train_samples", "val_samples", "test_samples", "split_column"))
    own = replace(config, **no_lists, test_size=0.0, group_column=None if groups is None else GROUPS)
    split = make_split(own.split, study, study.target, task.targets.kind, config.run.seed)
    spec = task.covariate_spec
    return Inputs(
        study=study,
        split=split,
        groups=groups,
        targets=task.targets.learned_by(config.loss),
        level_N=level_N,
        covariate_spec=spec,
        covariates=None if spec is None else spec.encode(sheet),
        weight_N=sample_weights(config, study, sheet, split.train),
        study_N=study_N,
        balance_N=balance_levels(config, study),
    )


def _in_units(task: Task, targets: np.ndarray, level_N: np.ndarray) -> dict[str, np.ndarray]:
    """The targets on the scale of the metadata."""
    if task.targets.kind.is_count:
        columns = task.targets.columns
        return {column: whole_counts(targets[:, place], level_N) for place, column in enumerate(columns)}
    found = {}
    for spec, target_B in zip(task.targets.specs, targets.T, strict=True):
        if spec.classes:
            codes_B = np.where(np.isnan(target_B), MISSING, target_B).astype(np.int64)
            found[spec.column] = np.array([*spec.classes, ""], dtype=object)[codes_B]
        else:
            found[spec.column] = spec.decode(target_B, level_N)
    return found


def train_prepared(prepared: Prepared, command: str) -> tuple[Network, ModelDescription]:
    """The best model of a run in a temporary folder, which is gone afterwards.

    Parameters
    ----------
    prepared
        The run.
    command
        ``train`` or ``pretrain``.

    Raises
    ------
    KeyboardInterrupt, SystemExit
        If a signal came when there was nothing left to stop.
    """
    from aam.training.run.fit import fit

    with tempfile.TemporaryDirectory(prefix="aam-") as folder:
        run = RunDirectory(Path(folder))
        run.checkpoints.mkdir()
        late_signal = fit(prepared, run, command).late_signal
        if late_signal is not None:
            raise KeyboardInterrupt if late_signal == signal.SIGINT else SystemExit(128 + late_signal)
        return load_model(run.model)
