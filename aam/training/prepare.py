"""From a configuration to everything that a run trains on: study, split, plan, batches, and a model that is ready."""

from __future__ import annotations

import dataclasses
import os
import time
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor

from aam.config import PretrainConfig, TrainConfig
from aam.data.batch import Batch
from aam.data.datamodule import LoaderOptions, StudyDataModule
from aam.data.dataset import Collate
from aam.data.describe import describe
from aam.data.objective import ObjectiveTargets
from aam.data.split import Split, make_split, sample_groups
from aam.data.study import Study, TargetRequest, load_study
from aam.data.targets import TargetSpec, fit_target
from aam.errors import ConfigError
from aam.files.run_log import say, warn
from aam.files.text import plural
from aam.models.embedding_cache import encode_asvs
from aam.models.sequence_encoder import SelfSupervision, SequenceEncoder
from aam.models.sequence_predictor import SequencePredictor, num_parameters
from aam.training.calibrate import calibrate_encoder, calibrate_heads, calibrate_target, refit_clades
from aam.training.plan import Plan, StudyFacts, derive
from aam.training.transfer import adopt_sizes, read_encoder, transfer, treatment_notes

CALIBRATION_SAMPLES = 4096
MOST_WORKERS = 4


@dataclass(frozen=True, kw_only=True)
class Prepared:
    """A run that can begin.

    Attributes
    ----------
    plan
        The configuration with nothing left open.
    study, split
        The data and its parts.
    target
        The target as fitted on the training samples; None in pre-training.
    groups
        Group of each sample of the study, where a column gives it.
    data
        The loaders.
    model
        The model, calibrated or with the weights of a pre-trained encoder.
    frozen_vectors_AD
        The ASVs' vectors, where the encoder is frozen.
    device
        Where to compute.
    """

    plan: Plan[Any]
    study: Study
    split: Split
    target: TargetSpec | None
    groups: np.ndarray | None
    data: StudyDataModule
    model: SequenceEncoder | SequencePredictor
    frozen_vectors_AD: Tensor | None
    device: torch.device


def prepare_pretraining(config: PretrainConfig) -> Prepared:
    """Read the data of a pre-training run, and make its model.

    Raises
    ------
    InputError, ConfigError
        For whatever is wrong with the files or the options; before any model is built.
    """
    device = choose_device(config.run.device, config.run.mixed_precision)
    study, split = _read(config, None)
    plan = derive(config, StudyFacts.of(study, split), default_workers(device))
    data = _data_module(plan.config, study, split, None)
    encoder = _new_encoder(plan.config, study).to(device)
    vectors_AD = encode_asvs(encoder.asv_encoder, study.tokens, device)
    calibrate_encoder(encoder, vectors_AD, _calibration_batches(data, device), plan.config.run.seed)
    _say_plan(plan, encoder)
    return Prepared(
        plan=plan,
        study=study,
        split=split,
        target=None,
        groups=None,
        data=data,
        model=encoder,
        frozen_vectors_AD=None,
        device=device,
    )


def prepare_training(config: TrainConfig) -> Prepared:
    """Read the data of a training run, and make its model, from a pre-trained encoder if one is given.

    Raises
    ------
    InputError, ConfigError, CheckpointError
        For whatever is wrong with the files, the options or the encoder; before any model is built.
    """
    device = choose_device(config.run.device, config.run.mixed_precision)
    path = config.target.pretrained_encoder
    pretrained = None if path is None else read_encoder(path)
    if pretrained is not None:
        config = adopt_sizes(config, pretrained)
    study, split = _read(config, _request(config))
    assert study.target is not None
    assert study.metadata is not None
    target = fit_target(config.target, study.target, split.train, study.metadata.source)
    plan = derive(config, StudyFacts.of(study, split), default_workers(device))
    data = _data_module(plan.config, study, split, target)
    encoder = _new_encoder(plan.config, study)
    options = plan.config.target
    predictor = SequencePredictor(encoder, target, options.loss_type, options.linear_path).to(device)
    loaded: set[str] = set()
    if pretrained is not None:
        loaded, lines = transfer(encoder, pretrained)
        say(*lines)
        for note in treatment_notes(plan.config, pretrained):
            warn(note)
    started = time.monotonic()
    vectors_AD = encode_asvs(encoder.asv_encoder, study.tokens, device)
    if options.freeze_base:
        say(f"encoded {plural(len(vectors_AD), 'ASV')} once in {time.monotonic() - started:.1f} s")
    groups = sample_groups(plan.config.split, study)
    _calibrate(predictor, vectors_AD, data, loaded, plan.config, groups)
    _say_plan(plan, predictor)
    return Prepared(
        plan=plan,
        study=study,
        split=split,
        target=target,
        groups=groups,
        data=data,
        model=predictor,
        frozen_vectors_AD=vectors_AD if options.freeze_base else None,
        device=device,
    )


