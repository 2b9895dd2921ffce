"""What a run with some options would be, up to its model; or everything that keeps it from being one."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from aam.config import CheckConfig, HeadOptions, PretrainConfig, TrainConfig, replace
from aam.config.option import input_paths
from aam.data.readers.metadata import Metadata
from aam.data.study.assemble import read_each
from aam.data.study.covariates import CovariateSpec
from aam.data.study.earlier import describe_earlier
from aam.data.study.split import Split, make_split, read_lists, sample_groups
from aam.data.study.study import Study, TargetRequest, inspect_study
from aam.data.targets.fitting import fit_targets
from aam.data.targets.kinds import chosen_kind
from aam.data.targets.targets import Targets
from aam.errors import Attempts
from aam.learners.clades import MAX_CLUSTERED
from aam.learners.members import Unable, possible_members
from aam.models.size_estimate import (
    PROCESS_BYTES,
    BatchSizes,
    num_encoder_parameters,
    num_target_parameters,
    sharded_units,
)
from aam.runs.layout import check_output_dir
from aam.runs.tracking.registry import check_installed
from aam.training.distributed.rank_info import num_gpus
from aam.training.hardware.host_memory import bounded, cpu_bytes
from aam.training.memory.batch_layout import plan_memory
from aam.training.memory.estimate import Estimate
from aam.training.memory.layout import MemoryPlan
from aam.training.memory.worst_case import Changes, WorstCase
from aam.training.plan.derived_defaults import Plan, StudyFacts, derive
from aam.training.plan.folds import learnable_folds
from aam.training.plan.objectives import objectives_of_run, truths_of
from aam.training.plan.supervision import (
    Inputs,
    fit_inputs,
    learned_split,
    needs_dna,
    needs_validation,
    split_options,
    target_request,
    target_rules,
)
from aam.workflows.runs.blend.checks import check_inner_folds
from aam.workflows.runs.blend.time import Durations, expected_durations

NVIDIA_DRIVER = Path("/proc/driver/nvidia")

RunConfig = TrainConfig | PretrainConfig


class PlannedRun(NamedTuple):
    """What a run would be: its data, what else its model would read in words, and how it would be trained.

    ``epoch_seconds`` is about how long an epoch takes, measured on first steps; None where nobody asked.
    """

    inputs: Inputs
    covariate_lines: tuple[str, ...]
    plan: Plan[Any]
    weights: str
    sizes: BatchSizes
    memory: MemoryPlan
    epoch_seconds: float | None


class PlannedBlend(NamedTuple):
    """What a blend would be: its data, its covariates in words, and who would be in it.

    Attributes
    ----------
    inputs, covariate_lines
        As of a :class:`PlannedRun`.
    config
        The options.
    members, left_out
        Learners of the catalogue that the study can have, and those that it cannot, with the reason.
    folds, groups
        Folds within the training samples, and groups that they keep whole; None where samples stand alone.
    peak_bytes
        Memory of the largest member, by a formula.
    durations
        About how long each member takes, measured on first steps; empty where nobody asked, or for few samples.
    """

    inputs: Inputs
    covariate_lines: tuple[str, ...]
    config: TrainConfig
    members: tuple[str, ...]
    left_out: tuple[Unable, ...]
    folds: int
    groups: int | None
    peak_bytes: float
    durations: Durations


def plan_run(config: CheckConfig) -> PlannedRun | PlannedBlend:
    """Do what a run does before it makes its model.

    Raises
    ------
    InputError, ConfigError, CheckpointError
        With everything that is wrong with the options, the files, and how they go together.
    """
    attempt = Attempts()
    folder, overwrite = config.run.output_dir, config.run.overwrite
    if folder is not None:
        attempt(lambda: check_output_dir(folder, overwrite=overwrite, inputs=input_paths(config)))
    attempt(lambda: check_installed(config.tracking.logger))
    wanted = attempt(config.as_run)
    if wanted is not None:
        wanted = attempt(partial(_with_encoder, wanted))
    drawing = config.drawing if config.target.metadata_column else config.sampling
    request, dna = _request(config, wanted), wanted is None or needs_dna(wanted)
    study, sheet = inspect_study(config.table, config.study, drawing, request, attempt, needs_dna=dna)
    _check_columns(config, sheet, attempt)
    if study is None:
        attempt(lambda: read_lists(config.split))
    if study is None or wanted is None:
        attempt.raise_if_any()
        raise AssertionError("what is not there has a reason")
    split, inputs = _fit(wanted, study, attempt)
    if isinstance(wanted, TrainConfig) and wanted.is_blend:
        if wanted.learners.with_network:
            attempt(partial(_derived, replace(wanted, learners=["network"], fine_tune=False), study, split))
        attempt.raise_if_any()
        assert inputs is not None
        return _planned_blend(wanted, inputs, timed=config.run.estimate_time)
    plan = attempt(partial(_derived, wanted, study, split))
    if not attempt.lines and plan is not None:
        attempt(lambda: truths_of(plan.config, study))
    attempt.raise_if_any()
    assert plan is not None
    assert inputs is not None
    return _planned(wanted, plan, inputs, timed=config.run.estimate_time)


def read_files(config: CheckConfig, attempt: Attempts) -> None:
    """Read each file of a run alone: what holds of it whatever the other options say.

    Parameters
    ----------
    config
        The options that could be read.
    attempt
        Takes everything that is wrong.
    """
    sources = read_each(config.table, config.study, attempt)
    _check_columns(config, sources.get("metadata"), attempt)
    attempt(lambda: read_lists(config.split))


def _with_encoder(wanted: RunConfig) -> RunConfig:
    """The configuration with the sizes of a pre-trained encoder, if one is given and the network is trained."""
    if isinstance(wanted, PretrainConfig) or not wanted.transfer.names_encoder:
        return wanted
    from aam.training.run.transfer import read_encoder, with_encoder

    if wanted.learners.with_network:
        return with_encoder(wanted)[0]
    if isinstance(wanted.transfer.pretrained_encoder, Path):
        read_encoder(wanted.transfer.pretrained_encoder)
    return wanted


def _request(config: CheckConfig, wanted: RunConfig | None) -> TargetRequest | None:
    """What to read from the metadata, even where the options as a whole cannot work."""
    if not config.target.metadata_column or isinstance(wanted, PretrainConfig):
        return None
    return target_request(wanted if wanted is not None else config)


def _check_columns(config: CheckConfig, sheet: Metadata | None, attempt: Attempts) -> None:
    if sheet is not None:
        for column in _columns(config):
            attempt(partial(sheet.column, column))


def _columns(config: CheckConfig) -> Iterator[str]:
    """Every metadata column that the options name."""
    loss, split = config.loss, config.split
    named = [
        *config.target.metadata_column,
        *config.covariates.columns,
        *config.target.normalize_by,
        config.target.exposure_column,
        loss.sample_weight_column,
        loss.categorical_loss_weight_column,
        split.group_column,
        split.split_column,
        *config.study_columns,
        config.earlier.subject_column,
        config.earlier.time_column,
    ]
    made = config.study.study_column if len(config.table.table) > 1 else None
    return (name for name in dict.fromkeys(named) if name is not None and name != made)


def _fit(config: RunConfig, study: Study, attempt: Attempts) -> tuple[Split, Inputs | None]:
    """The parts of the samples (of the first fold, where there are folds), and what is fitted to them.

    Where the samples cannot be divided, all of them show what else is wrong.
    """
    rows = np.arange(len(study))
    undivided = Split(rows, rows, rows[:0])
    if isinstance(config, PretrainConfig):
        parts = attempt(lambda: make_split(config.split, study, None, None, config.run.seed)) or undivided
        return parts, attempt(lambda: fit_inputs(config, study, parts))
    if any(column not in study.targets for column in config.target.metadata_column):
        _fit_usable(config, study, rows, attempt)
        return undivided, None
    if config.evaluation.cv is not None:
        folds = attempt(lambda: learnable_folds(config, study, check_inner_folds))
        if folds is None:
            return undivided, None
        parts = folds[1][0].split
    else:
        kind = chosen_kind(config.target, config.loss)
        validated, seed = needs_validation(config), config.run.seed
        how = split_options(config)
        found = attempt(lambda: make_split(how, study, study.target, kind, seed, validated=validated))
        parts = found or undivided
    learned = learned_split(config, parts)
    inputs = attempt(lambda: fit_inputs(config, study, learned))
    if inputs is not None and config.evaluation.cv is None:
        attempt(lambda: check_inner_folds(config, inputs))
    return learned, inputs


def _fit_usable(config: TrainConfig, study: Study, rows: np.ndarray, attempt: Attempts) -> None:
    """What can be divided and fitted where a target cannot even be read: samples, other targets and covariates."""
    sheet = study.metadata
    assert sheet is not None
    attempt(lambda: sample_groups(config.split, study))
    if config.evaluation.cv is None:
        validated = needs_validation(config)
        attempt(lambda: make_split(config.split, study, None, None, config.run.seed, validated=validated))
    rules = dataclasses.replace(target_rules(config), columns=tuple(study.targets), normalize_by=())
    if study.targets:
        attempt(lambda: fit_targets(rules, study.targets, rows, sheet.source))
    if config.covariates.columns:
        attempt(lambda: CovariateSpec.fit(config.covariates, sheet, rows))


def _derived(wanted: RunConfig, study: Study, split: Split) -> Plan[Any]:
    """The plan, where tree, distances and taxonomy that are given are also as they should be."""
    given = wanted.study
    kind = chosen_kind(wanted.target, wanted.loss) if isinstance(wanted, TrainConfig) else None
    facts = dataclasses.replace(
        StudyFacts.of(study, split, kind),
        has_tree=given.tree is not None,
        has_distances=given.distances is not None,
        has_taxonomy=given.taxonomy is not None,
    )
    return derive(wanted, facts)


def _planned_blend(config: TrainConfig, inputs: Inputs, *, timed: bool) -> PlannedBlend:
    study, rows = inputs.study, inputs.split.train
    has_encoder = config.transfer.names_encoder
    members, left_out = possible_members(config.members, study, has_encoder=has_encoder)
    units = inputs.units(rows, whole_studies=config.studies.whole_studies)
    groups = None if units is None else len(np.unique(units.astype(str)))
    return PlannedBlend(
        inputs=inputs,
        covariate_lines=_covariate_lines(inputs),
        config=config,
        members=tuple(members),
        left_out=tuple(left_out),
        folds=min(config.settings.blend_folds, len(rows) if groups is None else groups),
        groups=groups,
        peak_bytes=PROCESS_BYTES + _largest_member(len(rows), study.shape[1]),
        durations=expected_durations(config, inputs, members) if timed else {},
    )


def _largest_member(samples: int, asvs: int) -> float:
    """Bytes of what a blend holds at once: features of ASVs and clades, the distances of the clades' tree, a kernel."""
    clustered = min(asvs, MAX_CLUSTERED)
    features = samples * (asvs + 2 * clustered) * np.dtype(np.float32).itemsize
    distances = clustered * (clustered - 1) / 2 * np.dtype(np.float64).itemsize
    return float(features + distances + samples**2 * np.dtype(np.float64).itemsize)


