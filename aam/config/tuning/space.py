"""Spaces of options to search: which options of `aam train` vary, and between which values."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from aam.config.option import fields, read_values, replace, suggest, to_flat
from aam.config.types import choices, shown
from aam.config.yaml_file import read_nested_file
from aam.errors import Attempts, ConfigError, Problems

SECTIONS = (
    *("learners", "settings", "head", "loss", "covariates", "transfer"),
    *("sampling", "model", "objective", "optim"),
)
"""Sections whose options can be searched: how is learned, and not what, from whom or where."""
FIXED = (
    *("sample_weight_column", "categorical_loss_weights", "categorical_loss_weight_column", "loss_config"),
    *("categorical_columns", "numeric_columns", "categorical_hierarchy", "conditional_output_scaling"),
    *("quantiles", "rarefy_depth", "best_metric", "fine_tune"),
)
"""Options of these sections that say what is learned, or are read with the data."""
FURTHER = ("target_transform",)
"""Options of other sections that can be searched."""
LEARNERS = "learners"
DEPTH = 4
SHAPE = "one `name: [low, high]`, `name: {low: 1e-4, high: 1e-2, log: true}` or `name: [a, b, c]` per line"
RANGE, CHOICES = {"low", "high", "log"}, {"choices"}


@dataclass(frozen=True)
class Dimension:
    """An option that varies.

    Attributes
    ----------
    name
        The option.
    low, high
        The ends of a range; None where there are choices.
    log
        Whether the range is searched on a logarithmic scale.
    choices
        The values to choose from: None, switches, numbers and words; a list is written with commas.
    """

    name: str
    low: int | float | None = None
    high: int | float | None = None
    log: bool = False
    choices: tuple[Any, ...] = ()

    @property
    def values(self) -> tuple[Any, ...]:
        """Values that stand for all: the ends, or the choices."""
        return self.choices or (self.low, self.high)

    @property
    def is_whole(self) -> bool:
        """Whether it is a range of whole numbers."""
        ends: tuple[Any, ...] = (self.low, self.high)
        return all(isinstance(end, int) for end in ends)

    def holds(self, value: Any) -> bool:
        """Whether a value is among those to try."""
        if self.choices:
            return value in self.choices
        assert self.low is not None
        assert self.high is not None
        return isinstance(value, int | float) and not isinstance(value, bool) and self.low <= value <= self.high

    def readable(self, value: Any) -> Any:
        """A value as it is tried: numbers that are not whole have three significant digits."""
        if not isinstance(value, float) or self.choices:
            return value
        assert self.low is not None
        assert self.high is not None
        return min(max(float(f"{value:.3g}"), self.low), self.high)

    def to_dict(self) -> dict[str, Any]:
        """As the file of a space has it."""
        if self.choices:
            return {"choices": list(self.choices)}
        return {"low": self.low, "high": self.high, "log": self.log}


Space = tuple[Dimension, ...]


def searchable(config: type) -> list[str]:
    """Names of the options of `aam train` that can be searched."""
    return [
        field.name
        for section, field, _ in fields(config)
        if field.name in FURTHER or (section in SECTIONS and field.name not in FIXED)
    ]


def read_space(path: Path, config: Any) -> Space:
    """Read the file of a space, and check it against the options of a training.

    Parameters
    ----------
    path
        YAML: a range or a list of choices by the name of an option.
    config
        The options that all trials have in common: a ``TrainConfig``.

    Raises
    ------
    InputError
        With all options that are unknown or cannot be searched, and values that they cannot have.
    """
    problems, found = Problems(path), []
    for name, written in read_nested_file(path, DEPTH, SHAPE).items():
        try:
            dimension = _dimension(name.replace("-", "_"), written, type(config))
            found.append(dimension)
        except ConfigError as error:
            problems.add(str(error))
    problems.raise_if_any(is_checked=False)
    space = ordered(found)
    try:
        check_space(space, config)
    except ConfigError as error:
        for problem in error.problems:
            problems.add(problem)
    problems.raise_if_any(is_checked=False)
    return space


def ordered(space: list[Dimension]) -> Space:
    """The learners first, which decide who reads the other options."""
    return tuple(sorted(space, key=lambda one: one.name != LEARNERS))


def check_space(space: Space, config: Any) -> None:
    """Refuse values that no trial could have (:class:`~aam.errors.ConfigError` with all of them)."""
    attempt = Attempts()
    grounds = [config]
    for one in space:
        if one.name == LEARNERS:
            grounds += [changed for value in one.choices if (changed := tried(config, LEARNERS, value))]
    for one in space:
        for value in one.values:
            attempt(partial(_check_value, one.name, value, grounds))
    attempt.raise_if_any()


def tried(config: Any, name: str, value: Any) -> Any | None:
    """The configuration with one option changed; None where the value cannot be."""
    try:
        return replace(config, **{name: value})
    except ConfigError:
        return None


def is_live(one: Dimension, config: Any) -> bool:
    """Whether a configuration can have another value of an option than it has."""
    now = as_choice(to_flat(config)[one.name])
    return any(value != now and tried(config, one.name, value) is not None for value in one.values)


def as_choice(value: Any) -> Any:
    """A plain value as a choice: a list is written with commas."""
    return ",".join(map(str, value)) if isinstance(value, list) else value


def _check_value(name: str, value: Any, grounds: list[Any]) -> None:
    reasons = []
    for config in grounds:
        try:
            replace(config, **{name: value})
        except ConfigError as error:
            reasons.append(str(error))
        else:
            return
    raise ConfigError(f"{name} {shown(value, quoted=False)}: {reasons[0]}")


def _dimension(name: str, written: Any, config: type) -> Dimension:
    known = searchable(config)
    if name not in known:
        if any(field.name == name for _, field, _ in fields(config)):
            raise ConfigError(f"{name} cannot be searched: it says what is learned, from what, or where")
        raise ConfigError(f"unknown option {shown(name, quoted=False)}{suggest(name, known)}")
    hint = next(hint for _, field, hint in fields(config) if field.name == name)
    numeric = next((kind for kind in (float, int) if kind in choices(hint)), None)
    if isinstance(written, dict):
        return _of_mapping(name, written, config, numeric)
    if not isinstance(written, list):
        raise ConfigError(f"{name} needs a range [low, high] or a list of choices, got {shown(written)}")
    if len(written) == 2 and numeric is not None and all(map(_is_number, written)):
        return _range(name, written[0], written[1], False, config, numeric)
    return _of_choices(name, written, config)


def _of_mapping(name: str, written: Mapping[str, Any], config: type, numeric: type | None) -> Dimension:
    given = set(written)
    if given == CHOICES and isinstance(written["choices"], list):
        return _of_choices(name, written["choices"], config)
    if not {"low", "high"} <= given <= RANGE:
        raise ConfigError(f"{name} needs low and high (and log), or choices, got {', '.join(sorted(given))}")
    if numeric is None:
        raise ConfigError(f"{name} is no number: give a list of choices")
    words = str(written.get("log", "false")).lower()
    if words not in ("true", "false"):
        raise ConfigError(f"{name}: log must be true or false, got {shown(words)}")
    return _range(name, written["low"], written["high"], words == "true", config, numeric)


def _range(name: str, low: Any, high: Any, log: bool, config: type, numeric: type) -> Dimension:
    ends = []
    for end in (low, high):
        value = read_values(config, {name: end})[name]
        if isinstance(value, bool) or not isinstance(value, int | float):
            raise ConfigError(f"{name}: an end of a range must be a number, got {shown(end)}")
        ends.append(numeric(value))
    if ends[0] >= ends[1]:
        raise ConfigError(f"{name}: low must be below high, got {low} and {high}")
    if log and ends[0] <= 0:
        raise ConfigError(f"{name}: a logarithmic range starts above 0, got {low}")
    return Dimension(name, ends[0], ends[1], log)


def _of_choices(name: str, written: list[Any], config: type) -> Dimension:
    found: list[Any] = []
    for value in written:
        if isinstance(value, dict):
            raise ConfigError(f"{name}: a choice must be a value, got a mapping")
        read = read_values(config, {name: value})[name]
        plain = ",".join(map(str, read)) if isinstance(read, tuple) else read
        found.append(str(plain) if isinstance(plain, Path) else plain)
    if len(found) < 2 or len(set(map(repr, found))) < len(found):
        raise ConfigError(f"{name} needs two different choices or more, got {shown(written)}")
    return Dimension(name, choices=tuple(found))


def _is_number(value: Any) -> bool:
    try:
        float(value)
    except (TypeError, ValueError):
        return False
    return True
