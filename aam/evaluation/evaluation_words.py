"""An evaluation in sentences."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from aam.evaluation.baseline_comparison import HELD_OUT, headline, verdicts
from aam.evaluation.catalogue import (
    Interval,
    difference_interval_of,
    difference_of,
    interval_of,
    metric,
    number,
    percent,
    value_of,
)
from aam.evaluation.errors.association import SPEARMAN, STRONG
from aam.evaluation.errors.facts import FACTS
from aam.evaluation.errors.held_out import difference_of_independent
from aam.evaluation.evaluated import Evaluation, TargetEvaluation
from aam.text import plural

EXPECTED = 0.05
"""Share of samples like those of training whose novelty is above 1."""
FALSE_DISCOVERIES = 0.05
"""False discovery rate below which a column is named."""
LEAST_CORRELATION = 0.1
"""Effects below it are not named, however certain: of many samples, all are."""
MOST_NAMED = 3
LEAST_GROUPS = 6
"""With fewer, intervals over groups say too little."""
STEPS = {
    "depth": "{} reads a sample",
    "contamination": "{} of the reads from other samples",
    "lost ASVs": "{} of the ASVs lost",
}
"""Kind of disturbance -> its size in words."""


def evaluation_lines(found: Evaluation) -> list[str]:
    """The summary of all targets."""
    lines = [] if not found.num_trained else [trained_words(found)]
    for one in found.targets.values():
        lines += target_lines(one, found.group_column)
    return lines


def trained_words(found: Evaluation) -> str:
    """That the model learned from some of the samples."""
    assert found.num_trained is not None
    which = "all" if found.num_trained == found.num_samples else f"{found.num_trained:,}"
    return (
        f"The model learned from {which} of these {plural(found.num_samples, 'sample')}: the results are better than "
        "for new ones."
    )


def target_lines(one: TargetEvaluation, group_column: str | None) -> list[str]:
    """The summary of one target: how good, as promised or not, where errors lie, and what disturbs."""
    return [
        headline(one.judgement, one.spec),
        *verdicts(one.judgement),
        *novelty_words(one),
        *held_out_words(one),
        *coverage_words(one, group_column),
        *study_words(one),
        *gap_words(one),
        *column_words(one),
        *robustness_words(one),
    ]


def novelty_words(one: TargetEvaluation) -> Iterator[str]:
    """How many samples are unlike those of training, where they are more than expected."""
    novelty = one.facts["novelty"]
    known = np.isfinite(novelty)
    share = float((novelty[known] > 1).mean()) if known.any() else 0.0
    if share > 2 * EXPECTED:
        yield (
            f"{percent(share)} of the samples are unlike the training samples (novelty above 1; {percent(EXPECTED)} "
            "expected): the model was not made for them."
        )


def held_out_words(one: TargetEvaluation) -> Iterator[str]:
    """Whether the model is as good as on the held-out samples of its training run."""
    if one.held_out is None or one.num_trained:
        return
    if one.held_out.num_same > len(one.predictions) / 2:
        which = f"{one.held_out.num_same:,} of these samples are {HELD_OUT[one.held_out.part]} of the training run"
        yield f"{which}: this is no second test."
        return
    main = one.judgement.main
    here, there = one.judgement.results["model"][main], one.held_out.metrics[main]
    difference = difference_of_independent(here, there)
    sign = _sign(main, difference)
    told = {1: "clearly better than", 0: "not clearly different from", -1: "clearly worse than"}[sign]
    said = ", ".join(filter(None, [value_of(main, there.value), interval_of(main, there)]))
    yield (
        f"This is {told} what it was on {one.held_out.num_samples:,} {HELD_OUT[one.held_out.part]} of the training run "
        f"({said}; difference {difference_of(main, difference.value)}, {difference_interval_of(main, difference)})."
    )


def coverage_words(one: TargetEvaluation, group_column: str | None) -> Iterator[str]:
    """Whether intervals or sets hold as many truths as they should."""
    if one.coverage is None:
        return
    chosen = next(found for found in one.coverage.found if found.level == one.coverage.level)
    what = "Prediction sets" if one.coverage.calibration.has_sets else "Intervals"
    told = "as they should"
    if chosen.share.high < chosen.level:
        told = "clearly too few"
    elif chosen.share.low > chosen.level:
        told = "clearly too many: they are wider than needed"
    if chosen.num_groups is not None and chosen.num_groups < LEAST_GROUPS:
        told = f"too few {group_column or 'group'}s to tell whether that is right"
    uncertainty = interval_of("accuracy", chosen.share)
    added = f" ({uncertainty})" if uncertainty else ""
    yield f"{what} of {percent(chosen.level)} hold {percent(chosen.share.value)} of the true values{added}: {told}."


def study_words(one: TargetEvaluation) -> Iterator[str]:
    """The best and the worst study."""
    table = one.tables["by_study"]
    main = one.judgement.main
    studies = table.where(np.isfinite(table[main])) if table.size else table
    if studies.size < 2:
        return
    sign = 1 if metric(main).higher_is_better else -1
    order = np.argsort(-sign * studies[main])
    best, worst = studies.records()[order[0]], studies.records()[order[-1]]
    yield (
        f"Of {studies.size} studies, it is best in {best['level']} ({value_of(main, best[main])}) and worst in "
        f"{worst['level']} ({value_of(main, worst[main])})."
    )


def gap_words(one: TargetEvaluation) -> Iterator[str]:
    """How much levels of a column differ."""
    main = one.judgement.main
    for row in one.tables["gaps"].records():
        if not row["best"]:
            few = f" (too few in {row['too_few']})" if row["too_few"] else ""
            yield f"'{row['column']}' is not compared: it has not two levels with enough samples or groups{few}."
            continue
        size = Interval(row["gap"], row["gap_low"], row["gap_high"])
        clear = "differs clearly" if size.low > 0 else "does not differ clearly"
        p = f"; p {_p(row['p'])} over all levels" if np.isfinite(row["p"]) else ""
        yield (
            f"By '{row['column']}' the {metric(main).in_text} {clear}: it is better for {row['best']} than for "
            f"{row['worst']} by {_without_sign(main, size.value)} ({difference_interval_of(main, size)}{p})."
        )


def column_words(one: TargetEvaluation) -> Iterator[str]:
    """What errors go along with."""
    table = one.tables["errors_by_column"]
    sizes = table.where(table["of"] == "size of the error") if table.size else table
    tested = sizes.where(np.isfinite(sizes["q"])) if sizes.size else sizes
    if not tested.size:
        return
    least = np.where(tested["test"] == SPEARMAN, LEAST_CORRELATION, LEAST_CORRELATION**2)
    clear = tested.where((tested["q"] < FALSE_DISCOVERIES) & (np.abs(tested["effect"]) >= least))
    if not clear.size:
        yield f"The size of the errors hardly goes along with any of {tested.size} columns and properties of samples."
        return
    rows = sorted(clear.records(), key=lambda row: row["with_target"] > STRONG)[:MOST_NAMED]
    more = f", and {clear.size - len(rows)} more" if clear.size > len(rows) else ""
    yield (
        f"The size of the errors goes along with {', '.join(map(_association, rows))}{more} (of {tested.size} columns "
        f"and properties of the samples, at a false discovery rate of {percent(FALSE_DISCOVERIES)})."
    )


def robustness_words(one: TargetEvaluation) -> Iterator[str]:
    """From when on disturbed samples are predicted clearly worse."""
    table, main = one.tables["robustness"], one.judgement.main
    if not table.size:
        return
    told = []
    for kind, words in STEPS.items():
        rows = [row for row in table.records() if row["disturbance"] == kind]
        worse = [row for row in rows if _sign(main, Interval(row["change"], row["change_low"], row["change_high"])) < 0]
        if worse:
            first = worse[0]
            size = f"{first['size']:,.0f}" if kind == "depth" else percent(first["size"])
            told.append(f"with {words.format(size)} ({value_of(main, first[main])})")
    whole = table.records()[0]
    before = f"{plural(int(whole['samples']), 'sample')} ({value_of(main, whole[main])} as they are)"
    if told:
        yield f"Disturbed on purpose, {before} are predicted clearly worse from here on: {', '.join(told)}."
    else:
        yield f"Disturbed on purpose, {before} are not predicted clearly worse at any step."


def _without_sign(name: str, value: float) -> str:
    return difference_of(name, abs(value)).removeprefix("+")


def _association(row: dict[str, object]) -> str:
    column = str(row["column"])
    name = FACTS.get(column, column) if row["source"] == "sample" else f"'{column}'"
    effect = float(str(row["effect"]))
    name += ", which goes along with the target itself" if float(str(row["with_target"])) > STRONG else ""
    if row["test"] == SPEARMAN:
        direction = "larger" if effect > 0 else "smaller"
        return f"{name} ({direction} where it is high, Spearman {number(round(effect, 2))})"
    return f"{name} (differs between levels, epsilon\u00b2 {number(round(effect, 2))})"


def _sign(name: str, difference: Interval) -> int:
    direction = 1 if metric(name).higher_is_better else -1
    return direction * (int(difference.low > 0) - int(difference.high < 0))


def _p(value: float) -> str:
    return f"= {value:.2g}" if value >= 1e-4 else "< 0.0001"