def _covariate_lines(inputs: Inputs) -> tuple[str, ...]:
    spec, sheet = inputs.covariate_spec, inputs.study.metadata
    covariates = () if spec is None or sheet is None else (*spec.lines(), *spec.unknown_notes(sheet))
    return covariates if inputs.earlier is None else (*covariates, describe_earlier(inputs.study, inputs.earlier))


def _planned(wanted: RunConfig, plan: Plan[Any], inputs: Inputs, *, timed: bool) -> PlannedRun:
    study, config = inputs.study, plan.config
    limit, device = _limit(wanted)
    local, processes = _num_processes(wanted, device)
    weights, exact = _num_weights(config, study, inputs.targets)
    worst = WorstCase(study, inputs.split.train, config.sampling, Changes.of(config.augmentation))
    in_use = PROCESS_BYTES if device == "cpu" else 0
    estimate = Estimate.of_plan(plan, worst, device, sharded_units(config.model, weights), in_use, processes)
    memory = plan_memory(wanted, plan, estimate, limit / local if device == "cpu" else limit)
    return PlannedRun(
        inputs=inputs,
        covariate_lines=_covariate_lines(inputs),
        plan=plan,
        weights=f"{'' if exact else 'about '}{weights:,}",
        sizes=worst.sizes(memory.layout.batch_size),
        memory=memory,
        epoch_seconds=_epoch_seconds(wanted, inputs) if timed else None,
    )


