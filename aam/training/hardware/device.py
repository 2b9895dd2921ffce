"""The device, and the settings that suit it: worker processes and precision."""

from __future__ import annotations

import contextlib
import os

import torch

from aam.config import RunOptions
from aam.errors import ConfigError
from aam.log import warn
from aam.training.distributed.collectives import world_size
from aam.training.plan.derived_defaults import Machine

MOST_WORKERS = 4
HALF = {"bf16": torch.bfloat16, "fp16": torch.float16}


def choose_device(name: str) -> torch.device:
    """The device that ``auto``, ``cpu`` or ``cuda`` means here.

    Raises
    ------
    ConfigError
        If a GPU is asked for and there is none.
    """
    has_gpu = torch.cuda.is_available()
    if name == "cuda" and not has_gpu:
        raise ConfigError("--device cuda: torch finds no GPU here; use --device cpu, or install torch for your GPU")
    return torch.device("cuda", torch.cuda.current_device()) if has_gpu and name != "cpu" else torch.device("cpu")


def check_device(options: RunOptions) -> None:
    """Refuse a device that is not there, or arithmetic that it has not.

    Raises
    ------
    ConfigError
        As :func:`prepare_device`.
    """
    device = choose_device(options.device)
    if device.type == "cpu":
        if options.mixed_precision == "fp16":
            raise ConfigError("--mixed-precision fp16 needs a GPU; a CPU supports bf16")
        if options.tf32:
            raise ConfigError("--tf32 needs an NVIDIA GPU: leave it out")


def prepare_device(options: RunOptions) -> torch.device:
    """Choose the device of a training run, and set its arithmetic.

    Raises
    ------
    ConfigError
        If there is no such device, or it has not the arithmetic that is asked for.
    """
    check_device(options)
    device = choose_device(options.device)
    is_emulated = options.mixed_precision == "bf16" and device.type == "cpu"
    if is_emulated and "AVX512" not in torch.backends.cpu.get_cpu_capability():
        warn("this processor emulates 16-bit arithmetic: --mixed-precision none is many times faster")
    torch.set_float32_matmul_precision("high" if options.tf32 else "highest")
    return device


def machine_of(device: torch.device) -> Machine:
    """What suits the device where the user leaves it open.

    On a CPU the cores have the model to compute, so no process prepares batches beside it, and the precision is the
    full one (measured on a processor with AVX2 alone: bf16 makes a step fifteen times slower).
    """
    if device.type == "cpu":
        return Machine(processes=world_size())
    precision = "bf16" if torch.cuda.is_bf16_supported(including_emulation=False) else "none"
    return Machine(min(MOST_WORKERS, len(os.sched_getaffinity(0))), precision, world_size())


def arithmetic(device: torch.device, mixed_precision: str | None) -> contextlib.AbstractContextManager[object]:
    """Where a model computes in the precision of its run."""
    half = HALF.get(mixed_precision or "none")
    return torch.autocast(device.type, half) if half else contextlib.nullcontext()
