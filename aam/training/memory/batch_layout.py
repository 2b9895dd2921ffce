"""The memory plan: in how many batches, and how, the samples of a step are computed so that they fit.

The samples of a step are given by the options and the data alone. Where they do not fit at once, first what the
gradient needs is computed a second time (gradient checkpointing), then the ASVs are encoded in smaller chunks, and
then the step is divided into several batches whose gradients are summed.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Any, Protocol

import numpy as np

from aam.errors import ConfigError
from aam.log import say, warn
from aam.models.size_estimate import BatchSizes
from aam.text import format_bytes
from aam.training.memory.estimate import Estimate
from aam.training.memory.layout import Layout, MemoryPlan, divisors, layout_of
from aam.training.plan.derived_defaults import Plan

PLENTY = 0.5  # share of the limit up to which the formula is trusted without a measurement
WORTH_MEASURING = 1.5  # the formula is never that wrong: where it expects more than this, nothing is measured
UNCONFIRMED = 0.9  # share of the limit up to which a prediction holds that would take too long to confirm
SECONDS = 60.0  # for one measurement
SMALL_CHUNK = 256


@dataclass(frozen=True)
class Measured:
    """What a step really took: its peak (infinite where it did not fit), its time, and the sizes of its batch."""

    peak: float
    seconds: float
    sizes: BatchSizes


class Probes(Protocol):
    """Measures steps on the richest samples, and leaves no trace."""

    def measure(self, layout: Layout, num_samples: int) -> Measured:
        """One step of the layout's kind with a batch of so many samples."""
        ...


def plan_memory(
    asked: Any, plan: Plan[Any], estimate: Estimate, limit: float, probes: Probes | None = None
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
    probes
        Measures where memory is short; without it the formulas decide.

    Raises
    ------
    ConfigError
        Where no layout fits, with what to type.
    """
    layouts = list(possible_layouts(asked, plan, estimate))
    first, auto = layouts[0], asked.memory.auto_batch_size
    expected, richest = estimate.expected(first), estimate.worst.sizes(1).asvs
    if auto is False or asked.run.resume_from is not None:
        if expected > limit:
            warn(f"about {format_bytes(expected)} of memory are expected, and {format_bytes(limit)} may be used")
        return MemoryPlan(first, expected, limit, "estimated", richest)
    found = None
    if probes is not None and (auto or expected > PLENTY * limit):
        found = _measured_plan(layouts, estimate, limit, probes)
    else:
        fitting = [layout for layout in layouts if estimate.expected(layout) <= limit]
        if fitting:
            found = MemoryPlan(fitting[0], estimate.expected(fitting[0]), limit, "estimated", richest)
    if found is None:
        raise ConfigError(_too_little(asked, plan, layouts, estimate, limit))
    return found


def possible_layouts(asked: Any, plan: Plan[Any], estimate: Estimate) -> Iterator[Layout]:
    """The layouts to try, the quickest first. An explicit batch size is never divided."""
    optim, model = plan.config.optim, asked.model
    step = optim.batch_size * optim.gradient_accumulation_steps
    batch_is_given = asked.optim.batch_size is not None or asked.memory.auto_batch_size is False
    batches = [optim.batch_size] if batch_is_given else divisors(step, plan.fewest_of_step, plan.least_of_batch)
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


def _measured_plan(layouts: Sequence[Layout], estimate: Estimate, limit: float, probes: Probes) -> MemoryPlan | None:
    """The first layout that is predicted to fit from small batches, and does when it is tried."""
    for (checkpointing, _), group in groupby(layouts, lambda layout: (layout.checkpointing, layout.chunk)):
        same = list(group)
        if estimate.expected(same[-1]) > WORTH_MEASURING * limit:
            continue
        sizes = _small_batches(same[0], estimate, limit)
        how = " with gradient checkpointing" if checkpointing else ""
        say(f"measuring memory{how}: one step of {' and of '.join(map(str, sizes))} of the richest samples ...")
        points = [_Point.of(probes.measure(same[0], number), same[0], estimate) for number in sizes]
        for layout in same:
            if (found := _confirmed(layout, points, estimate, limit, probes)) is not None:
                return found
    return None


def _confirmed(
    layout: Layout, points: list[_Point], estimate: Estimate, limit: float, probes: Probes
) -> MemoryPlan | None:
    """The plan with this layout if it fits; what is measured for that is added to the points."""
    activations = estimate.activations(layout)
    expected = _predict(points, activations, estimate.before)
    if expected > limit:
        return None
    richest = estimate.worst.sizes(1).asvs
    seconds = points[-1].seconds * activations / max(1.0, points[-1].activations)
    if seconds > SECONDS:
        if expected > UNCONFIRMED * limit:
            return None
        return MemoryPlan(layout, expected, limit, "probed with smaller batches", richest)
    points.append(_Point.of(probes.measure(layout, estimate.samples(layout)), layout, estimate))
    peak = max(points[-1].peak, _predict(points, activations, estimate.before))
    return MemoryPlan(layout, peak, limit, "probed", richest) if peak <= limit else None


@dataclass(frozen=True)
class _Point:
    """What the formula says of a batch, and what was measured."""

    activations: float
    peak: float
    seconds: float

    @classmethod
    def of(cls, measured: Measured, layout: Layout, estimate: Estimate) -> _Point:
        return cls(estimate.activations(layout, measured.sizes), measured.peak, measured.seconds)


def _predict(points: Sequence[_Point], activations: float, before: float) -> float:
    """Least squares of the peaks over the formula's bytes; with one point, or two alike, the formula scaled to it."""
    if any(math.isinf(point.peak) for point in points):
        smallest = min(point.activations for point in points if math.isinf(point.peak))
        return math.inf if activations >= smallest else before + activations
    last = points[-1]
    if max(p.activations for p in points) > 1.2 * min(p.activations for p in points):
        slope, fixed = np.polyfit([p.activations for p in points], [p.peak for p in points], 1)
        if slope > 0:
            return float(fixed + slope * activations)
    return last.peak + (activations - last.activations) * max(1.0, (last.peak - before) / max(1.0, last.activations))


def _small_batches(layout: Layout, estimate: Estimate, limit: float) -> list[int]:
    """Two sizes to measure, or one: at most half the batch, and about half of what may be used."""

    def share(size: int) -> float:
        return estimate.expected(dataclasses.replace(layout, batch_size=size * estimate.processes)) / limit

    size = max(1, min(estimate.samples(layout), estimate.worst.num_samples) // 2)
    while size > 2 and share(size) > PLENTY:
        size //= 2
    return sorted({max(1, size // 2), size}) if share(size) <= 1 else [1]


def _too_little(asked: Any, plan: Plan[Any], layouts: Sequence[Layout], estimate: Estimate, limit: float) -> str:
    """What to type where no layout fits."""
    last = layouts[-1]
    step = last.batch_size * last.accumulation
    saving = dataclasses.replace(last, checkpointing=asked.model.gradient_checkpointing is not False)
    need = f"needs about {format_bytes(estimate.expected(saving))} of memory, and {format_bytes(limit)} may be used"
    anyway = "--no-auto-batch-size tries it all the same"
    if asked.optim.batch_size is not None:
        sizes = divisors(step, plan.fewest_of_step, plan.least_of_batch)[1:]
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