def _epoch_seconds(wanted: RunConfig, inputs: Inputs) -> float:
    """About how long an epoch takes, by its first steps; of several processes, by those of one."""
    from aam.training.run.first_steps import seconds_of_epoch

    return seconds_of_epoch(wanted, inputs)


def _num_weights(config: RunConfig, study: Study, targets: Targets | None) -> tuple[int, bool]:
    """Weights of the model, and whether the formulas know all of its parts."""
    num_classes = len(study.taxonomy_classes)
    heads = objectives_of_run(config, bool(num_classes))
    number = num_encoder_parameters(config.model)
    number += sum(objective.num_parameters(config.model, num_classes) for objective in heads)
    if targets is None or isinstance(config, PretrainConfig):
        return number, True
    outputs = math.prod(targets.kind.output_shape(targets.specs))
    plain = HeadOptions(linear_path=config.head.linear_path, target_layer_norm=False)
    is_plain = not config.covariates.columns and not config.earlier.is_asked_for and config.head == plain
    return number + num_target_parameters(config.model, outputs, config.head.linear_path), is_plain


def _num_processes(wanted: RunConfig, device: str) -> tuple[int, int]:
    """Processes of this machine, and of all; what a launcher will start is taken from the options."""
    options = wanted.distributed
    local = options.wanted
    if local == "all":
        local = num_gpus() if device == "cuda" else 1
    return local, local * options.num_nodes


def _limit(wanted: RunConfig) -> tuple[float, str]:
    """Memory that a run could use, and of what device."""
    asked = wanted.run
    if NVIDIA_DRIVER.exists() or asked.device == "cuda" or asked.mixed_precision == "fp16" or asked.tf32:
        # torch takes seconds to load: only where there may be a GPU to ask, or one is asked for
        from aam.training.hardware.device import prepare_device
        from aam.training.hardware.device_memory import memory_limit

        device = prepare_device(asked)
        if device.type == "cuda":
            return memory_limit(device, wanted.memory), "cuda"
    return bounded(cpu_bytes(), wanted.memory), "cpu"
