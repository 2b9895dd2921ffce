"""Checkpoints to resume from: whole or not there, checked when they are read, without anything that could run code.

A checkpoint is for the run directory that wrote it alone; models to share are :mod:`aam.models.folder.weights`'s.
Its name ends with the start of its content's SHA-256, so that one rename publishes both.
"""

from __future__ import annotations

import errno
import hashlib
import io
import os
import shutil
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import torch
from lightning.pytorch import Callback, LightningModule, Trainer
from lightning.pytorch.plugins.io import CheckpointIO

from aam.errors import AamError, RunError
from aam.files.atomic import atomic_write, sha256_file
from aam.log import warn
from aam.models.folder.paths import WEIGHTS
from aam.models.folder.weights import load_models, save_models
from aam.runs.directory import RunDirectory
from aam.text import format_bytes
from aam.training.distributed.collectives import decided_by_rank_0, max_over_processes

BEST_ENDING = ".best"


def keep_best(model: Path, checkpoint: Path) -> None:
    """Keep the model as it is now beside a checkpoint; what replaces it later leaves this one as it is.

    Parameters
    ----------
    model
        The folder of the best model.
    checkpoint
        The checkpoint.
    """
    kept, weights = _kept(checkpoint), model / WEIGHTS
    if not weights.exists():
        return
    with suppress(OSError):  # without it, a run is resumed with the model that is there
        kept.unlink(missing_ok=True)
        try:
            os.link(weights, kept)
        except OSError:  # a file system without links
            shutil.copyfile(weights, kept)


def restore_best(checkpoint: Path, model: Path) -> None:
    """Put the model that was the best one at a checkpoint in its place again."""
    kept = _kept(checkpoint)
    if not kept.exists() or sha256_file(kept) == sha256_file(model / WEIGHTS):
        return
    models, description = load_models(kept)
    save_models(model, [dict(found.state_dict()) for found in models], description)


def forget_best(checkpoint: Path) -> None:
    """Remove what is kept beside a checkpoint that goes."""
    _kept(checkpoint).unlink(missing_ok=True)


def _kept(checkpoint: Path) -> Path:
    return checkpoint.with_name(checkpoint.name + BEST_ENDING)


ENDING = ".ckpt"
DIGITS = 16
KEPT = 2
MAX_FAILURES = 3
"""Checkpoints in a row that could not be written, after which the run stops."""
MOMENTS = 2
"""Numbers that the optimiser keeps beside each weight, at most."""
NO_SPACE = (errno.ENOSPC, errno.EDQUOT)


class AtomicCheckpointIO(CheckpointIO):
    """Writes each checkpoint beside its final name, brings it to the disk and renames it; reads tensors only.

    Attributes
    ----------
    failure
        Why the last checkpoint could not be written; None where it was. It is noted and not raised, since the other
        processes of a run wait after each save until this one has come as far.
    """

    def __init__(self) -> None:
        self.failure: RunError | None = None

    def save_checkpoint(self, checkpoint: dict[str, Any], path: Any, storage_options: Any | None = None) -> None:
        """Write a checkpoint; ``path`` is its name without checksum and ending."""
        buffer = io.BytesIO()
        torch.save(checkpoint, buffer)
        content = buffer.getbuffer()
        digest = hashlib.sha256(content).hexdigest()
        try:
            _write(published(Path(path), digest), content)
            self.failure = None
        except RunError as error:
            self.failure = error

    def load_checkpoint(
        self, path: Any, map_location: Any | None = None, weights_only: bool | None = None
    ) -> dict[str, Any]:
        """Read a checkpoint that was found whole by :func:`latest_checkpoint`."""
        content: dict[str, Any] = torch.load(path, map_location="cpu", weights_only=True)
        return content

    def remove_checkpoint(self, path: Any) -> None:
        """Delete a checkpoint."""
        Path(path).unlink(missing_ok=True)


