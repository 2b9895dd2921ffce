"""Checkpoints to resume from: whole or not there, checked when they are read, without anything that could run code.

A checkpoint is for the run directory that wrote it alone; models to share are :mod:`aam.models.folder`'s.
Its name ends with the start of its content's SHA-256, so that one rename publishes both.
"""

from __future__ import annotations

import hashlib
import io
import shutil
from pathlib import Path
from typing import Any

import torch
from lightning.pytorch import Callback, LightningModule, Trainer
from lightning.pytorch.plugins.io import CheckpointIO

from aam.errors import RunError
from aam.files.atomic import atomic_write, sha256_file
from aam.files.run_log import warn
from aam.training.processes import is_first

ENDING = ".ckpt"
DIGITS = 16
KEPT = 2


class AtomicCheckpointIO(CheckpointIO):
    """Writes each checkpoint beside its final name, brings it to the disk and renames it; reads tensors only."""

    def save_checkpoint(self, checkpoint: dict[str, Any], path: Any, storage_options: Any | None = None) -> None:
        """Write a checkpoint; ``path`` is its name without checksum and ending."""
        buffer = io.BytesIO()
        torch.save(checkpoint, buffer)
        content = buffer.getbuffer()
        digest = hashlib.sha256(content).hexdigest()[:DIGITS]
        with atomic_write(f"{path}-{digest}{ENDING}", mode="wb") as file:
            file.write(content)

    def load_checkpoint(
        self, path: Any, map_location: Any | None = None, weights_only: bool | None = None
    ) -> dict[str, Any]:
        """Read a checkpoint that was found whole by :func:`latest_checkpoint`."""
        content: dict[str, Any] = torch.load(path, map_location="cpu", weights_only=True)
        return content

    def remove_checkpoint(self, path: Any) -> None:
        """Delete a checkpoint."""
        Path(path).unlink(missing_ok=True)


class KeepCheckpoints(Callback):
    """Saves the state of the run before each epoch, and keeps the two newest.

    At the start of an epoch everything of the one before is settled: validation, schedules, the best model. What was
    done in an epoch that did not come to its end is done again, with the same numbers.

    Parameters
    ----------
    folder
        Where to.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def on_train_epoch_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Save, but not before the first epoch, which has nothing to lose."""
        if trainer.current_epoch > 0:
            self.save(trainer, 0)

    def on_train_batch_start(self, trainer: Trainer, pl_module: LightningModule, batch: Any, batch_idx: int) -> None:
        """Tell the engine that resuming is over: it would leave out the plateau schedule at the end of the epoch."""
        trainer.fit_loop.restarting = False

    def on_save_checkpoint(self, trainer: Trainer, pl_module: LightningModule, checkpoint: dict[str, Any]) -> None:
        """Count an epoch that is about to start as not begun.

        The engine counts it as ready, and on resuming would take the finished batches of the one before for its own.
        """
        progress = checkpoint["loops"]["fit_loop"]["epoch_progress"]
        for counts in progress.values():
            if counts["started"] == counts["completed"]:
                counts["ready"] = counts["completed"]

    def save(self, trainer: Trainer, batches_done: int) -> None:
        """Save under a name that sorts after the earlier ones."""
        trainer.save_checkpoint(self.folder / f"epoch-{trainer.current_epoch:06d}-{batches_done:09d}")
        if is_first():
            for old in find_checkpoints(self.folder)[:-KEPT]:
                shutil.rmtree(old) if old.is_dir() else old.unlink()


def find_checkpoints(folder: Path) -> list[Path]:
    """The checkpoints of a folder, the newest last."""
    return sorted(folder.glob(f"epoch-*{ENDING}"))


def epochs_done(folder: Path) -> int:
    """Whole epochs before the newest checkpoint, by its name."""
    found = find_checkpoints(folder)
    return int(found[-1].name.split("-")[1]) if found else 0


def latest_checkpoint(folder: Path) -> Path | None:
    """The newest checkpoint that is whole; None where there is none, since then the first epoch was not done.

    Raises
    ------
    RunError
        If there are checkpoints, and all of them are damaged.
    """
    found = find_checkpoints(folder)
    for path in reversed(found):
        digest = digest_of(path)[:DIGITS]
        if path.name.endswith(f"-{digest}{ENDING}"):
            return path
        warn(f"checkpoint {path.name} is damaged and passed over")
    if found:
        raise RunError(f"{folder}: every checkpoint is damaged; start the run again with --overwrite")
    return None


def digest_of(path: Path) -> str:
    """SHA-256 of a checkpoint; of one in parts, that of their names and their own."""
    if path.is_dir():
        parts = sorted((part.name, sha256_file(part)) for part in path.iterdir())
        return hashlib.sha256(repr(parts).encode()).hexdigest()
    return sha256_file(path)


def find_keeper(trainer: Trainer) -> KeepCheckpoints:
    """The trainer's callback that saves checkpoints."""
    callbacks: list[Callback] = trainer.callbacks  # type: ignore[attr-defined]
    return next(callback for callback in callbacks if isinstance(callback, KeepCheckpoints))
