"""The progress bar of a run: one bar for all epochs, with the time left; and at the start, the time of all."""

from __future__ import annotations

import time
from contextlib import nullcontext
from typing import Any

from lightning.pytorch import Callback, LightningModule, Trainer

from aam.log import say, say_detail
from aam.progress import Bar
from aam.text import format_duration, format_pace, plural
from aam.training.distributed.collectives import is_first
from aam.training.step.module import TrainingModule

LOSSES_EVERY = 10
"""Steps between readings of the losses, which wait for the device."""
LEAST_STEPS, LEAST_SECONDS = 3, 3.0
"""Steps, after the first, and seconds that are measured before it is said how long a run takes."""
WORTH_SAYING = 10.0
"""Seconds of a run below which nobody waits long enough to read it."""
WORTH_SHORTENING = 60.0
"""Seconds from which it is said what would be shorter."""


class ProgressBar(Callback):
    """Shows where the run is, on a terminal or in a notebook; elsewhere in a line now and then."""

    def __init__(self) -> None:
        self.bar = Bar("epoch", "steps", 0)

    def on_train_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Count what is to be done."""
        batches = int(trainer.num_training_batches)
        total = batches * (trainer.max_epochs or 1)
        self.bar = Bar("epoch", "steps", total, done=batches * trainer.current_epoch)

    def on_train_epoch_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Show the bar."""
        self.bar.start()

    def on_train_batch_end(
        self, trainer: Trainer, pl_module: LightningModule, outputs: Any, batch: Any, batch_idx: int
    ) -> None:
        """Move the bar; losses are read only when they are shown, since reading them waits for the device."""
        assert isinstance(pl_module, TrainingModule)
        losses = ""
        is_shown = not self.bar.bars.disable
        if is_shown and (batch_idx % LOSSES_EVERY == 0 or batch_idx + 1 == trainer.num_training_batches):
            short = {"": "loss"} | {one.head_name: one.short_label for one in pl_module.objectives if one.short_label}
            found = {short.get(name, name): float(loss) for name, loss in pl_module.step_losses.items()}
            losses = "  ".join(f"{name} {loss:.3f}" for name, loss in found.items())
        self.bar.say(f"epoch {trainer.current_epoch + 1}/{trainer.max_epochs}", losses)
        self.bar.advance()

    def on_validation_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Take the bar away before the epoch's line is written, which would run into it; not in a notebook."""
        self.bar.hide()

    def on_train_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Take the bar away; in a notebook it stays, at its end."""
        self.bar.stop()

    def on_exception(self, trainer: Trainer, pl_module: LightningModule, exception: BaseException) -> None:
        """Take the bar away, and let the terminal show its cursor again."""
        self.bar.stop()


class SayDuration(Callback):
    """Says once, after some steps, how long the run takes at most: all epochs, from those steps and the validation.

    Parameters
    ----------
    bar
        What is drawn meanwhile.
    """

    def __init__(self, bar: ProgressBar | None = None) -> None:
        self.bar = bar
        self.validation = self._began = self._clock = 0.0
        self.is_said = False

    def on_validation_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Start the clock."""
        self._began = time.monotonic()

    def on_validation_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Note how long it took; that of the start is the first."""
        self.validation = time.monotonic() - self._began

    def on_train_epoch_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Start the clock of the steps."""
        self._clock = time.monotonic()

    def on_train_batch_end(
        self, trainer: Trainer, pl_module: LightningModule, outputs: Any, batch: Any, batch_idx: int
    ) -> None:
        """Say it after enough steps, or at the end of the first epoch; the first step is slower, and not counted."""
        if self.is_said:
            return
        now, batches = time.monotonic(), int(trainer.num_training_batches)
        if batch_idx == 0 and batches > 1:
            self._clock = now
            return
        steps, seconds = max(1, batch_idx), now - self._clock
        if batch_idx + 1 < batches and (steps < LEAST_STEPS or seconds < LEAST_SECONDS):
            return
        self.is_said = True
        if not is_first():
            return
        epochs = max(1, (trainer.max_epochs or 1) - trainer.current_epoch)
        epoch = batches * seconds / steps + self.validation
        with self.bar.bar.aside() if self.bar is not None else nullcontext():
            tell = say if epoch * epochs > WORTH_SAYING else say_detail
            tell(duration_words(epoch, epochs, plural(steps, "step")))


def duration_words(epoch: float, epochs: int, measured: str) -> str:
    """How long a training of the network takes, and what would make it shorter."""
    whole = epoch * epochs
    shorter = "; fewer --epochs or a smaller --token-limit would be shorter" if whole > WORTH_SHORTENING else ""
    return (
        f"time: at most {format_duration(whole)} on this machine ({plural(epochs, 'epoch')} of "
        f"{format_pace(epoch)}, measured on {measured}), most runs stop earlier{shorter}"
    )
