"""The trackers by the names that `--logger` takes; their libraries are loaded when an entry is opened."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from importlib.util import find_spec
from types import MappingProxyType

from aam.errors import ConfigError
from aam.runs.tracking.tracker import RunFacts, Tracker

TENSORBOARD, WANDB, MLFLOW = "tensorboard", "wandb", "mlflow"


def _tensorboard(facts: RunFacts) -> Tracker:
    from aam.runs.tracking.tensorboard import TensorBoard

    return TensorBoard(facts)


def _wandb(facts: RunFacts) -> Tracker:
    from aam.runs.tracking.wandb import WeightsAndBiases

    return WeightsAndBiases(facts)


def _mlflow(facts: RunFacts) -> Tracker:
    from aam.runs.tracking.mlflow import Mlflow

    return Mlflow(facts)


_OPEN: Mapping[str, Callable[[RunFacts], Tracker]] = MappingProxyType(
    {TENSORBOARD: _tensorboard, WANDB: _wandb, MLFLOW: _mlflow}
)
_OPTIONS: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {TENSORBOARD: (), WANDB: ("experiment",), MLFLOW: ("experiment", "tracking_uri")}
)


def names() -> tuple[str, ...]:
    """All trackers. Each is also the name of its library, and of the extra that brings it."""
    return tuple(_OPEN)


def options(name: str) -> tuple[str, ...]:
    """The options that a tracker uses and others may not."""
    return _OPTIONS[name]


def is_installed(name: str) -> bool:
    """Whether a tracker's library is there."""
    return find_spec(name) is not None


def check_installed(wanted: Iterable[str]) -> None:
    """Refuse trackers whose libraries are not installed.

    Raises
    ------
    ConfigError
        Naming the first, and what installs it.
    """
    for name in wanted:
        if not is_installed(name):
            raise ConfigError(f"--logger {name} needs {name}, which is not installed: pip install 'aam[{name}]'")


def open_tracker(name: str, facts: RunFacts) -> Tracker:
    """Open the entry of a run, or that of its earlier start."""
    return _OPEN[name](facts)
