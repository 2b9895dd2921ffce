"""What may differ from a run's own options where the run is continued."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

from aam.config.option import flag, suggest
from aam.errors import ConfigError

STARTED_BY = ("devices", "num_nodes", "distributed", "data_parallel")
"""In which processes a run computes: what is given of these replaces all of them."""

FREE = (
    *STARTED_BY,
    "distributed_timeout",
    "progress",
    "cache",
    "num_workers",
    "gradient_checkpointing",
    "max_memory_gb",
    "max_memory_fraction",
    "forest_baseline",
    "report",
    "skip_non_finite",
    "checkpoint_minutes",
)
"""Change nothing that a model learns, but by rounding: in how many processes, how batches are made and kept, what is
borne, and what is written beside the results."""

IN_TRAINING = (
    "epochs",
    "patience",
    "lr",
    "warmup_steps",
    "scheduler_t0",
    "scheduler_t_mult",
    "scheduler_eta_min",
    "scheduler_patience",
    "scheduler_factor",
    "scheduler_min_lr",
    "weight_decay",
    "momentum",
    "max_grad_norm",
)
"""How the steps that are still to come learn."""

BY_ROUNDING = ("device", "tf32", "compile_model", "asv_chunk_size")
"""Where and in what order is computed: results differ by rounding, which training can amplify."""

AT_THE_END = ("interval_level", "val_prediction_passes")
"""How the best model is judged."""

CHANGEABLE = (*IN_TRAINING, *BY_ROUNDING, *AT_THE_END)
"""Can change in the middle of a run, where the user says so by name.

All others say what the model is, what it learns from or what it is to learn: with another value it would be another
run.
"""


class Change(NamedTuple):
    """An option (by field name) of a run that is continued with another value."""

    name: str
    before: Any
    after: Any

    def __str__(self) -> str:
        return f"{flag(self.name)} {_shown(self.before)} -> {_shown(self.after)}"


def resumed_values(
    own: Mapping[str, Any], given: Mapping[str, Any], allowed: Iterable[str], defaults: Mapping[str, Any]
) -> dict[str, Any]:
    """The options of a run that is continued.

    Parameters
    ----------
    own
        The run's, by field name.
    given
        What is given beside them.
    allowed
        Options that the user allows to change, in either spelling.
    defaults
        The value of each option that a run does not name.

    Returns
    -------
    dict of str to Any
        The run's options, with the new values of those that may change.

    Raises
    ------
    ConfigError
        If an option differs that the user has not named, or that cannot change; with both values.
    """
    before = {name: own.get(name, defaults[name]) for name in defaults}
    changes = changes_of(before, given)
    named = _named(allowed, given, defaults)
    if named and (before.get("cv") or int(before.get("ensemble") or 1) > 1):
        raise ConfigError(
            "--allow-change is for a run of one model: in a cross-validation or an ensemble those that are trained "
            "already would differ from the others"
        )
    refused = [change for change in changes if change.name not in (*FREE, *named)]
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


def _named(allowed: Iterable[str], given: Mapping[str, Any], known: Iterable[str]) -> list[str]:
    """The field names of options that the user allows to change; of all that are known."""
    names = [name.strip().lstrip("-").replace("-", "_") for name in allowed]
    for name in names:
        if name in FREE:
            continue
        if name not in CHANGEABLE:
            may = [each.replace("_", "-") for each in CHANGEABLE]
            word = name.replace("_", "-")
            meant = "" if name in known else suggest(word, may)
            raise ConfigError(f"--allow-change {word}: cannot change in mid-run{meant} (can: {', '.join(may)})")
        if name not in given:
            raise ConfigError(f"--allow-change {name.replace('_', '-')} needs {flag(name)} with its new value")
    return names


def _refusal(changes: list[Change]) -> str:
    told = ", ".join(map(str, changes))
    verb = "differs" if len(changes) == 1 else "differ"
    never = [change for change in changes if change.name not in CHANGEABLE]
    if never:
        remedy = f"{flag(never[0].name)} cannot change in mid-run: leave it out, or start another run"
    else:
        names = ",".join(change.name.replace("_", "-") for change in changes)
        remedy = f"leave {'it' if len(changes) == 1 else 'them'} out, or add --allow-change {names}"
    return f"--resume-from continues a run with its own options: {told} {verb} from the run's; {remedy}"


def _shown(value: Any) -> str:
    if isinstance(value, bool):
        return "on" if value else "off"
    if value is None or value in ((), []):
        return "(not given)"
    return ",".join(map(str, value)) if isinstance(value, tuple | list) else str(value)
