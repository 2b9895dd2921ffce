"""Measures the memory of a training step on the richest samples, with a model of its own that is thrown away."""

from __future__ import annotations

import dataclasses
import gc
import math
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import lightning as L
import torch
from lightning.fabric.plugins.environments.lightning import LightningEnvironment

from aam.data.batches.batch import Batch
from aam.data.batches.dataset import SampleDataset
from aam.data.batches.loaders import StudyDataModule
from aam.models.sequence_encoder import SequenceEncoder
from aam.models.sequence_predictor import SequencePredictor
from aam.models.size_estimate import BatchSizes
from aam.training.distributed.collectives import local_size, world_size
from aam.training.hardware.device import arithmetic
from aam.training.hardware.device_memory import PeakMeter, bytes_in_use, is_out_of_memory, memory_limit
from aam.training.hardware.host_memory import give_back_freed_memory, trim
from aam.training.memory.batch_layout import Measured, plan_memory
from aam.training.memory.estimate import Estimate
from aam.training.memory.kept_draws import kept_in_memory
from aam.training.memory.layout import Layout, MemoryPlan
from aam.training.memory.worst_case import WorstCase
from aam.training.plan.derived_defaults import Plan, with_layout
from aam.training.step.module import TrainingModule
from aam.training.step.sharding import units_of
from aam.training.step.silence_lightning import quiet

Build = Callable[[Any], SequenceEncoder | SequencePredictor]


def settle_memory(
    asked: Any, plan: Plan[Any], data: StudyDataModule, build: Build, device: torch.device
) -> tuple[Plan[Any], MemoryPlan]:
    """The plan with its batches laid out so that they fit.

    Of a sharded model nothing is measured: one process alone would have to hold all of it, and that it does not fit
    is why it is sharded. The formulas decide.

    Parameters
    ----------
    asked, plan
        The configuration as given, and the plan derived from it.
    data
        The data of the run.
    build
        Makes a fresh model for a configuration.
    device
        Where the run computes.

    Raises
    ------
    ConfigError
        Where it cannot fit, with what to type.
    """
    worst = WorstCase(data.study, data.split.train, data.sampling)
    distributed = plan.config.distributed
    steps = None if distributed.fsdp else StepProbes(plan, data, build, device, worst)
    kept = _kept_in_memory(plan, data) if plan.is_frozen and device.type == "cpu" else 0
    limit = memory_limit(device, asked.memory) / (local_size(distributed) if device.type == "cpu" else 1)
    memory = plan_memory(asked, plan, _estimate(plan, worst, build, device), limit - kept, steps)
    memory = dataclasses.replace(memory, expected=memory.expected + kept, limit=memory.limit + kept)
    layout = memory.layout
    settled = with_layout(plan, layout.batch_size, layout.accumulation, layout.model_changes)
    return settled, memory


def _estimate(plan: Plan[Any], worst: WorstCase, build: Build, device: torch.device) -> Estimate:
    with _same_random_numbers(device):
        units = units_of(build(plan.config))
    _tidy()  # that model's memory is free again, and not in use
    return Estimate.of_plan(plan, worst, device.type, units, bytes_in_use(device), world_size())


def _kept_in_memory(plan: Plan[Any], data: StudyDataModule) -> int:
    return kept_in_memory(plan.config, data, plan.config.covariates.read_asvs)


@dataclass(frozen=True)
class StepProbes:
    """Steps of a run on its richest samples.

    Attributes
    ----------
    plan, data, build, device
        As in :func:`settle_memory`.
    worst
        Knows the richest samples.
    """

    plan: Plan[Any]
    data: StudyDataModule
    build: Build
    device: torch.device
    worst: WorstCase

    def measure(self, layout: Layout, num_samples: int) -> Measured:
        """One step: forward, backward and the optimiser's, with its moments in place."""
        if layout.checkpointing and self.device.type == "cpu":
            give_back_freed_memory()
        _tidy()
        batch = self._batch(num_samples)
        sizes = _sizes(batch)
        meter = PeakMeter(self.device)
        started = time.monotonic()
        try:
            with _same_random_numbers(self.device):
                self._step(layout, batch)
            peak: float = meter.stop()
        except (MemoryError, RuntimeError) as error:
            if not is_out_of_memory(error):
                raise
            meter.stop()
            peak = math.inf
        seconds = time.monotonic() - started
        _tidy()
        return Measured(peak, seconds, sizes)

    def _batch(self, num_samples: int) -> Batch:
        rows = self.worst.rows[:num_samples]
        samples = SampleDataset(self.data.study, rows, self.data.sampling, self.data.options.seed)
        return self.data.collate([samples[0, position] for position in range(len(rows))])

    def _step(self, layout: Layout, batch: Batch) -> None:
        config = self.plan.config
        changed = dataclasses.replace(config.model, **layout.model_changes)
        plan = dataclasses.replace(self.plan, config=dataclasses.replace(config, model=changed))
        vectors = None
        if plan.is_frozen:
            vectors = torch.zeros(len(self.data.study.lengths), config.model.embedding_dim)
        module = TrainingModule(self.build(plan.config), plan, frozen_vectors_AD=vectors).to(self.device).train()
        module.world_size = 1  # a batch of one process's size, which nobody shares
        module.trainer = trainer = _trainer(self.device)
        trainer.training = True
        found = module.configure_optimizers()
        optimizer = found["optimizer"] if isinstance(found, dict) else found
        for group in optimizer.param_groups:
            for parameter in group["params"]:
                parameter.grad = torch.zeros_like(parameter)
        optimizer.step()
        optimizer.zero_grad()
        here = module.transfer_batch_to_device(module.on_before_batch_transfer(batch, 0), self.device, 0)
        with arithmetic(self.device, config.run.mixed_precision):
            loss = module.training_step(here, 0)
        loss.backward()
        optimizer.step()


def _trainer(device: torch.device) -> L.Trainer:
    """One that the module can ask how far the run is; it runs nothing."""
    with quiet():
        return L.Trainer(
            accelerator="gpu" if device.type == "cuda" else "cpu",
            devices=1,
            logger=False,
            plugins=[LightningEnvironment()],
            enable_checkpointing=False,
            enable_progress_bar=False,
            enable_model_summary=False,
        )


def _sizes(batch: Batch) -> BatchSizes:
    places = int(batch.mask_BS.sum())
    return BatchSizes(
        samples=len(batch),
        asvs=batch.index_BS.shape[1],
        places=places,
        distinct=len(batch.asvs_U),
        bases=batch.tokens_UL.shape[1],
    )


def _same_random_numbers(device: torch.device) -> Any:
    """Whatever is drawn inside, the random numbers after it are those that would have come without it."""
    return torch.random.fork_rng([torch.cuda.current_device()] if device.type == "cuda" else [])


def _tidy() -> None:
    gc.collect()
    trim()
    if torch.cuda.is_available():
        torch.cuda.empty_cache()
