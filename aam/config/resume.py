"""What may differ from a run's own options where the run is continued."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

from aam.config.option import flag
from aam.errors import ConfigError

STARTED_BY = ("devices", "num_nodes", "distributed", "data_parallel")
"""In which processes a run computes: what is given of these replaces all of them."""

SEARCH = ("trials", "minutes")
"""How long a search goes on."""

FREE = (
    *SEARCH,
    *STARTED_BY,
    "distributed_timeout",
    "progress",
    "verbose",
    "cache",
    "num_workers",
    "gradient_checkpointing",
    "max_memory_gb",
    "max_memory_fraction",
    "forest_baseline",
    "report",
    "skip_non_finite",
    "checkpoint_minutes",
    "jobs",
    "join",
    "dask_scheduler",
    "logger",
    "experiment",
    "tracking_uri",
)
"""Change nothing that a model learns, but by rounding: in how many processes, how batches are made and kept, what is
borne, and what is written beside the results."""

BY_ROUNDING = ("device", "tf32", "compile_model", "asv_chunk_size")
"""Where and in what order is computed: results differ by rounding, which training can amplify."""

CHANGEABLE = ("epochs", "patience", "max_grad_norm", *BY_ROUNDING, "interval_level", "val_prediction_passes")
"""Can change when resuming, which is recorded: how long the run trains, where, and how the best model is judged.

All others say what the model is, or what and how it learns: with another value it would be another run.
"""


class Change(NamedTuple):
    """An option (by field name) of a run that is continued with another value."""

    name: str
    before: Any
    after: Any

    def __str__(self) -> str:
        return f"{flag(self.name)} {_shown(self.before)} -> {_shown(self.after)}"


def resumed_values(own: Mapping[str, Any], given: Mapping[str, Any], defaults: Mapping[str, Any]) -> dict[str, Any]:
    """The options of a run that is continued.

    Parameters
    ----------
    own
        The run's, by field name.
    given
        What is given beside them.
    defaults
        The value of each option that a run does not name.

    Returns
    -------
    dict of str to Any
        The run's options, with the new values of those that may change.

    Raises
    ------
    ConfigError
        If an option differs that cannot change; with both values.
    """
    before = {name: own.get(name, defaults[name]) for name in defaults}
    changes = changes_of(before, given)
    is_one_model = not before.get("cv") and int(before.get("ensemble") or 1) == 1
    may_change = (*FREE, *CHANGEABLE) if is_one_model else FREE
    refused = [change for change in changes if change.name not in may_change]
    if refused:
        raise ConfigError(_refusal(refused))
    started = {name: given[name] for name in STARTED_BY if name in given}
    if started:
        own = {name: value for name, value in own.items() if name not in STARTED_BY} | started
    return {**own, **{change.name: change.after for change in changes}}


def changes_of(before: Mapping[str, Any], after: Mapping[str, Any]) -> list[Change]:
    """The options whose values differ, in the order of the second; options that the first lacks are no change."""
    found = [Change(name, before[name], value) for name, value in after.items() if name in before]
    return [change for change in found if change.before != change.after]


def free_values(given: Mapping[str, Any]) -> dict[str, Any]:
    """Of some options those that change no result and are not left open."""
    return {name: given[name] for name in FREE if given.get(name) is not None}


def _refusal(changes: list[Change]) -> str:
    changed = ", ".join(map(str, changes))
    verb, them = ("differs", "it") if len(changes) == 1 else ("differ", "them")
    why = ": its other models are trained already" if all(change.name in CHANGEABLE for change in changes) else ""
    return (
        f"--resume-from continues a run with its own options: {changed} {verb} from the run's and cannot change "
        f"when resuming{why}; leave {them} out, or start another run"
    )


def _shown(value: Any) -> str:
    if isinstance(value, bool):
        return "on" if value else "off"
    if value is None or value in ((), []):
        return "(not given)"
    return ",".join(map(str, value)) if isinstance(value, tuple | list) else str(value)
