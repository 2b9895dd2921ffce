"""Whose time it is: a clock that charges each moment to the innermost stage, and hooks that tell it the stages.

The product is not edited: methods are wrapped while the clock runs, and forward hooks mark the two encoders. On a GPU
the clock waits at each change of stage, so that a stage is charged for what it gave the GPU to do.
"""

from __future__ import annotations

import functools
import time
from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from typing import Any

from torch import nn

from aam.data.batches import dataset
from aam.data.batches.dataset import Collate, SampleDataset
from aam.data.batches.sampler import ResumableLoader
from aam.models.sequence_encoder import SequenceEncoder
from aam.models.sequence_predictor import SequencePredictor
from aam.training.step.module import TrainingModule
from benchmarks.speed.common import wait_for

READING, ENGINE, VALIDATION, OPTIMISER = "reading and preparing", "training engine", "validation", "optimiser"
LOADER, RAREFACTION, BATCH = "loader", "rarefaction", "make_batch"
TARGETS, COLLATE = "distances between samples", "rest of collate"
ASV_ENCODER, SAMPLE_ENCODER, HEADS = "ASV encoder, forward", "sample encoder, forward", "masking, heads and losses"
BACKWARD, CLIPPING = "backward", "clipping the gradient"
IN_STEP = (
    LOADER,
    RAREFACTION,
    BATCH,
    TARGETS,
    COLLATE,
    ASV_ENCODER,
    SAMPLE_ENCODER,
    HEADS,
    BACKWARD,
    CLIPPING,
    OPTIMISER,
    ENGINE,
)
WHOLE = frozenset({READING, VALIDATION})
"""Stages that are charged for all that happens in them."""

WRAPPED: tuple[tuple[Any, str, str], ...] = (
    (SampleDataset, "__getitem__", RAREFACTION),
    (SampleDataset, "__getitems__", RAREFACTION),
    (dataset, "make_batch", BATCH),
    (dataset, "compute_truths", TARGETS),
    (Collate, "__call__", COLLATE),
    (TrainingModule, "training_step", HEADS),
    (TrainingModule, "backward", BACKWARD),
    (TrainingModule, "configure_gradient_clipping", CLIPPING),
)


class Clock:
    """Seconds of each stage, its inner stages left out.

    Parameters
    ----------
    device
        Waited for at each change of stage.

    Attributes
    ----------
    steps
        Seconds by stage of each training step, from the end of the one before it.
    on_step
        Called at the end of each step with the number of steps so far.
    """

    def __init__(self, device: str) -> None:
        self.device = device
        self.seconds: dict[str, float] = defaultdict(float)
        self.steps: list[dict[str, float]] = []
        self.on_step: Callable[[int], None] = lambda number: None
        self._stack: list[str] = []
        self._before: dict[str, float] = {}
        self._since = time.perf_counter()

    def enter(self, name: str) -> None:
        """Begin a stage."""
        self._charge()
        outer = self._stack[-1] if self._stack else ""
        self._stack.append(outer if outer in WHOLE else name)

    def leave(self) -> None:
        """End the innermost stage."""
        self._charge()
        self._stack.pop()

    @contextmanager
    def stage(self, name: str) -> Iterator[None]:
        """A stage around a block."""
        self.enter(name)
        try:
            yield
        finally:
            self.leave()

    def end_step(self) -> None:
        """Note what the step took."""
        self._charge()
        self.steps.append({name: value - self._before.get(name, 0.0) for name, value in self.seconds.items()})
        self._before = dict(self.seconds)
        self.on_step(len(self.steps))

    def _charge(self) -> None:
        wait_for(self.device)
        now = time.perf_counter()
        if self._stack:
            self.seconds[self._stack[-1]] += now - self._since
        self._since = now


@contextmanager
def watched(clock: Clock) -> Iterator[None]:
    """Wrap the methods of loading and training."""
    with ExitStack() as stack:
        for owner, name, stage in WRAPPED:
            if hasattr(owner, name):
                stack.enter_context(_replaced(owner, name, functools.partial(_as_stage, clock, stage)))
        stack.enter_context(_replaced(ResumableLoader, "__iter__", functools.partial(_as_source, clock)))
        stack.enter_context(_replaced(TrainingModule, "optimizer_step", functools.partial(_as_step, clock)))
        begin, end = functools.partial(_then_enter, clock), functools.partial(_then_leave, clock)
        stack.enter_context(_replaced(TrainingModule, "on_validation_epoch_start", begin))
        stack.enter_context(_replaced(TrainingModule, "on_validation_epoch_end", end))
        yield


def watch_model(clock: Clock, model: SequenceEncoder | SequencePredictor) -> None:
    """Mark the forward passes of the two encoders."""
    base = model.base if isinstance(model, SequencePredictor) else model
    parts: tuple[tuple[nn.Module, str], ...] = (
        (base.asv_encoder, ASV_ENCODER),
        (base.sample_encoder, SAMPLE_ENCODER),
    )
    for part, stage in parts:
        part.register_forward_pre_hook(functools.partial(_on_forward, clock, stage))
        part.register_forward_hook(functools.partial(_after_forward, clock))


def _on_forward(clock: Clock, stage: str, *_: Any) -> None:
    clock.enter(stage)


def _after_forward(clock: Clock, *_: Any) -> None:
    clock.leave()


@contextmanager
def _replaced(owner: Any, name: str, wrap: Callable[[Callable[..., Any]], Callable[..., Any]]) -> Iterator[None]:
    """Wrap a function of a class or module for a while."""
    original, own = getattr(owner, name), name in vars(owner)
    setattr(owner, name, wrap(original))
    try:
        yield
    finally:
        if own:
            setattr(owner, name, original)
        else:
            delattr(owner, name)


def _as_stage(clock: Clock, stage: str, function: Callable[..., Any]) -> Callable[..., Any]:
    @functools.wraps(function)
    def wrapped(*args: Any, **kwargs: Any) -> Any:
        with clock.stage(stage):
            return function(*args, **kwargs)

    return wrapped


def _as_step(clock: Clock, function: Callable[..., Any]) -> Callable[..., Any]:
    @functools.wraps(function)
    def wrapped(*args: Any, **kwargs: Any) -> Any:
        with clock.stage(OPTIMISER):
            result = function(*args, **kwargs)
        clock.end_step()
        return result

    return wrapped


def _as_source(clock: Clock, function: Callable[..., Iterator[Any]]) -> Callable[..., Any]:
    @functools.wraps(function)
    def wrapped(*args: Any, **kwargs: Any) -> Iterator[Any]:
        batches = function(*args, **kwargs)
        nothing = object()
        while True:
            with clock.stage(LOADER):
                batch = next(batches, nothing)
            if batch is nothing:
                return
            yield batch

    return wrapped


def _then_enter(clock: Clock, function: Callable[..., Any]) -> Callable[..., Any]:
    @functools.wraps(function)
    def wrapped(*args: Any, **kwargs: Any) -> Any:
        clock.enter(VALIDATION)
        return function(*args, **kwargs)

    return wrapped


def _then_leave(clock: Clock, function: Callable[..., Any]) -> Callable[..., Any]:
    @functools.wraps(function)
    def wrapped(*args: Any, **kwargs: Any) -> Any:
        result = function(*args, **kwargs)
        clock.leave()
        return result

    return wrapped
