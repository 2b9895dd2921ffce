"""Pre-training and training as functions: a configuration in, a run directory and a typed result out."""

from __future__ import annotations

import shlex
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial

from aam.config import PretrainConfig, TrainConfig
from aam.config.command_line import command_words
from aam.errors import ConfigError
from aam.log import warn
from aam.report import check_drawing
from aam.runs.directory import resume_hint
from aam.runs.tracking.registry import check_installed
from aam.training.distributed.rank_info import find_rank_info
from aam.workflows.runs.preflight import check_surroundings
from aam.workflows.runs.results import CrossValidationResult, TrainResult


def pretrain(config: PretrainConfig, command_line: str | None = None) -> TrainResult:
    """Pre-train an encoder on samples without labels.

    Parameters
    ----------
    config
        Inputs, model, objective and run directory.
    command_line
        The command line to record; made from the configuration where None.

    Returns
    -------
    TrainResult
        The run directory and its best epoch.

    Raises
    ------
    InputError, ConfigError
        If a file, an option or a combination of them cannot be used.
    PreemptedError
        If a signal stopped the run, which can be resumed.
    NonFiniteError, RunError
        If the loss is not finite; if memory or disk ran out.
    """
    check_drawing()
    check_installed(config.tracking.logger)
    from aam.training.run.build_run import prepare_pretraining
    from aam.workflows.runs.single_run import train_into_directory

    with _process_group(config, "pretrain"):
        typed = command_line or _equivalent("pretrain", config)
        return train_into_directory(config, "pretrain", typed, lambda: prepare_pretraining(config))


def train(config: TrainConfig, command_line: str | None = None) -> TrainResult:
    """Train a predictor: a blend of learners, the network alone, or an ensemble of several networks.

    Parameters
    ----------
    config
        Inputs, targets, model and run directory; without ``cv``.
    command_line
        The command line to record; made from the configuration where None.

    Returns
    -------
    TrainResult
        The run directory, and how good the model is on held-out samples.

    Raises
    ------
    CheckpointError
        If the pre-trained encoder cannot be read.
    InputError, ConfigError, PreemptedError, NonFiniteError, RunError
        As :func:`pretrain`.
    """
    if config.evaluation.cv is not None:
        raise ConfigError("--cv trains a model for each fold: that is cross_validate")
    check_drawing()
    check_installed(config.tracking.logger)
    typed = command_line or _equivalent("train", config)
    if config.is_blend:
        from aam.workflows.runs.blend.run import train_blend

        check_surroundings(config)
        return train_blend(config, typed)
    if config.evaluation.ensemble > 1:
        from aam.workflows.runs.ensemble import train_ensemble

        check_surroundings(config)
        return train_ensemble(config, typed)
    from aam.workflows.runs.single_run import train_one

    with _process_group(config, "train"):
        return train_one(config, typed)


def cross_validate(config: TrainConfig, command_line: str | None = None) -> CrossValidationResult:
    """Train and evaluate a model (or an ensemble) for each fold, or resume.

    Parameters
    ----------
    config
        As for :func:`train`, with ``cv``.
    command_line
        The command line to record; made from the configuration where None.

    Returns
    -------
    CrossValidationResult
        The folds' runs, and how good the models are on all samples, each predicted when it was held out.

    Raises
    ------
    InputError
        If there are too few samples, groups or samples of a class for the folds; and as :func:`train`.
    ConfigError, CheckpointError, PreemptedError, NonFiniteError, RunError
        As :func:`train`.
    """
    if config.evaluation.cv is None:
        raise ConfigError("a cross-validation needs the number of folds: --cv")
    check_drawing()
    check_installed(config.tracking.logger)
    check_surroundings(config)
    typed = command_line or _equivalent("train", config)
    if config.jobs.join:
        from aam.workflows.runs.joining import join_folds

        return join_folds(config, typed)
    from aam.workflows.runs.cross_validation import train_folds

    return train_folds(config, typed)


def _equivalent(command: str, config: PretrainConfig | TrainConfig) -> str:
    return shlex.join(command_words(command, config))


@contextmanager
def _process_group(config: PretrainConfig | TrainConfig, command: str) -> Iterator[None]:
    """Connect to the other processes of the run, if any."""
    from aam.training.distributed.collectives import process_group

    rank_info = find_rank_info(config.distributed)
    remedy: Callable[[], str] = partial(resume_hint, command, config.run.output_dir)
    with process_group(rank_info, config.distributed, config.run.device, remedy):
        if config.distributed.data_parallel:
            warn("--data-parallel now means --devices all: a process for each GPU, with the pairs of all their samples")
        yield
