"""What the closed formulas expect a training step to need of one process's memory, alone or as one of several."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from typing import Any

from aam.config import ModelOptions
from aam.models.size_estimate import BYTES, BatchSizes, Setting, Units, activation_bytes
from aam.training.memory.layout import Layout
from aam.training.memory.worst_case import WorstCase
from aam.training.plan.derived_defaults import Plan


def setting_of(plan: Plan[Any], device: str) -> Setting:
    """What decides on the memory of a run's steps."""
    config = plan.config
    moments = 1 if config.optim.optimizer == "sgd" else 2
    return Setting(device=device, half=config.run.mixed_precision != "none", frozen=plan.is_frozen, moments=moments)


@dataclass(frozen=True)
class Estimate:
    """What the closed formulas expect of a layout.

    Attributes
    ----------
    options
        The model.
    worst
        The largest batches.
    setting
        Device, precision, and what is trained.
    before
        Bytes that are in use whatever the batch: the process and its data, weights, gradients and moments.
    processes
        Processes that share each batch.
    start
        Bytes that are in use before the first step, where they may be more than a step's.
    copies
        Bytes of the weights' 16-bit copies that are kept for the gradient without gradient checkpointing.
    """

    options: ModelOptions
    worst: WorstCase
    setting: Setting
    before: float
    processes: int = 1
    start: float = 0.0
    copies: float = 0.0

    @classmethod
    def of(
        cls,
        options: ModelOptions,
        worst: WorstCase,
        setting: Setting,
        num_parameters: int,
        in_use: float,
        processes: int = 1,
    ) -> Estimate:
        """The estimate for a model with so many weights that is still to be made, beside the bytes in use already."""
        return cls(options, worst, setting, in_use + BYTES * num_parameters * (2 + setting.moments), processes)

    @classmethod
    def sharded(
        cls,
        options: ModelOptions,
        worst: WorstCase,
        setting: Setting,
        units: Units,
        in_use: float,
        processes: int,
    ) -> Estimate:
        """The estimate for a model that is sharded over so many processes (FSDP2), as each of them sees it.

        A process holds its share of weights, gradients and moments, and beside it what is whole at a time: what lies
        between the layers, with its gradients; and of the layer that computes weights and gradients, the weights of
        the next one, which are fetched meanwhile, and the copy from which the gradients are summed over the processes.
        With mixed precision autograd keeps a 16-bit copy of every weight from the forward pass to the backward one.
        The model is made and calibrated before it is sharded: all weights must fit once.
        """
        share = units.all * (2 + setting.moments) / processes
        whole = 2 * units.between + max(4 * units.layer, units.between)
        copies = BYTES / 2 * units.all if setting.half else 0.0
        start = in_use + BYTES * units.all
        return cls(options, worst, setting, in_use + BYTES * (share + whole), processes, start, copies)

    @classmethod
    def of_plan(
        cls, plan: Plan[Any], worst: WorstCase, device: str, units: Units, in_use: float, processes: int
    ) -> Estimate:
        """The estimate for a run whose model has these weights, as one of so many processes sees it."""
        config, setting = plan.config, setting_of(plan, device)
        if config.distributed.fsdp:
            return cls.sharded(config.model, worst, setting, units, in_use, processes)
        return cls.of(config.model, worst, setting, units.all, in_use, processes)

    def samples(self, layout: Layout) -> int:
        """Samples of a batch that one process computes."""
        return -(-layout.batch_size // self.processes)

    def sizes(self, layout: Layout) -> BatchSizes:
        """Sizes of the largest part of a batch that one process computes: its samples, and its part of all ASVs."""
        own = self.worst.sizes(self.samples(layout))
        if self.processes == 1:
            return own
        whole = self.worst.sizes(layout.batch_size)
        return dataclasses.replace(own, encoded=-(-whole.distinct // self.processes))

    def activations(self, layout: Layout, sizes: BatchSizes | None = None) -> float:
        """Bytes that depend on the batch; those of the largest where no sizes are given."""
        options = dataclasses.replace(self.options, **layout.model_changes)
        return activation_bytes(options, sizes or self.sizes(layout), self.setting)

    def expected(self, layout: Layout) -> float:
        """Bytes of all."""
        copies = 0.0 if layout.checkpointing else self.copies
        return max(self.start, self.before + copies + self.activations(layout))
