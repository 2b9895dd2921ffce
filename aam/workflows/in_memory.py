"""Training of a study that is in memory, into a model in memory: the steps of `aam train` without a run directory."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np
import torch

from aam.config import PretrainConfig, TrainConfig, replace
from aam.data.study.split import Split, make_split
from aam.data.study.study import Study
from aam.data.targets.kinds import chosen_kind
from aam.errors import RunError
from aam.learners.held_out import samples_of
from aam.learners.network_training import train_prepared
from aam.learners.novelty.familiarity import Familiarity
from aam.learners.predictor import predictor_of
from aam.training.plan.supervision import fit_and_log_inputs
from aam.training.run.build_run import prepare_encoder, prepare_predictor
from aam.training.run.transfer import with_encoder
from aam.workflows.runs.blend.model import fit_blend_model
from aam.workflows.runs.calibration import calibrated
from aam.workflows.trained.combined import CombinedModel
from aam.workflows.trained.model import TrainedModel
from aam.workflows.trained.networks import Network, NetworkModel, predict_learned


def fit_predictor(config: TrainConfig, study: Study) -> TrainedModel:
    """Train a predictor with calibrated intervals: a blend of learners, or the network.

    Parameters
    ----------
    config
        With the names of the study's targets.
    study
        With targets; its sheet has the groups, where there are some.

    Raises
    ------
    InputError, ConfigError, CheckpointError
        If the data, the options or the pre-trained encoder cannot be used.
    """
    return fit_blended(config, study) if config.is_blend else fit_network(config, study)


def fit_blended(config: TrainConfig, study: Study) -> CombinedModel:
    """Fit a blend on all samples; see :func:`fit_predictor`."""
    rows = np.arange(len(study))
    inputs = fit_and_log_inputs(config, study, Split(rows, rows[:0], rows[:0]))
    model = fit_blend_model(config, inputs, announced=config.run.progress)
    return CombinedModel(predictor_of(model.blend.learners, model.combination))


def fit_network(config: TrainConfig, study: Study) -> NetworkModel:
    """Train the network, or an ensemble on one split, with intervals of the validation samples."""
    config, pretrained = with_encoder(config)
    kind = chosen_kind(config.target, config.loss)
    split = make_split(config.split, study, study.target, kind, config.run.seed)
    networks: list[Network] = []
    description = None
    for member in range(config.evaluation.ensemble):
        own = replace(config, seed=config.run.later_seed(member), ensemble=1, jobs=1)
        inputs = fit_and_log_inputs(own, study, split)
        network, described = train_prepared(prepare_predictor(own, inputs, pretrained), "train")
        networks.append(network.eval())
        description = description or described
    assert description is not None
    trained = NetworkModel(networks, description)
    with trained.interpreting(study, config.run.seed, config.run.device) as interpreter:
        learned = predict_learned(interpreter, split.validation, config.evaluation.val_prediction_passes)
    validation = samples_of(description.decoder().targets, study, split.validation, inputs.groups)
    groups = None if inputs.groups is None else inputs.groups[split.train]
    known = Familiarity.fit(study, split.train, groups, seed=config.run.seed)
    return NetworkModel(networks, calibrated(description, config.evaluation, learned, validation), known)


def fit_encoder(config: PretrainConfig, study: Study) -> NetworkModel:
    """Pre-train an encoder.

    Raises
    ------
    InputError, ConfigError
        If the data or the options cannot be used.
    """
    split = make_split(config.split, study, None, None, config.run.seed)
    encoder, description = train_prepared(prepare_encoder(config, fit_and_log_inputs(config, study, split)), "pretrain")
    return NetworkModel([encoder.eval()], description)


@contextmanager
def preserved_torch_state() -> Iterator[None]:
    """Give torch's random numbers and its settings back as they were: they are the caller's.

    Raises
    ------
    RunError
        In a thread beside the main one, where signals cannot be answered and random numbers would be shared.
    """
    if threading.current_thread() is not threading.main_thread():
        raise RunError("models are trained in the main thread of a process: use n_jobs with processes, not threads")
    precision, deterministic = torch.get_float32_matmul_precision(), torch.are_deterministic_algorithms_enabled()
    warn_only = torch.is_deterministic_algorithms_warn_only_enabled()
    try:
        with torch.random.fork_rng():
            yield
    finally:
        torch.set_float32_matmul_precision(precision)
        torch.use_deterministic_algorithms(deterministic, warn_only=warn_only)
