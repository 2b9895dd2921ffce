"""Checkpoints of a sharded run, in one file or in parts that the processes write; any number of them reads either.

A checkpoint in parts is a folder of safetensors files with the weights and the optimiser's moments, and one file of
plain numbers. Nothing in it could run code: torch's own form for such checkpoints has an index that is a pickle.
"""

from __future__ import annotations

import io
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch
from lightning.pytorch.core.optimizer import LightningOptimizer
from lightning.pytorch.strategies import ModelParallelStrategy
from torch import Tensor
from torch.distributed.checkpoint.api import CheckpointException
from torch.distributed.checkpoint.hf_storage import HuggingFaceStorageReader, HuggingFaceStorageWriter
from torch.distributed.checkpoint.state_dict import (
    StateDictOptions,
    get_model_state_dict,
    get_optimizer_state_dict,
    set_model_state_dict,
    set_optimizer_state_dict,
)
from torch.distributed.checkpoint.state_dict_loader import load
from torch.distributed.checkpoint.state_dict_saver import save
from torch.optim import Optimizer

from aam.errors import AamError, RunError
from aam.files.atomic import atomic_write, fsync_folder, unfinished
from aam.training.checkpoints.checkpoint import AtomicCheckpointIO, check_room, digest_of, not_written, published
from aam.training.distributed.collectives import decided_by_rank_0, is_first

PLAIN = "plain.pt"
FLAT = StateDictOptions(flatten_optimizer_state_dict=True, cpu_offload=True, strict=False)
WHOLE = StateDictOptions(full_state_dict=True, cpu_offload=True, strict=False)
"""Not strict: a weight that has had no gradient has no moments, in neither kind of checkpoint."""


class WholeCheckpoints(ModelParallelStrategy):
    """The engine's strategy of FSDP2, with checkpoints of everything in one file."""

    moments_options = WHOLE

    def optimizer_state(self, optimizer: Optimizer | LightningOptimizer) -> dict[str, Any]:
        """The moments by the names of the weights: all of them, for the first process alone, or this one's part."""
        plain = optimizer._optimizer if isinstance(optimizer, LightningOptimizer) else optimizer
        state: dict[str, Any] = get_optimizer_state_dict(self._module, plain, options=self.moments_options)
        return state

    def load_checkpoint(self, checkpoint_path: Any, weights_only: bool | None = None) -> dict[str, Any]:
        """Read a checkpoint into what is sharded here; every process reads the file."""
        checkpoint: dict[str, Any] = torch.load(checkpoint_path, map_location="cpu", weights_only=True)
        (optimizer,) = self.optimizers
        set_model_state_dict(self._module, checkpoint.pop("state_dict"), options=WHOLE)
        (moments,) = checkpoint.pop("optimizer_states")
        set_optimizer_state_dict(self._module, optimizer, moments, options=WHOLE)
        return checkpoint

    @property
    def _module(self) -> torch.nn.Module:
        assert self.model is not None
        return self.model


class ShardedCheckpoints(WholeCheckpoints):
    """The engine's strategy of FSDP2, with checkpoints in parts that appear whole or not at all."""

    moments_options = FLAT

    def lightning_module_state_dict(self) -> dict[str, Any]:
        """The part of the weights that this process has."""
        state: dict[str, Any] = get_model_state_dict(self._module, options=StateDictOptions(cpu_offload=True))
        return state

    def save_checkpoint(self, checkpoint: dict[str, Any], filepath: Any, storage_options: Any | None = None) -> None:
        """Write a checkpoint; ``filepath`` is its name without checksum and ending.

        Why it could not be written is noted, as of one in one file.
        """
        final = Path(filepath)
        (optimizer_state,) = checkpoint.pop("optimizer_states")
        tensors = _named(checkpoint.pop("state_dict"), optimizer_state)
        numbers = {name: value for name, value in optimizer_state.items() if not isinstance(value, Tensor)}
        needed = sum(tensor.nbytes for tensor in tensors.values())  # of all processes: a part knows the whole's size
        writer = self.checkpoint_io
        assert isinstance(writer, AtomicCheckpointIO)
        folder: Path | None = None
        try:
            folder = decided_by_rank_0(lambda: _new_folder(final, needed))
            save(tensors, storage_writer=HuggingFaceStorageWriter(str(folder), save_distributed=True))
            decided_by_rank_0(lambda: _publish(folder, final, {"optimizer": numbers, "rest": checkpoint}))
            writer.failure = None
        except (CheckpointException, AamError) as error:
            if folder is not None and is_first():
                shutil.rmtree(folder, ignore_errors=True)
            writer.failure = not_written(_cause(error), final.parent, needed)

    def load_checkpoint(self, checkpoint_path: Any, weights_only: bool | None = None) -> dict[str, Any]:
        """Read a checkpoint that any number of processes has written into what is sharded here."""
        folder = Path(checkpoint_path)
        plain = torch.load(folder / PLAIN, map_location="cpu", weights_only=True)
        weights: dict[str, Any] = get_model_state_dict(self._module)
        (optimizer,) = self.optimizers
        reader = HuggingFaceStorageReader(str(folder))
        there = reader.read_metadata().state_dict_metadata
        moments = self.optimizer_state(optimizer)
        # A weight that has had no gradient has no moments there, and begins with none.
        tensors = {name: value for name, value in _named(weights, moments).items() if name in there}
        load(tensors, storage_reader=reader)
        self._module.load_state_dict({name: tensors[f"weights.{name}"] for name in weights})
        numbers = plain["optimizer"]
        found = {n: tensors.get(f"optimizer.{n}", numbers.get(n, value)) for n, value in moments.items()}
        set_optimizer_state_dict(self._module, optimizer, found, options=FLAT)
        rest: dict[str, Any] = plain["rest"]
        return rest


def _named(weights: dict[str, Any], moments: dict[str, Any]) -> dict[str, Tensor]:
    tensors = {f"weights.{name}": value for name, value in weights.items()}
    return tensors | {f"optimizer.{name}": value for name, value in moments.items() if isinstance(value, Tensor)}


def _cause(error: CheckpointException | AamError) -> OSError | AamError:
    """What kept the parts from the disk: of what the processes met, the first; a bug is raised as such."""
    if isinstance(error, AamError):
        return error
    first, *_ = (cause for cause, _ in error.failures.values())
    if isinstance(first, OSError):
        return first
    raise first from error


@contextmanager
def _refused_by_disk() -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise RunError(f"{error.filename}: {error.strerror or error}") from error


@_refused_by_disk()
def _new_folder(final: Path, needed: int) -> Path:
    """A folder for the parts, if there seems to be space for them.

    Its name is that of an unfinished file: should the process be killed, the next run removes it.
    """
    check_room(final.parent, needed)
    folder = unfinished(final)
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    return folder


@_refused_by_disk()
def _publish(folder: Path, final: Path, plain: dict[str, Any]) -> None:
    """Bring all parts to the disk, and give the folder its name with the checksum of its content."""
    buffer = io.BytesIO()
    torch.save(plain, buffer)
    with atomic_write(folder / PLAIN, mode="wb") as file:
        file.write(buffer.getbuffer())
    for path in [*folder.iterdir(), folder]:
        fsync_folder(path)
    target = published(final, digest_of(folder))
    if target.exists():  # saved twice in one place: its name is its content's
        shutil.rmtree(folder)
        return
    folder.rename(target)
    fsync_folder(final.parent)
