"""The options of the memory plan, and how they go together with the sizes of a batch."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from aam.config.option import Section, option
from aam.errors import ConfigError

if TYPE_CHECKING:
    from aam.config.optim import OptimOptions


@dataclass(frozen=True, kw_only=True)
class MemoryOptions(Section):
    """Memory: limits, and fitting batches into them."""

    auto_batch_size: bool | None = option(
        None,
        "Measure the memory of a step with the richest samples, and split each step into the largest batches that fit; "
        "the number of samples per step does not change. --no-auto-batch-size changes nothing.",
        derived="batches that fit by a formula",
    )
    target_effective_batch_size: int | None = option(
        None,
        "Samples per optimiser step, in as many batches as memory requires.",
        at_least=1,
        derived="--batch-size times --gradient-accumulation-steps",
    )
    max_memory_gb: float | None = option(
        None,
        "Memory limit in GB (10^9 bytes) of the GPU (enforced), or of this process on a CPU (for planning only).",
        above=0,
    )
    max_memory_fraction: float = option(
        0.8,
        "Memory limit as a fraction of what is available; the smaller of both limits holds.",
        above=0,
        at_most=1,
    )


def check_batch(optim: OptimOptions, memory: MemoryOptions) -> None:
    """Refuse sizes of a batch and of a step that contradict each other.

    Raises
    ------
    ConfigError
        With what to leave out.
    """
    batch, accumulation = optim.batch_size, optim.gradient_accumulation_steps
    of_step = memory.target_effective_batch_size
    if batch is not None and memory.auto_batch_size:
        raise ConfigError(
            f"--auto-batch-size chooses the batch size: leave --batch-size out, or write "
            f"--target-effective-batch-size {batch * accumulation} for the samples of a step"
        )
    if of_step is None:
        return
    if batch is None and accumulation > 1:
        raise ConfigError(
            "--target-effective-batch-size sets the accumulation: leave --gradient-accumulation-steps out"
        )
    if batch is None:
        return
    if of_step % batch:
        raise ConfigError(f"--target-effective-batch-size {of_step} is not a multiple of --batch-size {batch}")
    if accumulation not in (1, of_step // batch):
        raise ConfigError(
            f"--batch-size {batch} x --gradient-accumulation-steps {accumulation} is not "
            f"--target-effective-batch-size {of_step}: leave one of the three out"
        )