class SaveCheckpoints(Callback):
    """Saves the state of the run before each epoch and now and then in long ones, and keeps the two newest.

    At the start of an epoch everything of the one before is settled: validation, schedules, the best model. What was
    done in an epoch that did not come to its end is done again, with the same numbers.

    A checkpoint that the disk does not take is no reason to end a run that may still come to its end: the ones before
    are kept, and only several such in a row stop it.

    Parameters
    ----------
    folder
        Where to.
    minutes
        Most minutes between two saves, to the end of a step; 0 saves before epochs alone.
    remedy
        Says how to resume after the run has stopped because its checkpoints could not be written.
    """

    def __init__(self, folder: Path, minutes: float = 0.0, remedy: Callable[[], str] | None = None) -> None:
        self.folder = folder
        self.remedy = remedy
        self.seconds = 60 * minutes
        self.failures = 0
        self.saved = time.monotonic()

    def on_fit_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Check the free disk space."""
        decided_by_rank_0(lambda: check_disk(self.folder, pl_module))

    def on_train_epoch_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Save, but not before the first epoch, which has nothing to lose."""
        if trainer.current_epoch > 0:
            self.save(trainer, 0)

    def on_train_batch_start(self, trainer: Trainer, pl_module: LightningModule, batch: Any, batch_idx: int) -> None:
        """Tell the engine that resuming is over: it would leave out the plateau schedule at the end of the epoch."""
        trainer.fit_loop.restarting = False

    def on_train_batch_end(
        self, trainer: Trainer, pl_module: LightningModule, outputs: Any, batch: Any, batch_idx: int
    ) -> None:
        """Save in the middle of a long epoch."""
        if not self.seconds or not is_between_steps(trainer, batch_idx):
            return
        if max_over_processes(int(time.monotonic() - self.saved > self.seconds)):
            self.save(trainer, batch_idx + 1)

    def on_save_checkpoint(self, trainer: Trainer, pl_module: LightningModule, checkpoint: dict[str, Any]) -> None:
        """Count an epoch that is about to start as not begun.

        The engine counts it as ready, and on resuming would take the finished batches of the one before for its own.
        """
        progress = checkpoint["loops"]["fit_loop"]["epoch_progress"]
        for counts in progress.values():
            if counts["started"] == counts["completed"]:
                counts["ready"] = counts["completed"]

    def save(self, trainer: Trainer, batches_done: int) -> None:
        """Save under a name that sorts after the earlier ones.

        Raises
        ------
        RunError
            If the disk took none of the last ``MAX_FAILURES`` checkpoints.
        """
        trainer.save_checkpoint(self.folder / f"epoch-{trainer.current_epoch:06d}-{batches_done:09d}")
        decided_by_rank_0(lambda: self._settle(trainer.strategy.checkpoint_io))
        self.saved = time.monotonic()

    def _settle(self, writer: CheckpointIO) -> None:
        """Count failed writes, and remove checkpoints that are no longer needed."""
        assert isinstance(writer, AtomicCheckpointIO)
        if writer.failure is not None:
            self._count(writer.failure)
            return
        self.failures = 0
        *earlier, newest = find_checkpoints(self.folder)
        keep_best(RunDirectory(self.folder.parent).model, newest)
        for old in earlier[: 1 - KEPT]:
            with suppress(OSError):  # one too many does no harm
                shutil.rmtree(old) if old.is_dir() else old.unlink()
                forget_best(old)

    def _count(self, failure: RunError) -> None:
        """Warn of the first failure in a row, and raise the last that is tolerated."""
        self.failures += 1
        if self.failures == MAX_FAILURES:
            raise failure if self.remedy is None else RunError(f"{failure}; {self.remedy()}") from failure
        if self.failures == 1:
            found = find_checkpoints(self.folder)
            kept = f"the last good one is {found[-1].name}" if found else "there is none yet"
            warn(f"{failure}; {kept}; training continues")


