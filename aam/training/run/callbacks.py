"""What happens around the training step: the best model is kept, epochs are noted, signals stop the run in order."""

from __future__ import annotations

import math
import re
import signal
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from types import FrameType
from typing import Any

from lightning.pytorch import Callback, LightningModule, Trainer

from aam.errors import SIGNALS, InputError, PreemptedError, is_ignored
from aam.files.atomic import atomic_write
from aam.log import say
from aam.runs.directory import RunDirectory, resume_command
from aam.training.checkpoints.checkpoint import find_checkpoint_callback, is_between_steps
from aam.training.distributed.collectives import is_first, max_over_processes
from aam.training.step.module import TrainingModule

BEFORE_TRAINING = -1
EXPERT = re.compile(r"val_expert_\d+")

AddPoints = Callable[[Mapping[str, float], int], None]


class BestModel(Callback):
    """Saves the model whenever the metric that chooses it has improved; the start itself is the first candidate.

    A model that starts at a linear fit may be at its best there, in a study of few samples.

    Parameters
    ----------
    save
        Writes the module's weights; called with the epoch and the metric's value.

    Attributes
    ----------
    epoch, value
        Of the best model so far: ``BEFORE_TRAINING`` for the start, then from 0. The value is NaN before any.
    """

    def __init__(self, save: Callable[[TrainingModule, int, float], None]) -> None:
        self.save = save
        self.epoch = BEFORE_TRAINING
        self.value = math.nan

    def on_validation_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Compare, and save what is better."""
        assert isinstance(pl_module, TrainingModule)
        plan = pl_module.plan
        if plan.monitor not in pl_module.latest:
            problem = f"{plan.monitor.removeprefix('val_')} cannot be measured on the validation samples"
            raise InputError("split", problem, "increase --validation-size, or choose another --best-metric")
        value = pl_module.latest[plan.monitor]
        sign = 1 if plan.higher_is_better else -1
        if math.isnan(self.value) or sign * value > sign * self.value:
            self.epoch = BEFORE_TRAINING if trainer.sanity_checking else trainer.current_epoch
            self.value = value
            self.save(pl_module, self.epoch, value)
        if trainer.sanity_checking:
            also = "" if plan.monitor == "val_loss" else f"  {plan.monitor} {value:#.4g}"
            say(f"before training  val_loss {pl_module.latest['val_loss']:.4f}{also}")

    def state_dict(self) -> dict[str, Any]:
        """For the checkpoint."""
        return {"epoch": self.epoch, "value": self.value}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """From the checkpoint."""
        self.epoch, self.value = state_dict["epoch"], state_dict["value"]


class History(Callback):
    """Records each epoch in ``metrics.csv``, trackers and the log.

    Parameters
    ----------
    run
        The run directory.
    best
        Knows the best epoch so far.
    add_to_curves
        Takes the numbers of an epoch and its last step; None for no curves.
    """

    def __init__(self, run: RunDirectory, best: BestModel, add_to_curves: AddPoints | None = None) -> None:
        self.run = run
        self.best = best
        self.add_to_curves = add_to_curves
        self.rows: list[dict[str, float]] = []
        self.started = time.monotonic()

    def on_train_epoch_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Start the clock."""
        self.started = time.monotonic()

    def on_train_epoch_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Add a row, and rewrite the whole table."""
        assert isinstance(pl_module, TrainingModule)
        row: dict[str, float] = {"epoch": trainer.current_epoch, "step": trainer.global_step}
        row |= {"lr": trainer.optimizers[0].param_groups[0]["lr"], "seconds": time.monotonic() - self.started}
        row |= pl_module.train_losses() | pl_module.latest
        self.rows.append(row)
        if is_first():
            self._write()
        if self.add_to_curves is not None:
            self.add_to_curves(row, trainer.global_step)
        self._say(row, pl_module, trainer.max_epochs or 0)

    def state_dict(self) -> dict[str, Any]:
        """For the checkpoint."""
        return {"rows": self.rows}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """From the checkpoint; epochs after it are done again."""
        self.rows = list(state_dict["rows"])

    def _write(self) -> None:
        names = list(dict.fromkeys(name for row in self.rows for name in row))
        with atomic_write(self.run.metrics) as file:
            file.write(",".join(names) + "\n")
            for row in self.rows:
                file.write(",".join(_cell(name, row.get(name)) for name in names) + "\n")

    def _say(self, row: dict[str, float], module: TrainingModule, epochs: int) -> None:
        name = module.plan.monitor
        mark = " (best)" if self.best.epoch == row["epoch"] else ""
        losses = f"train_loss {row['train_loss']:.4f}  val_loss {row['val_loss']:.4f}"
        metric = "" if name == "val_loss" or name not in row else f"  {name} {row[name]:#.4g}"
        mark += _expert_words(row)
        say(f"epoch {int(row['epoch']) + 1:>3}/{epochs}  {losses}{metric}{mark}  {row['seconds']:.1f} s")


def _expert_words(row: Mapping[str, float]) -> str:
    """How much each expert of a mixture counts, and how many serve a sample; nothing without experts."""
    weights = [value for name, value in row.items() if EXPERT.fullmatch(name)]
    if not weights:
        return ""
    shares = " ".join(f"{100 * weight:.0f}" for weight in weights)
    return f"  experts {shares} % ({row['val_experts_per_sample']:.1f} a sample)"


def _cell(name: str, value: float | None) -> str:
    if value is None:
        return ""
    return f"{value:.3f}" if name == "seconds" else f"{value:.10g}"


@contextmanager
def restored_signal_handlers() -> Iterator[None]:
    """Give the signals back as they were: the engine leaves some of its own answers to them behind."""
    before = {number: signal.getsignal(number) for number in SIGNALS}
    try:
        yield
    finally:
        for number, handler in before.items():
            if signal.getsignal(number) is not handler:
                signal.signal(number, handler)


class StopOnSignal(Callback):
    """Stops the run cleanly after a signal: finish the step, save, say how to resume.

    SIGTERM, SIGUSR1 and SIGUSR2 are how schedulers announce that a job will be ended, SIGHUP is a terminal that was
    closed; SIGINT is Ctrl-C, and a second one stops at once. The engine's own answers are an exit code of 0 to the
    first and of 1 to the last.

    Parameters
    ----------
    run
        The run directory.
    command
        ``train`` or ``pretrain``.
    """

    def __init__(self, run: RunDirectory, command: str) -> None:
        self.run = run
        self.command = command
        self.received: int | None = None
        self.before: dict[int, Any] = {}

    def on_sanity_check_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Take over the signals before the start is validated."""
        self._take_over()

    def on_train_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Take over the signals, where the start was not validated."""
        self._take_over()

    def teardown(self, trainer: Trainer, pl_module: LightningModule, stage: str) -> None:
        """Give the signals back."""
        self._give_back()

    def on_exception(self, trainer: Trainer, pl_module: LightningModule, exception: BaseException) -> None:
        """Give the signals back: after an exception there is no teardown."""
        self._give_back()

    def on_train_batch_end(
        self, trainer: Trainer, pl_module: LightningModule, outputs: Any, batch: Any, batch_idx: int
    ) -> None:
        """Save and stop, if a signal came; at the end of an epoch its validation is done first."""
        if is_between_steps(trainer, batch_idx) and self._stop_requested():
            find_checkpoint_callback(trainer).save(trainer, batch_idx + 1)
            self._stop(trainer)

    def on_train_epoch_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Stop between two epochs; the state has just been saved."""
        if self._stop_requested():
            self._stop(trainer)

    def _stop_requested(self) -> bool:
        """Whether any process of the run received a signal: then all stop, after the same step."""
        received = max_over_processes(self.received or 0)
        if received:  # a signal that comes meanwhile is not to be forgotten
            self.received = received
        return received > 0

    def _take_over(self) -> None:
        for number in SIGNALS:
            if number not in self.before and not is_ignored(number):
                self.before[number] = signal.signal(number, self._note)

    def _give_back(self) -> None:
        while self.before:
            signal.signal(*self.before.popitem())

    def _note(self, number: int, _: FrameType | None) -> None:
        again = self.received is not None and number == signal.SIGINT
        self.received = number
        if again:
            raise self._stopped("at once")

    def _stop(self, trainer: Trainer) -> None:
        raise self._stopped(f"at step {trainer.global_step}")

    def _stopped(self, where: str) -> PreemptedError:
        remedy = f"resume with: {resume_command(self.command, self.run.path)}"
        return PreemptedError(f"stopped {where}; {remedy}", interrupted=self.received == signal.SIGINT)
