"""What a run records of its blend: members, weights, out-of-fold metrics, and what was left out; the same in words."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from aam.config.json_dataclass import need
from aam.config.types import fits
from aam.evaluation.catalogue import metric, value_of
from aam.text import format_duration, plural

if TYPE_CHECKING:
    from aam.data.targets.targets import Targets

Scores = Mapping[str, float]
# how far rounded weights may sum from 1
ROUNDING = 0.01


@dataclass(frozen=True, kw_only=True)
class MemberRecord:
    """One learner of a blend.

    Attributes
    ----------
    name, label
        Its name, as ``--learners`` takes it, and what it is in words.
    seconds
        That fitting it took, in all folds and on all samples.
    weights
        Target column -> its share of the prediction, from 0 to 1.
    figures
        Target column -> metric -> value of its own out-of-fold predictions; those that are defined.
    earlier
        Target columns whose predictions those of earlier samples change; None where earlier samples are not read.
    """

    name: str
    label: str
    seconds: float
    weights: Mapping[str, float]
    figures: Mapping[str, Scores]
    earlier: tuple[str, ...] | None = None

    def figure(self, column: str, name: str) -> float:
        """One of its metrics for a target; NaN where it is not defined."""
        return self.figures.get(column, {}).get(name, math.nan)


@dataclass(frozen=True, kw_only=True)
class LeftOut:
    """A learner that could not be a member, and why, as a clause without a full stop."""

    name: str
    reason: str


@dataclass(frozen=True, kw_only=True)
class BlendRecord:
    """How a blend was made.

    Attributes
    ----------
    members
        Its learners. The weights of a target sum to 1.
    left_out
        Learners that were asked for and are not in it.
    num_folds, num_groups
        Folds of the training samples, and the groups that they keep whole (samples, where each stands for itself).
    """

    members: tuple[MemberRecord, ...]
    left_out: tuple[LeftOut, ...] = ()
    num_folds: int
    num_groups: int

    @property
    def seconds(self) -> float:
        """Seconds of all members."""
        return sum(member.seconds for member in self.members)

    def ranked(self, column: str) -> list[MemberRecord]:
        """The members, the one with the largest weight for a target first."""
        return sorted(self.members, key=lambda member: -member.weights[column])

    def to_dict(self) -> dict[str, Any]:
        """The entries of ``data.json``; metrics that are not defined are left out."""
        return {
            "learners": [
                {
                    "name": member.name,
                    "label": member.label,
                    "seconds": member.seconds,
                    "weights": dict(member.weights),
                    "figures": {column: _defined(scores) for column, scores in member.figures.items()},
                    **({} if member.earlier is None else {"earlier": list(member.earlier)}),
                }
                for member in self.members
            ],
            "left_out": [{"name": one.name, "reason": one.reason} for one in self.left_out],
            "folds": {"number": self.num_folds, "groups": self.num_groups},
        }


def read_blend(data: Mapping[str, Any], columns: Sequence[str]) -> BlendRecord | None:
    """The blend of a run; None for a run that trained no blend.

    Parameters
    ----------
    data
        The record of the run, checked (:func:`~aam.runs.record_schema.check_record`).
    columns
        Of its targets.

    Raises
    ------
    ValueError, KeyError
        If something else was written.
    """
    if "learners" not in data:
        return None
    members = tuple(_read_member(member, columns) for member in data["learners"])
    need(bool(members) and bool(columns), "a blend has members and targets")
    need(len({member.name for member in members}) == len(members), "two members have the same name")
    for column in columns:
        total = sum(member.weights[column] for member in members)
        need(abs(total - 1) <= ROUNDING, "the weights of the members do not sum to 1")
    number, groups = data["folds"]["number"], data["folds"]["groups"]
    need(2 <= number <= groups, "there are fewer groups than folds")
    left_out = tuple(LeftOut(name=one["name"], reason=one["reason"]) for one in data.get("left_out", []))
    return BlendRecord(members=members, left_out=left_out, num_folds=number, num_groups=groups)


def _read_member(content: Mapping[str, Any], columns: Sequence[str]) -> MemberRecord:
    weights, figures, seconds = content["weights"], content["figures"], content["seconds"]
    need(set(weights) == set(columns), "the weights are not those of the targets")
    need(all(_is_number(weight) and 0 <= weight <= 1 for weight in weights.values()), "a weight is wrong")
    need(set(figures) <= set(columns) and all(fits(scores, dict) for scores in figures.values()), "metrics are wrong")
    need(all(_is_number(value) for scores in figures.values() for value in scores.values()), "a metric is no number")
    need(_is_number(seconds) and seconds >= 0, "the time is wrong")
    name, label, earlier = content["name"], content["label"], content.get("earlier")
    need(earlier is None or (isinstance(earlier, list) and all(one in columns for one in earlier)), "targets are wrong")
    carried = None if earlier is None else tuple(earlier)
    return MemberRecord(name=name, label=label, seconds=seconds, weights=weights, figures=figures, earlier=carried)


def _is_number(value: Any) -> bool:
    return fits(value, float) and math.isfinite(value)


def _defined(scores: Scores) -> dict[str, float]:
    return {name: value for name, value in scores.items() if math.isfinite(value)}


def seconds_in_words(seconds: float) -> str:
    """A duration; short ones with a decimal, which tell quick members apart."""
    if seconds < 0.05:
        return "under 0.1 seconds"
    return f"{seconds:.1f} seconds" if seconds < 9.95 else format_duration(seconds)


def blend_lines(blend: BlendRecord, targets: Targets, together: Mapping[str, Scores]) -> list[str]:
    """A blend as tables of text for the log, one for each target, and what was left out.

    Parameters
    ----------
    blend
        The blend.
    targets
        What is predicted.
    together
        Target column -> the metrics of the blend's own out-of-fold predictions.
    """
    main = targets.kind.main_metric
    lines = []
    for column in targets.columns:
        header = ("member" if len(targets) == 1 else f"members for {column}", metric(main).in_text, "weight")
        rows = [(*header, "time")]
        for member in blend.ranked(column):
            own, weight = member.figure(column, main), member.weights[column]
            rows.append((member.label, value_of(main, own), f"{weight:.2f}", seconds_in_words(member.seconds)))
        own = together.get(column, {}).get(main, math.nan)
        rows.append((_name_of(blend), value_of(main, own), "", seconds_in_words(blend.seconds)))
        lines += aligned(rows)
    lines += earlier_words(blend, targets.columns)
    return [*lines, *(f"left out: {one.name} ({one.reason})" for one in blend.left_out)]


def earlier_words(blend: BlendRecord, columns: Sequence[str]) -> list[str]:
    """How many members let earlier samples change their predictions of each target; none where none are read."""
    if any(member.earlier is None for member in blend.members):
        return []
    found, all_of_them = [], plural(len(blend.members), "learner")
    for column in columns:
        number = sum(column in (member.earlier or ()) for member in blend.members)
        of = "" if len(columns) == 1 else f" for {column}"
        why = "" if number else ": they did not help on held-out folds"
        found.append(f"earlier samples are carried forward{of} by {number or 'none'} of {all_of_them}{why}")
    return found


def _name_of(blend: BlendRecord) -> str:
    return f"blend of {plural(len(blend.members), 'learner')}"


def aligned(rows: Sequence[Sequence[str]]) -> list[str]:
    """Rows of cells as lines of text: the first column begins, and all others end, below each other."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return [
        "  ".join(cell.rjust(width) if place else cell.ljust(width) for place, (cell, width) in enumerate(cells))
        for cells in (zip(row, widths, strict=True) for row in rows)
    ]


def blend_facts(blend: BlendRecord, targets: Targets) -> list[tuple[str, str]]:
    """A blend as names and values for ``aam info``: its members with their weights and their own main metric."""
    first, main = targets.columns[0], targets.kind.main_metric
    facts = [("blend", f"{plural(len(blend.members), 'learner')}, weighted by {blend.num_folds} folds")]
    for member in blend.ranked(first):
        of_targets = []
        for column in targets.columns:
            label = "" if len(targets) == 1 else f"{column}: "
            own = value_of(main, member.figure(column, main))
            of_targets.append(f"{label}weight {member.weights[column]:.2f}, {metric(main).in_text} {own}")
        facts.append((f"  {member.name}", f"{member.label} ({'; '.join(of_targets)})"))
    facts += [
        ("earlier samples", line.removeprefix("earlier samples are ")) for line in earlier_words(blend, targets.columns)
    ]
    return [*facts, *(("left out", f"{one.name} ({one.reason})") for one in blend.left_out)]
