"""Lay out a run's batches, and measure the memory of a step where `--auto-batch-size` asks for it."""

from __future__ import annotations

import dataclasses
import gc
import math
from collections.abc import Callable
from typing import Any

import numpy as np
import torch

from aam.data.batches.loaders import StudyDataModule
from aam.models.sequence_encoder import SequenceEncoder
from aam.models.sequence_predictor import SequencePredictor
from aam.training.distributed.collectives import local_size, world_size
from aam.training.hardware.device import arithmetic
from aam.training.hardware.device_memory import PeakMeter, bytes_in_use, is_out_of_memory, memory_limit
from aam.training.hardware.host_memory import give_back_freed_memory, trim
from aam.training.memory.batch_layout import plan_memory
from aam.training.memory.estimate import Estimate
from aam.training.memory.kept_draws import kept_in_memory
from aam.training.memory.layout import Layout, MemoryPlan
from aam.training.memory.worst_case import Changes, WorstCase
from aam.training.plan.derived_defaults import Plan, with_layout
from aam.training.step.module import TrainingModule
from aam.training.step.sharding import units_of

Build = Callable[[Any], SequenceEncoder | SequencePredictor]


def choose_layout(
    asked: Any, plan: Plan[Any], data: StudyDataModule, build: Build, device: torch.device
) -> tuple[Plan[Any], MemoryPlan]:
    """The plan with its batches laid out so that they fit.

    A sharded model is never measured: one process alone would have to hold all of it, which is what sharding avoids.

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
        If no layout fits, with what to type.
    """
    worst = WorstCase(data.study, data.split.train, data.sampling, Changes.of(plan.config.augmentation))
    distributed = plan.config.distributed

    def measure(layout: Layout, num_samples: int) -> float:
        return measure_step(_laid_out(plan, layout), data, build, device, worst.rows[:num_samples])

    kept = 0
    if plan.is_frozen and device.type == "cpu":
        kept = kept_in_memory(plan.config, data, plan.config.reads_asvs)
    limit = memory_limit(device, asked.memory) / (local_size(distributed) if device.type == "cpu" else 1)
    with same_random_numbers(device), torch.device("meta"):  # a model of shapes alone
        units = units_of(build(plan.config))
    estimate = Estimate.of_plan(plan, worst, device.type, units, bytes_in_use(device), world_size())
    memory = plan_memory(asked, plan, estimate, limit - kept, None if distributed.fsdp else measure)
    memory = dataclasses.replace(memory, expected=memory.expected + kept, limit=memory.limit + kept)
    return _laid_out(plan, memory.layout), memory


def measure_step(plan: Plan[Any], data: StudyDataModule, build: Build, device: torch.device, rows: np.ndarray) -> float:
    """Peak bytes of a step (forward, backward, optimiser) on these samples; infinite where memory runs out.

    The step is that of a fresh model, which is thrown away. It leaves the random numbers as they were.
    """
    if plan.config.model.gradient_checkpointing and device.type == "cpu":
        give_back_freed_memory()
    _tidy()
    meter = PeakMeter(device)
    try:
        with same_random_numbers(device):
            _step(plan, data, build, device, rows)
    except (MemoryError, RuntimeError) as error:
        if not is_out_of_memory(error):
            raise
        return math.inf
    finally:
        peak = meter.stop()
        _tidy()
    return float(peak)


def _laid_out(plan: Plan[Any], layout: Layout) -> Plan[Any]:
    return with_layout(plan, layout.batch_size, layout.accumulation, layout.model_changes)


def _step(plan: Plan[Any], data: StudyDataModule, build: Build, device: torch.device, rows: np.ndarray) -> None:
    samples = data.train_dataset(rows)
    batch = data.train_collate()([samples[0, position] for position in range(len(rows))])
    vectors = torch.zeros(len(data.study.lengths), plan.config.model.embedding_dim) if plan.is_frozen else None
    module = TrainingModule(build(plan.config), plan, frozen_vectors_AD=vectors).to(device).train()
    module.world_size = 1  # the batch is one process's own
    found = module.configure_optimizers()
    optimizer = found["optimizer"] if isinstance(found, dict) else found
    for group in optimizer.param_groups:
        for parameter in group["params"]:
            parameter.grad = torch.zeros_like(parameter)
    optimizer.step()  # allocates the moments
    optimizer.zero_grad()
    here = module.transfer_batch_to_device(module.on_before_batch_transfer(batch, 0), device, 0)
    with arithmetic(device, plan.config.run.mixed_precision):
        loss = module.training_step(here, 0)
    loss.backward()
    optimizer.step()


def same_random_numbers(device: torch.device) -> Any:
    """Whatever is drawn inside, the random numbers after it are those that would have come without it."""
    return torch.random.fork_rng([torch.cuda.current_device()] if device.type == "cuda" else [])


def _tidy() -> None:
    gc.collect()
    trim()
    if torch.cuda.is_available():
        torch.cuda.empty_cache()
