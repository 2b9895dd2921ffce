"""One fit of an estimator: the same steps as `aam train` and `aam pretrain`, in a folder that is gone afterwards."""

from __future__ import annotations

import dataclasses
import signal
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch

from aam.config import PretrainConfig, TrainConfig, replace
from aam.config.commands import PredictOptions
from aam.data.batches.loaders import LoaderOptions
from aam.data.study.split import make_split
from aam.data.study.study import Study
from aam.data.targets.kinds import Samples, chosen_kind
from aam.errors import RunError
from aam.estimators.targets import GROUPS
from aam.evaluation.decode_predictions import values_of
from aam.models.folder.description import ModelDescription
from aam.models.folder.weights import load_models
from aam.models.inference import Interpreter, predict_in_draws
from aam.models.sequence_encoder import SequenceEncoder
from aam.models.sequence_predictor import SequencePredictor
from aam.runs.directory import RunDirectory
from aam.training.hardware.device import choose_device
from aam.training.plan.supervision import fit_and_log_inputs
from aam.training.run.build_run import Prepared, prepare_encoder, prepare_predictor
from aam.training.run.fit import fit
from aam.training.run.transfer import adopt_sizes, read_encoder

Model = SequenceEncoder | SequencePredictor


@dataclass(frozen=True)
class Trained:
    """Models and what describes them; several are averaged. They lie in the memory of the CPU."""

    models: list[Model]
    description: ModelDescription


def train_predictors(config: TrainConfig, study: Study) -> Trained:
    """Train a predictor, or an ensemble on one split, and learn from the validation samples how far off it is.

    Parameters
    ----------
    config
        With the names of the study's targets.
    study
        With targets; its sheet has the groups, where there are some.

    Raises
    ------
    InputError, ConfigError, CheckpointError
        For whatever is wrong with the data, the options or the pre-trained encoder.
    """
    path = config.transfer.pretrained_encoder
    pretrained = None if path is None else read_encoder(path)
    if pretrained is not None:
        config = adopt_sizes(config, pretrained)
    kind = chosen_kind(config.target, config.loss)
    split = make_split(config.split, study, study.target, kind, config.run.seed)
    models: list[Model] = []
    descriptions = []
    for member in range(config.evaluation.ensemble):
        own = replace(config, seed=config.run.later_seed(member), ensemble=1)
        found = _run(prepare_predictor(own, fit_and_log_inputs(own, study, split), pretrained), "train")
        models += found.models
        descriptions.append(found.description)
    judged = config.evaluation
    description = dataclasses.replace(
        descriptions[0], interval_level=judged.interval_level, prediction_passes=judged.val_prediction_passes
    )
    trained = Trained(models, description)
    groups = study.metadata.columns.get(GROUPS) if study.metadata is not None else None
    return _calibrated(trained, study, split.validation, groups, config)


def train_encoder(config: PretrainConfig, study: Study) -> Trained:
    """Pre-train an encoder.

    Raises
    ------
    InputError, ConfigError
        For whatever is wrong with the data or the options.
    """
    split = make_split(config.split, study, None, None, config.run.seed)
    return _run(prepare_encoder(config, fit_and_log_inputs(config, study, split)), "pretrain")


@contextmanager
def interpreting(trained: Trained, study: Study, seed: int, device: str) -> Iterator[Interpreter]:
    """The models, ready to say something of a study, which is rarefied as their training samples were."""
    data: dict[str, Any] = trained.description.data
    loading = LoaderOptions(batch_size=PredictOptions.batch_size, seed=seed)
    treated = dataclasses.replace(study, rarefy_depth=data["rarefy_depth"])
    try:
        yield Interpreter(trained.models, treated, trained.description.sampling, loading, choose_device(device))
    finally:
        for model in trained.models:
            model.cpu()


def predict_learned(interpreter: Interpreter, rows: np.ndarray, passes: int) -> np.ndarray:
    """Predictions of rows of a study in the space that the models learned, with the rarefied draws as first axis."""
    return next(predict_in_draws(interpreter, rows, passes, len(rows))).learned


def _run(prepared: Prepared, command: str) -> Trained:
    """Train what is prepared; nothing is left of the run but its best model."""
    with _folder_of_a_run() as run:
        fitted = fit(prepared, run, command)
        if fitted.late_signal is not None:
            raise KeyboardInterrupt if fitted.late_signal == signal.SIGINT else SystemExit(128 + fitted.late_signal)
        models, description = load_models(run.model)
    return Trained([model.eval() for model in models], description)


def _calibrated(
    trained: Trained, study: Study, rows: np.ndarray, groups: np.ndarray | None, config: TrainConfig
) -> Trained:
    """The models with what the validation samples teach of their errors."""
    forecast = trained.description.decoder()
    samples = Samples(
        sample_ids=study.sample_ids[rows],
        observed=values_of(study.targets, rows),
        level_B=np.zeros(len(rows), dtype=np.int64),
        groups=None if groups is None else groups[rows],
    )
    with interpreting(trained, study, config.run.seed, config.run.device) as interpreter:
        learned = predict_learned(interpreter, rows, config.evaluation.val_prediction_passes)
    calibrations = forecast.calibrate(learned.mean(axis=0), samples)
    return Trained(trained.models, dataclasses.replace(trained.description, calibrations=calibrations))


@contextmanager
def _folder_of_a_run() -> Iterator[RunDirectory]:
    with tempfile.TemporaryDirectory(prefix="aam-") as folder:
        run = RunDirectory(Path(folder))
        run.checkpoints.mkdir()
        yield run


@contextmanager
def torch_as_it_was() -> Iterator[None]:
    """Give torch's random numbers and its settings back as they were: they are the caller's.

    Raises
    ------
    RunError
        In a thread beside the main one, where signals cannot be answered and random numbers would be shared.
    """
    if threading.current_thread() is not threading.main_thread():
        raise RunError("an estimator is fitted in the main thread of a process: use n_jobs with processes, not threads")
    precision, deterministic = torch.get_float32_matmul_precision(), torch.are_deterministic_algorithms_enabled()
    warn_only = torch.is_deterministic_algorithms_warn_only_enabled()
    try:
        with torch.random.fork_rng():
            yield
    finally:
        torch.set_float32_matmul_precision(precision)
        torch.use_deterministic_algorithms(deterministic, warn_only=warn_only)