def check_disk(folder: Path, module: LightningModule) -> None:
    """Check the free disk space before a run.

    Parameters
    ----------
    folder
        Takes the checkpoints; the model lies on the same disk.
    module
        What is trained.

    Raises
    ------
    RunError
        If not even the model can be written. Where the checkpoints may have no room, that is said.
    """
    weights = sum(value.nbytes for value in module.state_dict().values())
    learned = sum(parameter.nbytes for parameter in module.parameters() if parameter.requires_grad)
    free = shutil.disk_usage(folder).free
    needed = 2 * weights + (KEPT + 1) * (weights + MOMENTS * learned)
    if free < weights:
        raise RunError(f"no space for the model on {folder.parent} ({_room(weights, free)})")
    if free < needed:
        warn(f"{folder.parent}: the disk may be too small for the run's checkpoints ({_room(needed, free)})")


def _write(path: Path, content: memoryview) -> None:
    """Write a checkpoint, if there seems to be space for it.

    Raises
    ------
    RunError
        If it has none, or the disk does not take it.
    """
    try:
        check_room(path.parent, len(content))
        with atomic_write(path, mode="wb") as file:
            file.write(content)
    except (OSError, RunError) as error:
        raise not_written(error, path.parent, len(content)) from error


def check_room(folder: Path, needed: int) -> None:
    """Refuse to begin with so many bytes where the disk has not as many free, as the disk itself would in the end."""
    if shutil.disk_usage(folder).free < needed:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(folder))


def not_written(error: OSError | AamError, folder: Path, needed: int) -> RunError:
    """Why a checkpoint of so many bytes could not be written, in a line."""
    cause = error if isinstance(error, OSError) else error.__cause__
    if isinstance(cause, OSError) and cause.errno in NO_SPACE:
        room = _room(needed, shutil.disk_usage(folder).free)
        return RunError(f"cannot write checkpoint: no space left on {folder} ({room})")
    return RunError(f"cannot write checkpoint: {error}")


def _room(needed: int, free: int) -> str:
    return f"needs {format_bytes(needed)}, {format_bytes(free)} free"


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
    damaged: list[str] = []
    for path in reversed(find_checkpoints(folder)):
        if _is_whole(path):
            if damaged:
                warn(f"damaged: {', '.join(damaged)}; resuming from the previous checkpoint, {path.name}")
            return path
        damaged.append(path.name)
    if damaged:
        raise RunError(f"{folder}: every checkpoint is damaged; start the run again with --overwrite")
    return None


def _is_whole(path: Path) -> bool:
    """Whether a checkpoint can be read and is what its name says."""
    try:
        return path.name.endswith(_ending(digest_of(path)))
    except OSError:
        return False


def published(path: Path, digest: str) -> Path:
    """The final name of a checkpoint, which tells its content."""
    return path.with_name(path.name + _ending(digest))


def _ending(digest: str) -> str:
    return f"-{digest[:DIGITS]}{ENDING}"


def digest_of(path: Path) -> str:
    """SHA-256 of a checkpoint; of one in parts, that of their names and their own."""
    if path.is_dir():
        parts = sorted((part.name, sha256_file(part)) for part in path.iterdir())
        return hashlib.sha256(repr(parts).encode()).hexdigest()
    return sha256_file(path)


def is_between_steps(trainer: Trainer, batch_idx: int) -> bool:
    """Whether a batch ends a step that is not the last of its epoch: there a run can be saved in mid-epoch."""
    done = batch_idx + 1
    return done < trainer.num_training_batches and done % trainer.accumulate_grad_batches == 0


def find_checkpoint_callback(trainer: Trainer) -> SaveCheckpoints:
    """The trainer's callback that saves checkpoints."""
    callbacks: list[Callback] = trainer.callbacks  # type: ignore[attr-defined]
    return next(callback for callback in callbacks if isinstance(callback, SaveCheckpoints))
