"""A cross-validation that left one study out after the other, judged study by study.

Within a study whole groups are drawn for intervals; over all studies whole studies are, so that these intervals are for
a further study.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from aam.evaluation.across_studies import LEAST_STUDIES
from aam.evaluation.catalogue import Interval, metric, value_of
from aam.evaluation.cross_validation import CrossValidation, FoldResult, pooled
from aam.evaluation.metrics import compare, evaluate
from aam.files.atomic import atomic_write

COLUMNS = (
    *("study", "samples", "groups", "familiar_reads", "unlike_training"),
    *("predictor", "metric", "value", "low", "high"),
)
HOW_WITHIN = (
    "How much a model loses by going to a new study is the difference from folds of samples: run the same with --cv 5 "
    "in place of --cv study, and compare: aam compare RUN RUN-5."
)


@dataclass(frozen=True, kw_only=True, eq=False)
class StudyResult:
    """What models that never saw a study found of it, for one target.

    Attributes
    ----------
    study
        Its name.
    main
        The metric that sentences are about.
    samples, groups
        How many were predicted; no groups where there is no column of them.
    results
        Predictor -> its metrics with intervals.
    differences
        How much larger each of the model's metrics is than the random forest's; None where there is no forest.
    familiar, unlike
        Share of a sample's reads that are of ASVs known from the other studies, on average, and share of the samples
        that are unlike these; NaN where unknown.
    """

    study: str
    main: str
    samples: int
    groups: int | None
    results: Mapping[str, Mapping[str, Interval]]
    differences: Mapping[str, Interval] | None
    familiar: float
    unlike: float


StudiesFound = Mapping[str, Sequence[StudyResult]]
"""Column of each target -> what was found of each study that was left out."""


def judge_studies(found: Mapping[str, CrossValidation], left_out: Sequence[str]) -> StudiesFound:
    """Judge each study that was left out, for each target.

    Parameters
    ----------
    found
        Column of each target -> its folds.
    left_out
        The studies, in the order of the folds; none where folds are of samples.
    """
    judged = {}
    for column, of_target in found.items():
        own = {name: [fold for fold in of_target.folds if fold.study == name] for name in left_out}
        judged[column] = tuple(_judge(name, folds) for name, folds in own.items() if folds)
    return judged if left_out else {}


def _judge(name: str, folds: Sequence[FoldResult]) -> StudyResult:
    tables = {who: pooled(folds, who) for who in folds[0].predictions}
    model, novelty = tables["model"], folds[0].novelty
    groups = folds[0].predictions["model"].groups
    return StudyResult(
        study=name,
        main=model.kind.main_metric,
        samples=len(folds[0].predictions["model"]),
        groups=None if groups is None else len(np.unique(groups.astype(str))),
        results={who: evaluate(table) for who, table in tables.items()},
        differences=compare(model, tables["forest"]) if "forest" in tables else None,
        familiar=np.nan if novelty is None else _mean(novelty.familiar_N),
        unlike=np.nan if novelty is None else _mean(_above_1(novelty.novelty_N)),
    )


def _above_1(values: np.ndarray) -> np.ndarray:
    """1 where a value is above 1, 0 where it is not; NaN where it is unknown."""
    return np.where(np.isnan(values), np.nan, values > 1)


def _mean(values: np.ndarray) -> float:
    """Of those that are known; NaN where none is."""
    known = values[~np.isnan(values)]
    return float(known.mean()) if len(known) else np.nan


def study_words(found: Sequence[StudyResult]) -> list[str]:
    """What to say of the studies that were left out; nothing where none was."""
    if not found:
        return []
    main = found[0].main
    guess = next(who for who in found[0].results if who not in ("model", "forest"))
    sign = 1 if metric(main).higher_is_better else -1
    few = len(found) < LEAST_STUDIES
    values = {one.study: one.results["model"][main].value for one in found}
    known = {name: value for name, value in values.items() if np.isfinite(value)}
    better = sum(sign * (one.results["model"][main].value - one.results[guess][main].value) > 0 for one in found)
    if not known:
        return [HOW_WITHIN]
    best, worst = max(known, key=lambda name: sign * known[name]), min(known, key=lambda name: sign * known[name])
    ends = [f"{value_of(main, known[best])} ('{best}', best)", f"{value_of(main, known[worst])} ('{worst}', worst)"]
    low, high = ends if sign < 0 else ends[::-1]
    counted = "" if few else f", and better than the constant prediction in {better} of {len(found)}"
    said = f"between {low} and {high}" if len(known) > 1 else value_of(main, known[best])
    return [f"On studies that the model had not seen, the {metric(main).in_text} is {said}{counted}.", HOW_WITHIN]


def write_studies(path: Path, found: StudiesFound) -> None:
    """Write every metric of every predictor in each study; ``target`` is the first column where there are several."""
    labelled = len(found) > 1
    with atomic_write(path) as file:
        file.write("\t".join([*(["target"] if labelled else []), *COLUMNS]) + "\n")
        for column, studies in found.items():
            label = [column] if labelled else []
            file.writelines("\t".join([*label, *row]) + "\n" for one in studies for row in _rows(one))


def _rows(one: StudyResult) -> Iterator[list[str]]:
    groups = "" if one.groups is None else str(one.groups)
    label = [one.study, str(one.samples), groups, _cell(one.familiar), _cell(one.unlike)]
    differences = {} if one.differences is None else {"model - forest": one.differences}
    for who, metrics in {**one.results, **differences}.items():
        for name, interval in metrics.items():
            yield [*label, who, name, *map(_cell, (interval.value, interval.low, interval.high))]


def _cell(value: float) -> str:
    return f"{value:.6g}" if np.isfinite(value) else ""
