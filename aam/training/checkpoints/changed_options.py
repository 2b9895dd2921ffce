"""Options that are changed in mid-run: what a checkpoint brings back is told the new values."""

from __future__ import annotations

from typing import Any

from lightning.pytorch import Callback, LightningModule, Trainer
from lightning.pytorch.callbacks import EarlyStopping
from torch.optim import Optimizer
from torch.optim.lr_scheduler import ReduceLROnPlateau

from aam.config import to_flat
from aam.config.resume import IN_TRAINING
from aam.training.step.module import TrainingModule

OF_GROUPS = ("weight_decay", "momentum")
OF_COURSE = ("initial_lr", "max_lr", "min_lr")
OF_PLATEAU = ("factor", "patience", "min_lrs")


class ChangedOptions(Callback):
    """Lays options with new values over the optimiser, the schedule and early stopping of a resumed run.

    All of them keep their options in the checkpoint, and would go on with the old ones. The values are noted in the
    checkpoint as well; where they are the same nothing is touched.

    A schedule by steps (cosine, restarts, one cycle) goes on at its step, as if it had had the new options from the
    start. The plateau schedule keeps what it has lowered the rate by, and takes the new peak rate. Moments of the
    optimiser, the best value so far and the epochs without improvement stay.
    """

    def __init__(self) -> None:
        self.before: dict[str, Any] = {}
        self.told: dict[str, Any] = {}
        self.rates: list[float] = []

    def on_train_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Compare, and change what differs; all of the state has been restored."""
        assert isinstance(pl_module, TrainingModule)
        flat = to_flat(pl_module.plan.config)
        self.told = {name: flat[name] for name in IN_TRAINING} | {"total_steps": pl_module.plan.total_steps}
        if not self.before:
            self.rates = _peaks(trainer.optimizers[0])
        elif self.before["told"] != self.told:
            self._change(trainer, pl_module)
        else:
            self.rates = self.before["rates"]

    def state_dict(self) -> dict[str, Any]:
        """For the checkpoint: the options, and the peak rate of each group of weights."""
        return {"told": self.told, "rates": self.rates}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """From the checkpoint."""
        self.before = state_dict

    def _change(self, trainer: Trainer, module: TrainingModule) -> None:
        fresh = module.configure_optimizers()
        has_schedule = isinstance(fresh, dict)
        wanted: Optimizer = fresh["optimizer"] if has_schedule else fresh
        self.rates = _peaks(wanted)
        optimizer = trainer.optimizers[0]
        for group, new in zip(optimizer.param_groups, wanted.param_groups, strict=True):
            group |= {name: new[name] for name in OF_GROUPS if name in new}
        if has_schedule:
            config = trainer.lr_scheduler_configs[0]
            config.scheduler = _changed(config.scheduler, fresh["lr_scheduler"]["scheduler"], optimizer, self._ratios())
        else:
            for group, rate in zip(optimizer.param_groups, self.rates, strict=True):
                group["lr"] = rate
        for callback in trainer.callbacks:  # type: ignore[attr-defined]
            if isinstance(callback, EarlyStopping):
                callback.patience = self.told["patience"]

    def _ratios(self) -> list[float]:
        """New over old peak rate of each group."""
        return [new / old for new, old in zip(self.rates, self.before["rates"], strict=True)]


def _peaks(optimizer: Optimizer) -> list[float]:
    return [float(group.get("initial_lr", group["lr"])) for group in optimizer.param_groups]


def _changed(schedule: Any, wanted: Any, optimizer: Optimizer, ratios: list[float]) -> Any:
    """The schedule with new options, for an optimiser that is on its way.

    Parameters
    ----------
    schedule
        The restored one.
    wanted
        One of its kind at the first step, with the new options and an optimiser of its own.
    optimizer
        The restored one.
    ratios
        New over old peak rate of each group of weights.
    """
    if isinstance(schedule, ReduceLROnPlateau):
        for name in OF_PLATEAU:
            setattr(schedule, name, getattr(wanted, name))
        for group, ratio in zip(optimizer.param_groups, ratios, strict=True):
            group["lr"] *= ratio
        return schedule
    for group, new in zip(optimizer.param_groups, wanted.optimizer.param_groups, strict=True):
        group |= {name: new[name] for name in OF_COURSE if name in new}
    wanted.optimizer = optimizer
    wanted.last_epoch, wanted._step_count = schedule.last_epoch - 1, schedule._step_count
    wanted.step()
    return wanted
