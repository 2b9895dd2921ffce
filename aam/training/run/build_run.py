"""From a configuration to everything that a run trains on: study, split, plan, batches, and a model that is ready."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import Tensor

from aam.config import PretrainConfig, TrainConfig
from aam.config.studies import ADVERSARY
from aam.data.batches.dataset import Collate
from aam.data.batches.loaders import LoaderOptions, StudyDataModule
from aam.data.study.split import Split
from aam.data.study.study import Study
from aam.log import say, say_detail, warn
from aam.models.sequence_encoder import SelfSupervision, SequenceEncoder
from aam.models.sequence_predictor import PredictorPlan, SequencePredictor, encoder_of, num_parameters
from aam.text import plural
from aam.training.calibration.calibrate import calibrate_encoder, calibrate_heads, calibrate_target, refit_clades
from aam.training.calibration.calibration_set import CalibrationSet, calibration_set
from aam.training.distributed.collectives import all_or_none, decided_by_rank_0, rank, world_size
from aam.training.hardware.device import check_device, machine_of, prepare_device
from aam.training.hardware.device_memory import cap_gpu
from aam.training.memory.layout import MemoryPlan
from aam.training.plan.augmentation import augmentation_lines, training_changes
from aam.training.plan.derived_defaults import Plan, StudyFacts, derive
from aam.training.plan.objectives import encoder_type, objectives_of_run, truths_of
from aam.training.plan.supervision import Inputs, read_inputs
from aam.training.run.transfer import (
    Pretrained,
    preprocessing_notes,
    sampling_notes,
    transfer,
    with_encoder,
)
from aam.training.step.adversary import StudyAdversary

if TYPE_CHECKING:
    from aam.training.memory.measure import Build


@dataclass(frozen=True, kw_only=True)
class Prepared:
    """A run that can begin.

    Attributes
    ----------
    plan
        The configuration with nothing left open.
    inputs
        The data, as fitted on its training part.
    data
        The loaders.
    model
        The model, calibrated or with the weights of a pre-trained encoder.
    frozen_vectors_AD
        The ASVs' vectors, where the encoder is frozen.
    device
        Where to compute.
    memory
        How the steps are laid out, and what memory is expected.
    """

    plan: Plan[Any]
    inputs: Inputs
    data: StudyDataModule
    model: SequenceEncoder | SequencePredictor
    frozen_vectors_AD: Tensor | None
    device: torch.device
    memory: MemoryPlan

    @property
    def study(self) -> Study:
        """The data."""
        return self.inputs.study

    @property
    def split(self) -> Split:
        """Its parts."""
        return self.inputs.split


def prepare_pretraining(config: PretrainConfig) -> Prepared:
    """Read the data of a pre-training run, and make its model.

    Raises
    ------
    InputError, ConfigError
        For whatever is wrong with the files or the options; before any model is built.
    """
    with all_or_none():
        check_device(config.run)
        inputs = read_inputs(config)
    return prepare_encoder(config, inputs)


def prepare_encoder(config: PretrainConfig, inputs: Inputs) -> Prepared:
    """Make the model of a pre-training run whose data is read."""
    study = inputs.study
    device, plan, data = begin(config, inputs)
    plan, memory = settle(config, plan, data, lambda c: _new_encoder(c, study), device)
    encoder = _new_encoder(plan.config, study).to(device)
    start = calibration_set(encoder.asv_encoder, data, device, cache=config.table.cache, whole=False)
    calibrate_encoder(encoder, start.vectors_AD, start.batches, plan.config.run.seed)
    _say_plan(plan, encoder, memory)
    return Prepared(
        plan=plan, inputs=inputs, data=data, model=encoder, frozen_vectors_AD=None, device=device, memory=memory
    )


def prepare_training(config: TrainConfig) -> Prepared:
    """Read the data of a training run, and make its model, from a pre-trained encoder if one is given.

    Raises
    ------
    InputError, ConfigError, CheckpointError
        For whatever is wrong with the files, the options or the encoder; before any model is built.
    """
    with all_or_none():
        check_device(config.run)
        config, pretrained = with_encoder(config)
        inputs = read_inputs(config)
    return prepare_predictor(config, inputs, pretrained)


def prepare_predictor(config: TrainConfig, inputs: Inputs, pretrained: Pretrained | None = None) -> Prepared:
    """Make the model of a training run whose data is read.

    Parameters
    ----------
    config
        With the sizes of the encoder, if one is given.
    inputs
        The data.
    pretrained
        The encoder.
    """
    device, plan, data = begin(config, inputs)
    build = _builder_of_predictors(inputs)
    plan, memory = settle(config, plan, data, build, device)
    predictor = build(plan.config).to(device)
    encoder = predictor.base
    loaded: set[str] = set()
    if pretrained is not None:
        loaded, lines = transfer(encoder, pretrained)
        say(*lines, *sampling_notes(plan.config, pretrained))
        for note in preprocessing_notes(plan.config, pretrained):
            warn(note)
    start = calibration_set(encoder.asv_encoder, data, device, cache=config.table.cache, whole=plan.is_frozen)
    if plan.is_frozen:
        say(start.line)
    _calibrate(predictor, start, loaded, plan.config, inputs.groups)
    _say_plan(plan, predictor, memory)
    return Prepared(
        plan=plan,
        inputs=inputs,
        data=data,
        model=predictor,
        frozen_vectors_AD=start.vectors_AD if plan.is_frozen else None,
        device=device,
        memory=memory,
    )


def builder(inputs: Inputs) -> Build:
    """What makes a fresh model for a configuration: a predictor, or an encoder where there is no target."""
    if inputs.targets is not None:
        return _builder_of_predictors(inputs)
    return lambda wanted: _new_encoder(wanted, inputs.study)


def _builder_of_predictors(inputs: Inputs) -> Callable[[TrainConfig], SequencePredictor]:
    return lambda wanted: SequencePredictor(_new_encoder(wanted, inputs.study), _predictor_plan(wanted, inputs))


def begin(config: Any, inputs: Inputs) -> tuple[torch.device, Plan[Any], StudyDataModule]:
    """The device, the plan and the batches of a run; what is wrong with the options is said once."""
    with all_or_none():
        device = prepare_device(config.run)
        kind = None if inputs.targets is None else inputs.targets.kind
        plan = derive(config, StudyFacts.of(inputs.study, inputs.split, kind), machine_of(device))
        return device, plan, _data_module(plan.config, inputs)


def _predictor_plan(config: TrainConfig, inputs: Inputs) -> PredictorPlan:
    assert inputs.targets is not None
    return PredictorPlan(
        targets=inputs.targets,
        head=config.head,
        loss=config.loss,
        covariates=config.covariates,
        covariate_spec=inputs.covariate_spec,
        reads_earlier=inputs.earlier is not None,
    )


def _data_module(config: PretrainConfig | TrainConfig, inputs: Inputs) -> StudyDataModule:
    study = inputs.study
    assert config.optim.batch_size is not None
    options = LoaderOptions(
        batch_size=config.optim.batch_size,
        accumulation=config.optim.gradient_accumulation_steps,
        num_workers=config.run.num_workers or 0,
        seed=config.run.seed,
        pin_memory=torch.cuda.is_available() and config.run.device != "cpu",
        rank=rank(),
        world_size=world_size(),
        level_N=inputs.balance_N,
    )
    adversary = isinstance(config, TrainConfig) and config.studies.study_effect == ADVERSARY
    codes = study_codes(inputs) if adversary else None
    collate = Collate.of(study, truths_of(config, study), inputs.target_NT, inputs.weight_N, inputs.covariates, codes)
    return StudyDataModule(study, inputs.split, collate, config.sampling, options, training_changes(config, inputs))


def study_codes(inputs: Inputs) -> np.ndarray:
    """The study of each sample as a number among those of the training samples; -1 for any other."""
    assert inputs.study_N is not None
    labels = inputs.study_N.astype(str)
    names = np.unique(labels[inputs.split.train])
    place = np.minimum(np.searchsorted(names, labels), len(names) - 1)
    return np.where(names[place] == labels, place, -1).astype(np.int64)


def new_adversary(prepared: Prepared) -> StudyAdversary | None:
    """What tells studies apart by the sample vector, where the encoder is to unlearn them."""
    config, codes_N = prepared.plan.config, prepared.data.collate.study_N
    if codes_N is None:
        return None
    counts = np.bincount(codes_N[prepared.split.train])
    weight_S = torch.from_numpy(counts.sum() / (len(counts) * counts))
    return StudyAdversary(encoder_of(prepared.model).options.embedding_dim, weight_S, config.run.seed)


def settle(
    config: Any, plan: Plan[Any], data: StudyDataModule, build: Build, device: torch.device
) -> tuple[Plan[Any], MemoryPlan]:
    """The plan with batches that fit, which the loaders then follow."""
    from aam.training.memory.measure import choose_layout

    cap_gpu(device, config.memory)
    plan, memory = decided_by_rank_0(lambda: choose_layout(config, plan, data, build, device))
    optim = plan.config.optim
    data.options = dataclasses.replace(
        data.options, batch_size=optim.batch_size, accumulation=optim.gradient_accumulation_steps
    )
    return plan, memory


def _new_encoder(config: PretrainConfig | TrainConfig, study: Study) -> SequenceEncoder:
    has_heads = objectives_of_run(config, bool(study.taxonomy_classes))
    own = {objective.name: True for objective in has_heads if not objective.is_choice}
    classes = study.taxonomy_classes if any(objective.has_classes for objective in has_heads) else ()
    supervision = SelfSupervision(encoder_type=encoder_type(config), taxonomy_classes=classes, **own)
    torch.manual_seed(config.run.seed)
    return SequenceEncoder(config.model, supervision)


def _calibrate(
    predictor: SequencePredictor,
    start: CalibrationSet,
    loaded: set[str],
    config: TrainConfig,
    groups: np.ndarray | None,
) -> None:
    """Prepare what is fresh: the whole encoder, or what a pre-trained one does not have or fit; and the target's."""
    seed = config.run.seed
    batches, vectors_AD, _ = start
    if loaded:
        if config.transfer.refit_clades:
            refit_clades(predictor.base, vectors_AD, batches, seed)
        fresh = [head for head in predictor.base.task_heads() if not any(f"heads.{head.name}." in n for n in loaded)]
        calibrate_heads(predictor.base, fresh, vectors_AD, batches)
    else:
        calibrate_encoder(predictor.base, vectors_AD, batches, seed)
    rows = np.concatenate([batch.rows_B.cpu().numpy() for batch in batches])
    calibrate_target(predictor, vectors_AD, batches, None if groups is None else groups[rows])


def _say_plan(plan: Plan[Any], model: SequenceEncoder | SequencePredictor, memory: MemoryPlan) -> None:
    config = plan.config
    say_detail(*plan.lines)
    say(*augmentation_lines(config.augmentation))
    trainable = "" if not plan.is_frozen else ", of which the encoder's are frozen"
    layout = memory.layout
    say(
        f"network: {num_parameters(model):,} parameters{trainable}; up to {plural(config.optim.epochs, 'epoch')} of "
        f"{plural(plan.steps_per_epoch, 'step')} of {layout.batch_size * layout.accumulation} samples{_by_whom()}; "
        f"the best epoch by {config.optim.best_metric}"
    )
    (say if memory.is_tight else say_detail)(memory.line)


def _by_whom() -> str:
    return "" if world_size() == 1 else f", shared by {world_size()} processes"
