"""`aam check`: read all inputs as a run would, say everything that is wrong and what a run would do; start nothing."""

from __future__ import annotations

import shlex
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

from rich.console import Console
from rich.table import Table as Grid

from aam.config import (
    CheckConfig,
    CovariateOptions,
    EvaluationOptions,
    HeadOptions,
    LossOptions,
    ObjectiveOptions,
    OptimOptions,
    PretrainConfig,
    RunOptions,
    TargetOptions,
    TrainConfig,
    TransferOptions,
)
from aam.config.option import Column, fields, flag
from aam.data.describe import describe
from aam.data.estimate import PROCESS_BYTES, BatchSizes, Setting, num_encoder_parameters, num_target_parameters
from aam.data.split import Split, make_split
from aam.data.study import Study, TargetRequest, load_study, study_problems
from aam.data.target_fit import TargetRules, fit_target
from aam.data.targets import Kind, TargetSpec
from aam.data.worst_case import WorstCase
from aam.errors import ConfigError, InputError
from aam.training.host_memory import cpu_bytes
from aam.training.layout import MemoryPlan, bounded
from aam.training.memory_plan import Estimate, plan_memory
from aam.training.plan import Plan, StudyFacts, derive

PRETRAINING_HEADS = ("distance", "nucleotide", "count")
NVIDIA_DRIVER = Path("/proc/driver/nvidia")


class Prospect(NamedTuple):
    """What a run with these inputs would be."""

    study: Study
    split: Split
    target: TargetSpec | None
    plan: Plan[Any]
    weights: int
    sizes: BatchSizes
    memory: MemoryPlan


def run(config: CheckConfig) -> None:
    """Read the inputs and describe the run, or raise one error with every problem that was found."""
    prospect = _prospect(config, _load(config))
    study = prospect.study
    facts = describe(study, prospect.split)[sum(1 for step in study.flow if step.dropped) :]
    console = Console(highlight=False, soft_wrap=True)
    console.print(_flow(study))
    console.print("\n".join(["", *facts, "", "A run would", *_indented(_plan(prospect))]), markup=False)
    console.print("\n".join(["", "No problem found. Next:", *_indented(_next(config))]), markup=False)


def _load(config: CheckConfig) -> Study:
    inputs = (config.table, config.study, config.sampling, _request(config))
    try:
        return load_study(*inputs)
    except (InputError, ConfigError):
        raise InputError.of(tuple(study_problems(*inputs))) from None


def _prospect(config: CheckConfig, study: Study) -> Prospect:
    options = config.check
    kind: Kind | None = None
    if options.metadata_column is not None:
        kind = "classification" if options.classifier else "regression"
    split = make_split(config.split, study, study.target, kind, options.seed)
    wanted = _run_config(config)
    target = None
    if isinstance(wanted, TrainConfig) and study.target is not None and study.metadata is not None:
        rules = TargetRules(columns=wanted.target.metadata_column, classifier=wanted.target.classifier)
        target = fit_target(rules, study.target, split.train, study.metadata.source)
    plan = derive(wanted, StudyFacts.of(study, split))
    weights = _num_weights(plan, target)
    worst = WorstCase(study, split.train, config.sampling)
    limit, device = _limit(config)
    in_use = PROCESS_BYTES if device == "cpu" else 0
    estimate = Estimate.of(plan.config.model, worst, Setting(device=device), weights, in_use)
    memory = plan_memory(wanted, plan, estimate, limit)
    return Prospect(study, split, target, plan, weights, worst.sizes(memory.layout.batch_size), memory)


def _num_weights(plan: Plan[Any], target: TargetSpec | None) -> int:
    options = plan.config.model
    if target is None:
        return num_encoder_parameters(options, PRETRAINING_HEADS)
    return num_encoder_parameters(options) + num_target_parameters(options, max(1, len(target.classes)))


