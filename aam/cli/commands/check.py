"""`aam check`: a dry run that reads all inputs, lists every problem and describes the run."""

from __future__ import annotations

import shlex
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from aam.cli.check_model import check_table, flow_grid
from aam.cli.options import parse_readable
from aam.cli.terminal import Terminal
from aam.config import CheckConfig, PretrainConfig, TrainConfig
from aam.config.command_line import option_words
from aam.config.option import fields
from aam.config.studies import STUDY
from aam.data.readers.sharing import LOUD
from aam.data.study.earlier import clock_notes
from aam.data.study.several.harmony import harmony_of
from aam.data.study.study import Study
from aam.data.study.summary import describe, has_warnings
from aam.errors import AamError, Attempts
from aam.learners.catalogue import LABELS
from aam.models.size_estimate import BatchSizes
from aam.text import format_bytes, format_duration, format_pace, plural
from aam.workflows.runs.blend.time import duration_details, duration_words
from aam.workflows.runs.dry_run import PlannedBlend, PlannedRun, plan_run, read_files


def run(config: CheckConfig) -> None:
    """Read the inputs and describe the run, or raise one error with every problem that was found."""
    if config.run.model is not None:
        check_table(config.as_prediction())
        return
    planned = plan_run(config)
    study = planned.inputs.study
    facts = describe(study, planned.inputs.split)[sum(1 for step in study.flow if step.dropped) :]
    harmony = harmony_of(study, config.study.study_column)
    facts += [] if harmony is None else harmony.lines()
    console = Terminal()
    console.print(flow_grid(study))
    console.print("\n".join(["", *facts, "", "A run would", *_indented(_plan(planned))]))
    is_warned = has_warnings(study) or any(line.startswith(LOUD) for line in facts)
    found = "No error found, but mind what the warning says" if is_warned else "No problem found"
    console.print("\n".join(["", f"{found}. Next:", *_indented(_next(config))]))


def with_files(error: AamError, words: Sequence[str]) -> AamError:
    """What is wrong with options that cannot be read, and with the files that the others name.

    Parameters
    ----------
    error
        What was found of the options.
    words
        The words after the command's name.
    """
    attempt = Attempts()

    def refuse_options() -> None:
        raise error

    attempt(refuse_options)
    config = parse_readable("check", words, attempt)
    if config is not None:
        read_files(config, attempt)
    return attempt.kind.of(tuple(attempt.lines))


def _indented(lines: Iterator[str] | list[str]) -> Iterator[str]:
    return (f"  {line}" for line in lines)


def _plan(planned: PlannedRun | PlannedBlend) -> Iterator[str]:
    if isinstance(planned, PlannedBlend):
        yield from _blend(planned)
        return
    plan, config = planned.plan, planned.plan.config
    targets = planned.inputs.targets
    if targets is None:
        yield "pre-train an encoder (--metadata-column would name a target)"
    else:
        yield from targets.lines()
        yield from _evaluation_words(config, planned.inputs.study)
    if planned.inputs.groups is not None:
        yield f"keep {len(np.unique(planned.inputs.groups.astype(str))):,} groups whole"
    yield from _inputs(planned)
    yield f"take {plan.steps_per_epoch:,} steps per epoch, at most {plan.total_steps:,}"
    if config.run.verbose:
        yield from (f"set {line}" for line in plan.lines)
        yield f"have {planned.weights} weights, and {_size_words(planned.sizes)}"
    if config.run.verbose or planned.memory.is_tight:
        yield planned.memory.line
    else:
        yield f"need about {format_bytes(planned.memory.expected)} of {format_bytes(planned.memory.limit)} memory"
    if planned.epoch_seconds is not None:
        yield from _network_duration(planned.epoch_seconds, config, planned.inputs.study)


def _inputs(planned: PlannedRun | PlannedBlend) -> Iterator[str]:
    """What is read besides the sample: covariates and earlier samples."""
    yield from (f"use as input {line}" for line in planned.covariate_lines)
    if planned.inputs.earlier is not None:
        yield from (f"mind: {line}" for line in clock_notes(planned.inputs.study, planned.inputs.earlier))


def _blend(planned: PlannedBlend) -> Iterator[str]:
    samples, targets = len(planned.inputs.split.train), planned.inputs.targets
    assert targets is not None
    yield from targets.lines()
    yield from _evaluation_words(planned.config, planned.inputs.study)
    yield from _inputs(planned)
    yield f"blend {plural(len(planned.members), 'learner')}:"
    yield from (f"  {LABELS[name]}" for name in planned.members)
    yield from (f"leave out the {LABELS[one.name]}: {one.reason}" for one in planned.left_out)
    whole = "" if planned.groups is None else f", whole groups together ({planned.groups:,} groups)"
    yield f"weight them by predictions of {samples:,} samples in {planned.folds} folds{whole}"
    yield f"need about {format_bytes(planned.peak_bytes)} of memory"
    if planned.durations:
        yield f"take {duration_words(planned.durations, _times(planned.config, planned.inputs.study))}"
        if planned.config.run.verbose:
            yield from (f"  {line}" for line in duration_details(planned.durations))


def _network_duration(epoch: float, config: TrainConfig | PretrainConfig, study: Study) -> Iterator[str]:
    times = _times(config, study)
    whole = format_duration(times * config.optim.epochs * epoch)
    models = f"{times} models, each of " if times > 1 else ""
    yield (
        f"take at most {whole} on this machine ({models}{plural(config.optim.epochs, 'epoch')} of "
        f"{format_pace(epoch)}, measured on first steps); most runs stop earlier"
    )


def _times(config: TrainConfig | PretrainConfig, study: Study) -> int:
    """Models that are fitted one after the other."""
    if isinstance(config, PretrainConfig):
        return 1
    evaluation = config.evaluation
    return _num_folds(config, study) * evaluation.cv_repeats * evaluation.ensemble


def _num_folds(config: TrainConfig, study: Study) -> int:
    """Folds of one repeat; of studies at most."""
    if config.evaluation.cv != STUDY:
        return int(config.evaluation.cv or 1)
    assert study.metadata is not None
    return len(set(study.metadata.labels(config.study.study_column)))


def _evaluation_words(config: TrainConfig, study: Study) -> Iterator[str]:
    evaluation = config.evaluation
    if evaluation.cv is not None:
        times = f", {evaluation.cv_repeats} times" if evaluation.cv_repeats > 1 else ""
        folds = _num_folds(config, study)
        what = f"leave out each of {folds} studies" if evaluation.cv == STUDY else f"cross-validate in {folds} folds"
        yield f"{what}{times}"
    if evaluation.ensemble > 1:
        yield f"train {evaluation.ensemble} models and average them"


def _size_words(sizes: BatchSizes) -> str:
    return f"batches of {sizes.samples} samples with up to {sizes.asvs:,} ASVs, at most {sizes.distinct:,} distinct"


def _next(config: CheckConfig) -> Iterator[str]:
    """The command that would start the run, with the options that were given here."""
    columns = config.target.metadata_column
    kind: Any = TrainConfig if columns else PretrainConfig
    words = option_words(config, {field.name for _, field, _ in fields(kind)})
    if config.run.output_dir is None:
        words += ["--output-dir", f"runs/{columns[0] if columns else 'encoder'}"]
    yield shlex.join(["aam", "train" if columns else "pretrain", *words])
