"""What the page of a search is made of, and what was found in words."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from aam.evaluation.catalogue import Interval, difference_interval_of, difference_of, interval_of, metric, value_of
from aam.text import plural, shorten

COMPLETE, STOPPED, NO_RESULT = "complete", "stopped", "no result"


@dataclass(frozen=True, kw_only=True)
class ShownTrial:
    """A trial.

    Attributes
    ----------
    number
        Its number.
    state
        ``complete``, ``stopped`` (early) or ``no result``.
    value
        Its metric; NaN where it has none.
    seconds
        Time of its trainings.
    values
        Option -> value that it tried.
    is_default, is_chosen, is_best
        Whether it is the untuned default, the choice, or the best of all.
    is_within
        Whether it lies within one standard error of the best.
    reason
        Why it has no result.
    derived
        Options that it left to be derived from the data.
    """

    number: int
    state: str
    value: float
    seconds: float
    values: Mapping[str, Any]
    is_default: bool = False
    is_chosen: bool = False
    is_best: bool = False
    is_within: bool = False
    reason: str = ""
    derived: frozenset[str] = frozenset()


@dataclass(frozen=True, kw_only=True)
class ShownSearch:
    """One search.

    Attributes
    ----------
    name
        ``search``, or ``outer-1`` and so on.
    trials
        All that ended, by number.
    changed
        Options of the choice that differ from the default, as one would type them.
    importance
        Option -> its share of what makes trials good; empty where it cannot be told.
    logarithmic
        Options that were searched on a logarithmic scale.
    """

    name: str
    trials: Sequence[ShownTrial]
    changed: Mapping[str, Any]
    importance: Mapping[str, float]
    logarithmic: frozenset[str]

    @property
    def chosen(self) -> ShownTrial:
        """The choice."""
        return next(one for one in self.trials if one.is_chosen)

    @property
    def default(self) -> ShownTrial | None:
        """The untuned default."""
        return next((one for one in self.trials if one.is_default), None)

    @property
    def best(self) -> ShownTrial:
        """The trial with the best metric."""
        return next(one for one in self.trials if one.is_best)


@dataclass(frozen=True, kw_only=True)
class ShownOuter:
    """The choice and the untuned default on samples that no trial saw, for one target.

    Attributes
    ----------
    column
        The target.
    main
        The metric that sentences are about.
    samples, groups
        Their number; None where samples stand alone.
    tuned, default
        Each metric with its interval.
    difference
        How much larger each is for the choice, both drawn together.
    is_same
        Whether both predict the same.
    """

    column: str
    main: str
    samples: int
    groups: int | None
    tuned: Mapping[str, Interval]
    default: Mapping[str, Interval]
    difference: Mapping[str, Interval]
    is_same: bool

    @property
    def sign(self) -> int:
        """1 if the choice is clearly better (zero lies outside the interval), -1 if clearly worse, else 0."""
        lead = self.difference[self.main]
        direction = 1 if metric(self.main).higher_is_better else -1
        return direction * (int(lead.low > 0) - int(lead.high < 0))


@dataclass(frozen=True, kw_only=True, eq=False)
class ShownTuning:
    """All of a search.

    Attributes
    ----------
    targets
        What is predicted.
    metric
        What trials are judged by.
    searches
        The searches; the last one recommends.
    outer
        How good its choice (or those of the outer folds) is.
    how
        How it was done, a sentence each.
    command, untuned_command
        What trains with the options that were found, and without them.
    best
        The file of these options.
    """

    targets: Sequence[str]
    metric: str
    searches: Sequence[ShownSearch]
    outer: Sequence[ShownOuter]
    how: Sequence[str]
    command: str
    untuned_command: str
    best: str

    @property
    def recommended(self) -> ShownSearch:
        """The search whose choice is recommended."""
        return self.searches[-1]

    @property
    def is_worth_it(self) -> bool:
        """Whether the choice is clearly better than the untuned default for one target or more, and worse for none."""
        signs = [0 if one.is_same else one.sign for one in self.outer]
        return max(signs) > 0 and min(signs) >= 0

    @property
    def next_title(self) -> str:
        """What to train next."""
        return "train with what was found" if self.is_worth_it else "train with the defaults"

    @property
    def next_command(self) -> str:
        """The command that trains it."""
        return self.command if self.is_worth_it else self.untuned_command

    @property
    def left_words(self) -> str:
        """Where the options lie that were found and are not taken; empty where they are taken or are the defaults."""
        left = not self.is_worth_it and not self.recommended.chosen.is_default
        return f"The options that were found are in {self.best}." if left else ""


def tuning_lines(shown: ShownTuning) -> Iterator[str]:
    """What was found, a sentence each; whether it is worth it comes first."""
    several = len(shown.outer) > 1
    for one in shown.outer:
        yield worth_words(one, nested=len(shown.searches) > 1, named=several)
    yield choice_words(shown)
    yield rule_words(shown)


def worth_words(one: ShownOuter, *, nested: bool, named: bool) -> str:
    """Whether the search is worth it, for a target."""
    name, where = one.main, f"{one.samples:,} held-out samples"
    where += "" if one.groups is None else f" ({plural(one.groups, 'group')})"
    before = f"{one.column}: " if named else ""
    who = "the searched options" if nested else "the choice"
    if one.is_same:
        found = f"{metric(name).in_text} {value_of(name, one.default[name].value)}"
        return f"{before}Not worth it here: on {where} {who} and the untuned default predict the same ({found})."
    lead = one.difference[name]
    told = (
        f"on {where} that no trial saw, {metric(name).in_text} is {value_of(name, one.tuned[name].value)} with {who} "
        f"and {value_of(name, one.default[name].value)} untuned (difference {difference_of(name, lead.value)}, "
        f"{difference_interval_of(name, lead)})"
    )
    verdicts = {
        1: f"Worth it: {told}.",
        0: f"Not worth it here: {told}: no clear difference, so the untuned default will do.",
        -1: f"Not worth it: {told}; take the untuned default.",
    }
    return before + verdicts[one.sign]


def choice_words(shown: ShownTuning) -> str:
    """What was chosen."""
    search, name = shown.recommended, shown.metric
    stopped = sum(one.state == STOPPED for one in search.trials)
    of_all = plural(len(search.trials), "trial") + (f" ({stopped} stopped early)" if stopped else "")
    if search.chosen.is_default:
        return f"Of {of_all} the untuned default is the choice, with {_within_words(search, name)}."
    changes = ", ".join(f"{key} {shown_value(value)}" for key, value in search.changed.items())
    untuned = search.default
    beside = "" if untuned is None else f" (untuned {value_of(name, untuned.value)})"
    found = f"{metric(name).in_text} {value_of(name, search.chosen.value)}{beside}"
    return f"Of {of_all} the choice is {changes}: {found} over the folds within the training part."


def rule_words(shown: ShownTuning) -> str:
    """By what rule."""
    search, name = shown.recommended, shown.metric
    sign = 1 if metric(name).higher_is_better else -1
    within = sum(one.is_within for one in search.trials)
    if within == 1:
        return "It is the best of all trials, and no other lies within one standard error of it."
    best = f"{metric(name).in_text} {value_of(name, search.best.value)}"
    untuned = -math.inf if search.default is None else sign * search.default.value
    eligible = [one for one in search.trials if one.is_within and sign * one.value >= untuned]
    is_fastest = all(search.chosen.seconds <= one.seconds for one in eligible)
    who = "the fastest" if is_fastest else "the best of those that train about as fast as the fastest"
    return (
        f"Of the {within} trials within one standard error of the best ({best}), it is {who} that is no worse than "
        "the untuned default."
    )


def _within_words(search: ShownSearch, name: str) -> str:
    return f"{metric(name).in_text} {value_of(name, search.chosen.value)} over the folds within the training part"


def with_interval(name: str, found: Interval) -> tuple[str, str]:
    """A value and its interval, as a cell has them."""
    return value_of(name, found.value), interval_of(name, found)


def shown_value(value: Any) -> str:
    """A value of an option, in few letters."""
    if isinstance(value, bool):
        return "on" if value else "off"
    if value is None:
        return "(derived)"
    return f"{value:.3g}" if isinstance(value, float) else shorten(str(value))