def _limit(config: CheckConfig) -> tuple[float, str]:
    """Memory that a run could use, and of what device."""
    if NVIDIA_DRIVER.exists():  # torch takes seconds to load: only where there may be a GPU to ask
        import torch

        from aam.training.memory import memory_limit

        if torch.cuda.is_available():
            return memory_limit(torch.device("cuda"), config.memory), "cuda"
    return bounded(cpu_bytes(), config.memory), "cpu"


def _request(config: CheckConfig) -> TargetRequest | None:
    options = config.check
    if options.metadata_column is None:
        return None
    return TargetRequest(columns=(options.metadata_column,), classifier=options.classifier, missing=options.missing)


def _run_config(config: CheckConfig) -> Any:
    """The configuration of the run that would follow, with the defaults of all that is not given here."""
    options = config.check
    common: dict[str, Any] = {
        "table": config.table,
        "study": config.study,
        "sampling": config.sampling,
        "split": config.split,
        "model": config.model,
        "objective": ObjectiveOptions(),
        "optim": OptimOptions(batch_size=options.batch_size),
        "memory": config.memory,
        "run": RunOptions(output_dir=Path("run"), seed=options.seed),
    }
    if options.metadata_column is None:
        return PretrainConfig(**common)
    target = TargetOptions(
        metadata_column=(Column(options.metadata_column),), classifier=options.classifier, missing=options.missing
    )
    return TrainConfig(
        target=target,
        head=HeadOptions(),
        loss=LossOptions(),
        covariates=CovariateOptions(),
        transfer=TransferOptions(),
        evaluation=EvaluationOptions(),
        **common,
    )


def _flow(study: Study) -> Grid:
    """Each step of bringing the inputs together: how many samples went on, how many did not, and why."""
    grid = Grid("step", "kept", "left out", "why", box=None, pad_edge=True, header_style="")
    for step in study.flow:
        more = ", ..." if step.dropped > len(step.examples) else ""
        why = f"{step.reason} ({', '.join(step.examples)}{more})" if step.dropped else ""
        grid.add_row(step.step, f"{step.kept:,}", f"{step.dropped:,}", why)
    return grid


def _indented(lines: Iterator[str] | list[str]) -> Iterator[str]:
    return (f"  {line}" for line in lines)


def _plan(prospect: Prospect) -> Iterator[str]:
    plan, target = prospect.plan, prospect.target
    if target is None:
        yield "pre-train an encoder (a target is named with --metadata-column)"
    else:
        yield _target_words(target)
    yield f"take {plan.steps_per_epoch:,} steps an epoch, {plan.total_steps:,} at most"
    yield from (f"set {line}" for line in plan.lines)
    yield f"have {prospect.weights:,} weights, and {_size_words(prospect.sizes)}"
    yield prospect.memory.line


def _target_words(target: TargetSpec) -> str:
    if target.classes:
        return f"learn '{target.column}', one of {len(target.classes)} classes: {', '.join(target.classes)}"
    return f"learn '{target.column}', a number (mean {target.mean:.4g} in the training samples)"


def _size_words(sizes: BatchSizes) -> str:
    return f"batches of {sizes.samples} samples of up to {sizes.asvs:,} ASVs, {sizes.distinct:,} distinct at most"


def _next(config: CheckConfig) -> Iterator[str]:
    """The command that would start the run, with the options that were given here."""
    options = config.check
    command = "pretrain" if options.metadata_column is None else "train"
    words = ["aam", command]
    taken = {field.name for _, field, _ in fields(PretrainConfig if command == "pretrain" else TrainConfig)}
    for section, field, _ in fields(CheckConfig):
        value = getattr(getattr(config, section), field.name)
        if field.name in taken and value != field.default:
            words += _flags(field.name, value)
    yield shlex.join([*words, "--output-dir", f"runs/{options.metadata_column or 'encoder'}"])


def _flags(name: str, value: object) -> list[str]:
    if isinstance(value, bool):
        return [flag(name if value else f"no_{name}")]
    if isinstance(value, tuple):
        return [word for item in value for word in (flag(name), str(item))]
    return [flag(name), str(value)]
