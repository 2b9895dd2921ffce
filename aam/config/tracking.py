"""Where the progress and the results of a run are recorded, beside its own folder."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

from aam.config.option import Section, flag, option
from aam.config.types import OneOf
from aam.errors import ConfigError

TRACKERS = OneOf("aam.runs.tracking.registry")
TrackerName = Annotated[str, TRACKERS]
EXPERIMENT = "aam"
"""Of runs that name none."""


@dataclass(frozen=True, kw_only=True)
class TrackingOptions(Section):
    """Tracking: where parameters, curves, scores and the report are recorded beside the run directory."""

    logger: tuple[TrackerName, ...] = option(
        (),
        "Trackers that record the run. `wandb` (Weights & Biases) stays offline unless $WANDB_MODE says otherwise; "
        "`mlflow` writes to the folder mlruns beside the run.",
        derived="curves of the network for TensorBoard, where it is installed",
        usual="Record the run: tensorboard, wandb, mlflow",
    )
    experiment: str | None = option(
        None, "Project of wandb and experiment of mlflow that runs are gathered under.", derived=EXPERIMENT
    )
    tracking_uri: str | None = option(
        None,
        "Where mlflow records runs: a folder, sqlite:///FILE, or the address of a server.",
        derived="$MLFLOW_TRACKING_URI, else the folder mlruns beside the run",
    )

    def check(self) -> None:
        """Refuse a tracker that is named twice, and what none of them reads."""
        if len(set(self.logger)) < len(self.logger):
            raise ConfigError("--logger names a tracker twice")
        for name in ("experiment", "tracking_uri"):
            given, users = getattr(self, name), TRACKERS.users(name)
            if given is not None and not set(users) & set(self.logger):
                raise ConfigError(f"{flag(name)} needs --logger {' or '.join(users)}: leave it out")
            if given is not None and not given.strip():
                raise ConfigError(f"{flag(name)} is empty: leave it out")
