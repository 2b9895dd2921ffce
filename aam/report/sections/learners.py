"""Report sections of a blend: its members, those of the folds of a cross-validation, and how it was made."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from functools import partial

import numpy as np

from aam.data.targets.kinds import TargetSpec
from aam.evaluation.blend_record import BlendRecord, earlier_words, seconds_in_words
from aam.evaluation.catalogue import NONE, metric, value_of
from aam.evaluation.cross_validation import CrossValidation
from aam.evaluation.metrics import score
from aam.evaluation.run_results import RunRecord
from aam.report.figures.blend import BlendRow, blend_chart, colour_of
from aam.report.html import Cell, Picture, Section, Table
from aam.text import plural

MOST_NAMED = 3


def blend_words(record: RunRecord) -> list[str]:
    """What the model blends, in one sentence; nothing of a model that is no blend."""
    blend = record.blend
    if blend is None or record.targets is None:
        return []
    if len(blend.members) == 1:
        return [f"The model is one learner: {blend.members[0].label}."]
    words = f"The model blends {plural(len(blend.members), 'learner')}"
    if len(record.targets) > 1:
        return [f"{words}, with weights of their own for each target."]
    (column,) = record.targets.columns
    first = blend.ranked(column)[:MOST_NAMED]
    named = [f"{member.label} ({member.weights[column]:.2f})" for member in first]
    return [f"{words}; the largest weights are those of {', '.join(named[:-1])} and {named[-1]}."]


def learners_section(record: RunRecord, target: TargetSpec, *, first: bool) -> Section | None:
    """The members of a blend for one target: weights and out-of-fold metrics beside the blend's own.

    Parameters
    ----------
    record
        The run.
    target
        The target.
    first
        Whether to name what was left out, which is the same for all targets.
    """
    blend = record.blend
    if blend is None:
        return None
    found = record.predictions.get("out_of_fold", {}).get(target.column)
    own = {} if found is None else score(found)
    left_out = [_left_out_table(blend)] if first and blend.left_out else []
    return Section(
        "learners",
        "Members of the blend",
        list(_members_words(blend, target, own)),
        pictures=[_picture(blend, target, own)],
        tables=[_members_table(blend, target, own), *left_out],
    )


def _members_words(blend: BlendRecord, target: TargetSpec, own: Mapping[str, float]) -> Iterator[str]:
    yield from (f"{line[0].upper()}{line[1:]}." for line in earlier_words(blend, [target.column]))
    if len(blend.members) == 1:
        return
    main, column = target.kind.main_metric, target.column
    values = [value for member in blend.members if math.isfinite(value := member.figure(column, main))]
    together = own.get(main, math.nan)
    if values and math.isfinite(together):
        best = max(values) if metric(main).higher_is_better else min(values)
        yield (
            f"On out-of-fold predictions, the {metric(main).in_text} of the blend is {value_of(main, together)}; "
            f"that of its best member alone {value_of(main, best)}."
        )
    yield (
        "A weight is a share of the prediction, not a measure of how good a member is: members that predict alike "
        "share theirs, and trees together are pulled towards as much as all others together."
    )


def _picture(blend: BlendRecord, target: TargetSpec, own: Mapping[str, float]) -> Picture:
    names, column = target.kind.charted, target.column
    rows = [
        BlendRow(
            label=member.label,
            weight=member.weights[column],
            values=[member.figure(column, name) for name in names],
            colour=colour_of(member.name),
        )
        for member in blend.ranked(column)
    ]
    draw = partial(blend_chart, rows, names, [own.get(name, math.nan) for name in names])
    caption = "Bars are weights, dots out-of-fold results of each member alone; the dashed line is the blend."
    return Picture("learners", draw, "Weights and out-of-fold metrics of the members of the blend", caption)


def _members_table(blend: BlendRecord, target: TargetSpec, own: Mapping[str, float]) -> Table:
    names, column = target.kind.metrics, target.column
    together = [Cell(value_of(name, own.get(name, math.nan))) for name in names]
    rows = [[Cell("blend"), Cell(NONE), *together, Cell(seconds_in_words(blend.seconds))]]
    for member in blend.ranked(column):
        values = [Cell(value_of(name, member.figure(column, name))) for name in names]
        weight = Cell(f"{member.weights[column]:.2f}")
        rows.append([Cell(member.label, member.name), weight, *values, Cell(seconds_in_words(member.seconds))])
    header = ("member", "weight", *(metric(name).label for name in names), "time")
    return Table(header, rows, "Out-of-fold predictions of the training samples", frozenset(range(1, len(header))))


def _left_out_table(blend: BlendRecord) -> Table:
    rows = [[Cell(one.name), Cell(one.reason)] for one in blend.left_out]
    return Table(("learner", "reason"), rows, "Left out of the blend")


def blend_section(record: RunRecord) -> Section | None:
    """How the blend of a run was made."""
    if record.blend is None:
        return None
    words = list(_how(record.blend, record.config.get("group_column")))
    return Section("blend", "How the blend was made", [" ".join(words)])


def _how(blend: BlendRecord, group: str | None) -> Iterator[str]:
    whole = f", with all samples of one {group} in the same fold ({plural(blend.num_groups, 'group')})" if group else ""
    yield f"The training samples were dealt into {blend.num_folds} folds{whole}."
    yield "Each fold was predicted by members that were fitted, with every choice they make, on the other folds."
    if len(blend.members) > 1:
        yield (
            "The weights minimise the loss of these out-of-fold predictions; none is negative, they sum to 1, and they "
            "are pulled towards even weights: half for trees, half for all others. The blend predicts each fold with "
            "the weights of the other folds."
        )
    yield "Then all members were fitted anew on all training samples."


def folds_learners_section(found: CrossValidation, target: TargetSpec) -> Section | None:
    """Mean weight and out-of-fold metric of each member over the folds of a cross-validation of blends."""
    blends = [fold.blend for fold in found.folds if fold.blend is not None]
    if not blends:
        return None
    labels = {member.name: member.label for blend in blends for member in blend.members}
    weights = {name: _of_folds(blends, target, name, None) for name in labels}
    main, rows = target.kind.main_metric, []
    for name in sorted(labels, key=lambda name: -float(np.nansum(weights[name]))):
        of_member = weights[name]
        mean = float(np.nan_to_num(of_member).mean())
        span = f"from {np.nanmin(of_member):.2f} to {np.nanmax(of_member):.2f}"
        own = _of_folds(blends, target, name, main)
        value = float(own[np.isfinite(own)].mean()) if np.isfinite(own).any() else math.nan
        number = f"{np.isfinite(of_member).sum()} of {len(blends)}"
        rows.append([Cell(labels[name], name), Cell(f"{mean:.2f}", span), Cell(value_of(main, value)), Cell(number)])
    header = ("member", "mean weight", f"mean {metric(main).label}", "folds")
    caption = "Members of the blends, over folds; metrics are out-of-fold within the training samples"
    text = "A member that a fold left out counts with a weight of 0 there."
    table = Table(header, rows, caption, frozenset({1, 2, 3}))
    return Section("learners", "Members of the blends", [text], tables=[table])


def _of_folds(blends: Sequence[BlendRecord], target: TargetSpec, name: str, figure: str | None) -> np.ndarray:
    """A member's weight, or one of its metrics, in each fold; NaN where it is no member."""
    members = ({member.name: member for member in blend.members}.get(name) for blend in blends)
    return np.array(
        [
            math.nan
            if member is None
            else (member.weights[target.column] if figure is None else member.figure(target.column, figure))
            for member in members
        ]
    )
