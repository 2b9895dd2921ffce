"""How long a training of the network takes on this machine, from its first steps."""

from __future__ import annotations

import dataclasses
import math
import time
from typing import Any

import torch

from aam.data.batches.loaders import StudyDataModule
from aam.training.hardware.device import arithmetic
from aam.training.memory.measure import Build, same_random_numbers
from aam.training.plan.derived_defaults import Plan
from aam.training.plan.supervision import Inputs
from aam.training.run.build_run import begin, builder, settle
from aam.training.step.module import TrainingModule

STEPS, SECONDS = 3, 2.0
"""Batches that are measured at least, and for how long; the first of all, which is slower, is not."""


def seconds_of_epoch(config: Any, inputs: Inputs) -> float:
    """About how long an epoch takes: some batches with a fresh model that is thrown away, and their validation.

    Parameters
    ----------
    config
        Of ``aam train`` or ``aam pretrain``, with the sizes of the encoder where one is given.
    inputs
        The data.
    """
    device, plan, data = begin(config, inputs)
    build = builder(inputs)
    plan, _ = settle(config, plan, data, build, device)
    data.options = dataclasses.replace(data.options, num_workers=0, pin_memory=False)
    with same_random_numbers(device):
        batch, validation = _measured(plan, data, build, device)
    size = data.options.batch_size
    batches, validated = math.ceil(len(inputs.split.train) / size), math.ceil(len(inputs.split.validation) / size)
    return batches * batch + validated * validation


def _measured(plan: Plan[Any], data: StudyDataModule, build: Build, device: torch.device) -> tuple[float, float]:
    """Seconds of a batch of training, and of one that is only predicted."""
    vectors = torch.zeros(len(data.study.lengths), plan.config.model.embedding_dim) if plan.is_frozen else None
    module = TrainingModule(build(plan.config), plan, frozen_vectors_AD=vectors).to(device).train()
    module.world_size = 1
    found = module.configure_optimizers()
    optimizer = found["optimizer"] if isinstance(found, dict) else found
    trained, predicted = 0.0, math.inf
    number, began = 0, time.monotonic()
    for place, batch in enumerate(data.train_dataloader()):
        here = module.transfer_batch_to_device(module.on_before_batch_transfer(batch, 0), device, 0)
        with arithmetic(device, plan.config.run.mixed_precision):
            loss = module.training_step(here, 0)
        loss.backward()
        optimizer.step()
        optimizer.zero_grad()
        _wait(device)
        now = time.monotonic()
        if place or len(data.split.train) <= data.options.batch_size:
            trained, number = trained + now - began, number + 1
        predicted = min(predicted, _prediction(module, here, plan, device))
        if number >= STEPS and trained > SECONDS:
            break
        began = time.monotonic()
    return trained / max(1, number), predicted


def _prediction(module: TrainingModule, batch: Any, plan: Plan[Any], device: torch.device) -> float:
    """Seconds of a batch without gradients."""
    module.eval()
    started = time.monotonic()
    with torch.no_grad(), arithmetic(device, plan.config.run.mixed_precision):
        module.training_step(batch, 0)
    _wait(device)
    took = time.monotonic() - started
    module.train()
    return took


def _wait(device: torch.device) -> None:
    """Until all that the device was told to do is done."""
    if device.type == "cuda":
        torch.cuda.synchronize()