def choose_device(name: str, mixed_precision: str = "none") -> torch.device:
    """The device that ``auto``, ``cpu`` or ``cuda`` means here.

    Raises
    ------
    ConfigError
        If a GPU is asked for, or needed for the precision, and there is none.
    """
    has_gpu = torch.cuda.is_available()
    if name == "cuda" and not has_gpu:
        raise ConfigError("--device cuda: torch finds no GPU here; use --device cpu, or install torch for your GPU")
    device = torch.device("cuda" if has_gpu and name != "cpu" else "cpu")
    if mixed_precision == "fp16" and device.type == "cpu":
        raise ConfigError("--mixed-precision fp16 needs a GPU; on a CPU there is bf16")
    return device


def default_workers(device: torch.device) -> int:
    """Processes that prepare batches where the user leaves it open: none on a CPU, which has the model to compute."""
    return min(MOST_WORKERS, len(os.sched_getaffinity(0))) if device.type == "cuda" else 0


def _request(config: TrainConfig) -> TargetRequest:
    target = config.target
    return TargetRequest(
        column=target.metadata_column,
        classifier=target.classifier,
        missing=target.missing,
        weight_column=target.sample_weight_column,
    )


def _read(config: PretrainConfig | TrainConfig, request: TargetRequest | None) -> tuple[Study, Split]:
    study = load_study(config.table, config.study, config.sampling, request)
    kind = None if request is None else "classification" if request.classifier else "regression"
    split = make_split(config.split, study, study.target, kind, config.run.seed)  # type: ignore[arg-type]
    say(*describe(study, split))
    return study, split


def _data_module(
    config: PretrainConfig | TrainConfig, study: Study, split: Split, target: TargetSpec | None
) -> StudyDataModule:
    objective = ObjectiveTargets.of(config.objective, study)
    target_N = None if target is None or study.target is None else target.encode(study.target)
    assert config.optim.batch_size is not None
    options = LoaderOptions(
        batch_size=config.optim.batch_size,
        num_workers=config.run.num_workers or 0,
        seed=config.run.seed,
        pin_memory=torch.cuda.is_available() and config.run.device != "cpu",
    )
    return StudyDataModule(
        study, split, Collate.of(study, objective, target_N, study.weights), config.sampling, options
    )


def _new_encoder(config: PretrainConfig | TrainConfig, study: Study) -> SequenceEncoder:
    objective = config.objective
    supervision = SelfSupervision(
        encoder_type=objective.encoder_type if objective.penalty else None,
        nucleotides=bool(objective.nuc_penalty),
        counts=bool(objective.count_penalty),
        taxonomy_classes=study.taxonomy_classes if objective.encoder_type in ("taxonomy", "combined") else (),
    )
    torch.manual_seed(config.run.seed)
    return SequenceEncoder(config.model, supervision)


def _calibrate(
    predictor: SequencePredictor,
    vectors_AD: Tensor,
    data: StudyDataModule,
    loaded: set[str],
    config: TrainConfig,
    groups: np.ndarray | None,
) -> None:
    """Prepare what is fresh: the whole encoder, or what a pre-trained one does not have or fit; and the target's."""
    seed = config.run.seed
    batches = _calibration_batches(data, vectors_AD.device)
    if loaded:
        if config.target.refit_clades:
            refit_clades(predictor.base, vectors_AD, batches, seed)
        fresh = [head for head in predictor.base.task_heads() if not any(f"heads.{head.name}." in n for n in loaded)]
        calibrate_heads(predictor.base, fresh, vectors_AD, batches)
    else:
        calibrate_encoder(predictor.base, vectors_AD, batches, seed)
    rows = np.concatenate([batch.rows_B.cpu().numpy() for batch in batches])
    calibrate_target(predictor, vectors_AD, batches, None if groups is None else groups[rows])


def _calibration_batches(data: StudyDataModule, device: torch.device) -> list[Batch]:
    """Training samples, a random choice of them where there are very many."""
    rows = data.split.train
    if len(rows) > CALIBRATION_SAMPLES:
        rng = np.random.default_rng(data.options.seed)
        rows = np.sort(rng.choice(rows, CALIBRATION_SAMPLES, replace=False))
    here = dataclasses.replace(data.options, num_workers=0, pin_memory=False)
    loader = StudyDataModule(data.study, data.split, data.collate, data.sampling, here).fixed_loader(rows)
    return [batch.to(device) for batch in loader]


def _say_plan(plan: Plan[Any], model: SequenceEncoder | SequencePredictor) -> None:
    config = plan.config
    say(*plan.lines)
    trainable = "" if not _is_frozen(config) else ", of which the encoder's are frozen"
    say(
        f"model: {num_parameters(model):,} parameters{trainable}",
        f"plan: {config.optim.epochs} epochs at most, {plan.steps_per_epoch:,} steps each, "
        f"batches of {config.optim.batch_size}; the best model by {config.optim.best_metric}",
    )


def _is_frozen(config: PretrainConfig | TrainConfig) -> bool:
    return isinstance(config, TrainConfig) and config.target.freeze_base
