"""The progress bar of a run: one bar for all epochs, with named losses, the rate and the time left."""

from __future__ import annotations

from typing import Any

from lightning.pytorch import Callback, LightningModule, Trainer
from rich.progress import BarColumn, Progress, TaskID, TextColumn, TimeElapsedColumn, TimeRemainingColumn

from aam.log import progress_console
from aam.training.step.module import TrainingModule

REFRESHES_PER_SECOND = 4


class ProgressBar(Callback):
    """Shows where the run is, on the error stream of a terminal or in a notebook."""

    def __init__(self) -> None:
        columns = (
            TextColumn("{task.description}"),
            BarColumn(),
            TextColumn("step {task.completed:,.0f}/{task.total:,.0f}"),
            TextColumn("{task.fields[rate]}"),
            TimeElapsedColumn(),
            TextColumn("left"),
            TimeRemainingColumn(compact=True),
            TextColumn("{task.fields[losses]}"),
        )
        console, hidden = progress_console(wanted=True)
        self.bars = Progress(
            *columns,
            console=console,
            disable=hidden,
            transient=not console.is_jupyter,
            refresh_per_second=REFRESHES_PER_SECOND,
        )
        self.task: TaskID | None = None

    def on_train_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Count what is to be done."""
        batches = int(trainer.num_training_batches)
        total = batches * (trainer.max_epochs or 1)
        done = batches * trainer.current_epoch
        self.task = self.bars.add_task("epoch", total=total, completed=done, rate="", losses="")

    def on_train_epoch_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Show the bar."""
        self.bars.start()

    def on_train_batch_end(
        self, trainer: Trainer, pl_module: LightningModule, outputs: Any, batch: Any, batch_idx: int
    ) -> None:
        """Move the bar; losses are read only when they are shown, since reading them waits for the device."""
        assert isinstance(pl_module, TrainingModule)
        if self.task is None or self.bars.disable:
            return
        task = self.bars.tasks[self.task]
        fields: dict[str, Any] = {}
        if batch_idx % 10 == 0 or batch_idx + 1 == trainer.num_training_batches:
            short = {"": "loss"} | {one.head_name: one.short_label for one in pl_module.objectives if one.short_label}
            losses = {short.get(name, name): float(loss) for name, loss in pl_module.step_losses.items()}
            fields["losses"] = "  ".join(f"{name} {loss:.3f}" for name, loss in losses.items())
            fields["rate"] = f"{task.speed * len(batch):,.0f} samples/s" if task.speed else ""
        description = f"epoch {trainer.current_epoch + 1}/{trainer.max_epochs}"
        self.bars.update(self.task, advance=1, description=description, **fields)

    def on_validation_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Take the bar away before the epoch's line is written, which would run into it; not in a notebook."""
        if not self.bars.console.is_jupyter:
            self.bars.stop()

    def on_train_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Take the bar away; in a notebook it stays, at its end."""
        self.bars.stop()

    def on_exception(self, trainer: Trainer, pl_module: LightningModule, exception: BaseException) -> None:
        """Take the bar away, and let the terminal show its cursor again."""
        self.bars.stop()
