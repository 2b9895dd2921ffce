"""NaN and infinite losses and gradients: detected before the step, recorded, then the run ends or skips the step."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from aam.errors import NonFiniteError, RunError
from aam.files.atomic import write_json
from aam.log import warn
from aam.runs.layout import NON_FINITE
from aam.text import plural
from aam.training.distributed.collectives import rank

TOTAL = ""
"""The name of the weighted sum of the heads' losses."""
REMEDY = "Try a lower --lr, or --mixed-precision none; --skip-non-finite N skips up to N such steps"


@dataclass(frozen=True)
class Step:
    """Where a step stands: its number and its epoch, from 1, the gradient's norm, and the learning rate."""

    number: int
    epoch: int
    norm: float
    learning_rate: float


@dataclass
class NonFiniteGuard:
    """Watches the losses and the gradient of each step.

    Attributes
    ----------
    folder
        The run directory; takes ``nonfinite-STEP.json``, of several processes one of each.
    sample_ids
        Ids of the study's samples, by row.
    allowed
        Number of steps of the whole run that may be skipped.
    skipped
        The steps that were, from 1.
    """

    folder: Path
    sample_ids: np.ndarray
    allowed: int = 0
    skipped: list[int] = field(default_factory=list)
    names: tuple[str, ...] = ()
    finite_H: Tensor | None = None
    batches: list[tuple[Tensor, Mapping[str, Tensor]]] = field(default_factory=list)

    def note(self, losses: Mapping[str, Tensor], rows_B: Tensor, *, begins_step: bool) -> None:
        """Remember a batch of the step; nothing waits for the device.

        Parameters
        ----------
        losses
            The heads' losses by name, and their weighted sum by :data:`TOTAL`.
        rows_B
            Rows of the batch's samples in the study.
        begins_step
            Whether it is the first batch whose gradient the step takes.
        """
        finite_H = torch.isfinite(torch.stack([loss.detach().float() for loss in losses.values()]))
        if begins_step or self.finite_H is None:
            self.batches, self.finite_H = [], finite_H
        else:
            self.finite_H = self.finite_H & finite_H
        self.names = tuple(losses)
        self.batches.append((rows_B, losses))

    def flags(self, norm: Tensor, *, with_gradient: bool) -> Tensor:
        """What of the step is finite: each loss in the order noted, and last the gradient's norm, bool (H + 1,).

        Parameters
        ----------
        norm
            Of the gradient of all parameters.
        with_gradient
            Whether the norm counts.
        """
        assert self.finite_H is not None
        is_finite = torch.isfinite(norm.detach()) | (not with_gradient)
        return torch.cat([self.finite_H, is_finite.to(self.finite_H.device).reshape(1)])

    def answer(self, finite_H: Tensor, step: Step) -> None:
        """Record a non-finite step; returning means that the step is to be skipped.

        Parameters
        ----------
        finite_H
            As :meth:`flags` gives it, of all processes.
        step
            Where the run stands.

        Raises
        ------
        NonFiniteError
            If no further step may be skipped.
        """
        what = find_non_finite(self.names, finite_H.tolist(), step.norm)
        is_skipped = len(self.skipped) < self.allowed
        where = self._write(what, step, is_skipped)
        said = f"{what} is not finite at step {step.number}"
        if not is_skipped:
            already = f"; {plural(len(self.skipped), 'earlier step')} skipped" if self.skipped else ""
            raise NonFiniteError(f"{said}; the weights were not updated; {where}{already}. {REMEDY}")
        self.skipped.append(step.number)
        warn(f"{said}; step skipped ({len(self.skipped)} of {self.allowed} allowed); {where}")

    def _write(self, what: str, step: Step, is_skipped: bool) -> str:
        """Write the batch down; returns where to, in words."""
        of_process = f"-process-{rank()}" if rank() else ""
        path = self.folder / NON_FINITE.replace("*", f"{step.number}{of_process}")
        content = {
            "what": what,
            "step": step.number,
            "epoch": step.epoch,
            "left_out": is_skipped,
            "gradient_norm": _plain(step.norm),
            "learning_rate": step.learning_rate,
            "batches": [self._described(rows_B, losses) for rows_B, losses in self.batches],
        }
        try:
            write_json(path, content)
        except RunError as error:
            return f"the batch could not be saved: {error}"
        return f"the batch is in {path}"

    def _described(self, rows_B: Tensor, losses: Mapping[str, Tensor]) -> dict[str, Any]:
        return {
            "samples": [str(self.sample_ids[row]) for row in rows_B.tolist()],
            "loss": _plain(float(losses[TOTAL])),
            "losses": {name: _plain(float(loss)) for name, loss in losses.items() if name != TOTAL},
        }


def find_non_finite(names: Sequence[str], finite_H: Sequence[bool], norm: float) -> str:
    """What of a step is not finite, in words.

    Parameters
    ----------
    names
        Of the losses, with :data:`TOTAL` among them.
    finite_H
        Whether each loss is finite, and last the gradient.
    norm
        Of the gradient.
    """
    losses = dict(zip(names, finite_H, strict=False))
    heads = [name for name, is_finite in losses.items() if name != TOTAL and not is_finite]
    if heads:
        return f"the loss (heads: {', '.join(heads)})"
    if not losses.get(TOTAL, True):
        return "the weighted sum of the losses"
    return f"the gradient (norm {norm:g})"


def _plain(value: float) -> float | str:
    """A number as JSON has it: without NaN and infinity."""
    return value if math.isfinite(value) else str(value)
