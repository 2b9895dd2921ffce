"""How the samples of a step are laid out in batches, and the memory that is expected of it, in words."""

from __future__ import annotations

import shlex
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from aam.config import TrainConfig
from aam.runs.directory import resume_command
from aam.text import format_bytes
from aam.training.plan.derived_defaults import Plan

ESTIMATED, MEASURED = "estimated", "measured"


@dataclass(frozen=True, kw_only=True)
class Layout:
    """How the samples of a step are computed: ``accumulation`` batches of ``batch_size``."""

    batch_size: int
    accumulation: int
    checkpointing: bool
    chunk: int

    @property
    def model_changes(self) -> dict[str, Any]:
        """The options of the model that follow."""
        return {"gradient_checkpointing": self.checkpointing, "asv_chunk_size": self.chunk}


@dataclass(frozen=True)
class MemoryPlan:
    """The layout that was chosen, the bytes that are expected and allowed, and where the expectation comes from.

    ``richest`` is the number of ASVs of the richest sample.
    """

    layout: Layout
    expected: float
    limit: float
    source: str
    richest: int

    @property
    def is_tight(self) -> bool:
        """Whether a step had to be divided or made slower to fit, or was measured because somebody asked."""
        layout = self.layout
        return layout.accumulation > 1 or layout.checkpointing or bool(layout.chunk) or self.source != ESTIMATED

    @property
    def line(self) -> str:
        """The plan in a line."""
        layout = self.layout
        size = (
            f"batch {layout.batch_size} x accumulate {layout.accumulation} = {layout.batch_size * layout.accumulation}"
        )
        saving = ", gradient checkpointing" if layout.checkpointing else ""
        saving += f", {layout.chunk} ASVs at once" if layout.chunk else ""
        return f"memory: {size}{saving}; expected {_of(self.expected, self.limit)} ({self.source})"

    def compared(self, peak: float) -> str:
        """The peak that came, beside the expectation, in words."""
        share = round(100 * (peak / self.expected - 1))
        words = f"{abs(share)}% {'more' if share > 0 else 'less'} than expected" if share else "as expected"
        return f"peak memory {format_bytes(peak)}; {words}"


def _of(part: float, whole: float) -> str:
    """The unit once, where both have one."""
    parts = format_bytes(part), format_bytes(whole)
    if parts[0][-2:] == parts[1][-2:]:
        return f"{parts[0][:-3]} of {parts[1]}"
    return f"{parts[0]} of {parts[1]}"


def divisors(step: int, fewest: int, least: int) -> list[int]:
    """Sizes of equal batches that make up a step, the largest first.

    Parameters
    ----------
    step
        Samples of a full step.
    fewest
        Samples of the smallest step of an epoch, whose batches are smaller.
    least
        Samples that each of these must have.
    """
    sizes = [size for size in range(step, 0, -1) if step % size == 0]
    return [size for size in sizes if size == step or fewest // (step // size) >= least]


def layout_of(step: int, batch: int, checkpointing: bool, chunk: int) -> Layout:
    """A step of so many samples in batches of this size."""
    return Layout(batch_size=batch, accumulation=step // batch, checkpointing=checkpointing, chunk=chunk)


def out_of_memory(memory: MemoryPlan, plan: Plan[Any], run: Path, device: str) -> str:
    """What to type after a run came to the end of its memory; its batch size is its own and is never changed for it."""
    layout = memory.layout
    command = "train" if isinstance(plan.config, TrainConfig) else "pretrain"
    kind = "GPU memory" if device == "cuda" else "memory"
    where = f"out of {kind} at batch {layout.batch_size} (longest sample: {memory.richest:,} ASVs)"
    if not layout.checkpointing and not plan.is_frozen:
        return f"{where}; resume with: {resume_command(command, run)} --gradient-checkpointing"
    again = f"aam {command} --config {shlex.quote(str(run / 'config.yaml'))} --overwrite"
    step = layout.batch_size * layout.accumulation
    smaller = [s for s in divisors(step, plan.smallest_step, plan.smallest_batch) if s < layout.batch_size]
    if not smaller:
        return f"{where}; start again with fewer ASVs per sample: {again} --token-limit {max(2, memory.richest // 2)}"
    sizes = f"--batch-size {smaller[0]} --gradient-accumulation-steps {step // smaller[0]}"
    return f"{where}; start again with smaller batches: {again} {sizes}"
