"""The memory plan: in how many batches, and how, the samples of a step are computed so that they fit.

The samples of a step are given by the options and the data alone. Where they do not fit at once, first what the
gradient needs is computed a second time (gradient checkpointing), then the ASVs are encoded in smaller chunks, and
then the step is divided into several batches whose gradients are summed.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterator, Sequence
from typing import Any

from aam.errors import ConfigError
from aam.log import say, warn
from aam.text import format_bytes, plural
from aam.training.memory.estimate import Estimate
from aam.training.memory.layout import ESTIMATED, MEASURED, Layout, MemoryPlan, divisors, layout_of
from aam.training.plan.derived_defaults import Plan

MARGIN = {"cpu": 1.15, "cuda": 1.3}
"""How far a step may exceed its formula: by 15 % on a CPU (measured); on a GPU nothing has been measured yet."""
WORTH_MEASURING = 1.5
"""Layouts for which the formula expects more than this share of the limit are not tried."""
SMALL_CHUNK = 256

Measure = Callable[[Layout, int], float]
"""Peak bytes of a step with this layout on so many of the richest samples; infinite where memory runs out."""


def plan_memory(
    asked: Any, plan: Plan[Any], estimate: Estimate, limit: float, measure: Measure | None = None
) -> MemoryPlan:
    """Choose how the steps of a plan are computed.

    Parameters
    ----------
    asked
        The configuration as it was given, which tells what is left open.
    plan
        The plan that was derived from it; its batch size and accumulation are one step's samples.
    estimate
        What the formulas expect.
    limit
        Bytes that may be used.
    measure
        Tries a layout, where ``--auto-batch-size`` asks for it; without it the formulas decide.

    Raises
    ------
    ConfigError
        If no layout fits, with what to type.
    """
    layouts = list(possible_layouts(asked, plan, estimate))
    auto = asked.memory.auto_batch_size
    if auto is False or asked.run.resume_from is not None:
        first = _expected_plan(layouts[0], estimate, limit)
        if first.expected > limit:
            warn(f"a step needs about {format_bytes(first.expected)} of memory; the limit is {format_bytes(limit)}")
        return first
    if auto and measure is not None:
        chosen = _measured_plan(layouts, estimate, limit, measure)
    else:
        chosen = _fitting_plan(layouts, estimate, limit)
    if chosen is None:
        raise ConfigError(_too_little(asked, plan, layouts, estimate, limit))
    return chosen


def possible_layouts(asked: Any, plan: Plan[Any], estimate: Estimate) -> Iterator[Layout]:
    """The layouts to try, the quickest first. An explicit batch size is never divided."""
    optim, model = plan.config.optim, asked.model
    step = optim.batch_size * optim.gradient_accumulation_steps
    batch_is_given = asked.optim.batch_size is not None or asked.memory.auto_batch_size is False
    batches = [optim.batch_size] if batch_is_given else divisors(step, plan.smallest_step, plan.smallest_batch)
    checkpointing = [False, True] if model.gradient_checkpointing is None else [model.gradient_checkpointing]
    modes = [(again, model.asv_chunk_size or 0) for again in checkpointing]
    largest = [layout_of(step, batches[0], *mode) for mode in modes]
    if model.asv_chunk_size is None and checkpointing[-1]:
        chunked = layout_of(step, batches[0], True, SMALL_CHUNK)
        if estimate.activations(chunked) < estimate.activations(largest[-1]):
            largest.append(chunked)
    yield from largest
    for batch in batches[1:]:
        yield layout_of(step, batch, largest[-1].checkpointing, largest[-1].chunk)


def _expected_plan(layout: Layout, estimate: Estimate, limit: float) -> MemoryPlan:
    return MemoryPlan(layout, estimate.expected(layout), limit, ESTIMATED, estimate.worst.sizes(1).asvs)


def _fitting_plan(layouts: Sequence[Layout], estimate: Estimate, limit: float) -> MemoryPlan | None:
    """The first layout that fits with the margin; where none does, the most sparing one, if it fits without."""
    margin = MARGIN[estimate.setting.device]
    fitting = [layout for layout in layouts if estimate.expected(layout) * margin <= limit]
    if not fitting and estimate.expected(layouts[-1]) <= limit:
        fitting = [layouts[-1]]
    return _expected_plan(fitting[0], estimate, limit) if fitting else None


def _measured_plan(layouts: Sequence[Layout], estimate: Estimate, limit: float, measure: Measure) -> MemoryPlan | None:
    """The first layout that fits when it is tried."""
    for layout in layouts:
        if estimate.expected(layout) > WORTH_MEASURING * limit:
            continue
        number = min(estimate.samples(layout), estimate.worst.num_samples)
        how = " with gradient checkpointing" if layout.checkpointing else ""
        say(f"measuring memory{how}: one step of the {plural(number, 'richest sample')} ...")
        peak = measure(layout, number)
        if peak <= limit:
            return MemoryPlan(layout, peak, limit, MEASURED, estimate.worst.sizes(1).asvs)
    return None


def _too_little(asked: Any, plan: Plan[Any], layouts: Sequence[Layout], estimate: Estimate, limit: float) -> str:
    """The advice where no layout fits."""
    last = layouts[-1]
    step = last.batch_size * last.accumulation
    saving = dataclasses.replace(last, checkpointing=asked.model.gradient_checkpointing is not False)
    need = f"needs about {format_bytes(estimate.expected(saving))} of memory; the limit is {format_bytes(limit)}"
    anyway = "--no-auto-batch-size tries anyway"
    if asked.optim.batch_size is not None:
        sizes = divisors(step, plan.smallest_step, plan.smallest_batch)[1:]
        smaller = (layout_of(step, size, saving.checkpointing, saving.chunk) for size in sizes)
        fitting = [
            layout for layout in smaller if estimate.expected(layout) <= limit and layout.batch_size < last.batch_size
        ]
        if fitting:
            found = f"--batch-size {fitting[0].batch_size} --gradient-accumulation-steps {fitting[0].accumulation}"
            other = f"--auto-batch-size --target-effective-batch-size {step} instead of --batch-size"
            return f"--batch-size {last.batch_size} {need}: write {found}, or {other}; {anyway}"
    refused = " without --no-gradient-checkpointing," if asked.model.gradient_checkpointing is False else ""
    limit_words = f"with a smaller --token-limit (longest sample: {estimate.worst.sizes(1).asvs:,} ASVs)"
    model = "--embedding-dim or fewer --attention-layers"
    return f"a batch of {last.batch_size} {need}: try it{refused} {limit_words}, a smaller {model}; {anyway}"
