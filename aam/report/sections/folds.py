"""Report sections of a cross-validation."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Mapping
from functools import partial
from typing import Any

import numpy as np

from aam.data.targets.kinds import TargetSpec
from aam.data.targets.targets import Targets
from aam.evaluation.catalogue import PREDICTORS, difference_interval_of, difference_of, metric, percent, value_of
from aam.evaluation.coverage import CoverageRecord
from aam.evaluation.cross_validation import CrossValidation, FoldResult, mean_and_spread
from aam.report.figures.results import folds_chart
from aam.report.figures.run import interval_chart
from aam.report.html import Cell, Picture, Section, Table
from aam.report.sections.coverage import coverage_section
from aam.report.sections.results import best_epoch_words
from aam.text import format_duration, plural

PARTS = ("train", "validation", "test")


def wins(found: CrossValidation) -> str:
    """In how many folds the model was better than the random forest; empty without one."""
    if "forest" not in found.fold_scores:
        return ""
    main = found.judgement.main
    sign = 1 if metric(main).higher_is_better else -1
    pairs = zip(found.fold_scores["model"], found.fold_scores["forest"], strict=True)
    better = sum(sign * (ours[main] - theirs[main]) > 0 for ours, theirs in pairs)
    return f"The model was better than the random forest in {better} of {plural(len(found.folds), 'fold')}."


def folds_comparison_section(found: CrossValidation, target: TargetSpec) -> Section:
    """The model, the random forest and the constant prediction, over all held-out samples."""
    times = "" if found.judgement.predictions["model"].exposure is None else " (for each unit of exposure)"
    caption = (
        "Dots are results on all held-out samples, bars their 95 % intervals. The constant prediction is the "
        f"{target.kind.guessed}{times} of the training samples of each fold; an arrow is a value beyond the axis."
    )
    if "forest" in found.judgement.results and found.blend is not None:
        caption += " The random forest was fitted on relative abundances of the same training samples of each fold."
    elif "forest" in found.judgement.results:
        caption += (
            " The random forest was fitted on relative abundances of the training and validation samples of each fold, "
            "since it needs no samples to choose an epoch."
        )
    draw = partial(interval_chart, found.judgement.results, target.kind.charted)
    picture = Picture("baselines", draw, "Metrics of AAM and of the baselines with 95 % intervals", caption)
    tables = [_difference_table(found)] if "forest" in found.differences else []
    return Section("comparison", "Comparison with baselines", pictures=[picture], tables=tables)


def _difference_table(found: CrossValidation) -> Table:
    rows = []
    for name, interval in found.differences["forest"].items():
        value = difference_of(name, interval.value)
        mean, spread = mean_and_spread(_differences(found, name), name)
        small = difference_interval_of(name, interval) if np.isfinite(interval.low) else ""
        over_folds = Cell(difference_of(name, mean), _spread_words(name, spread))
        rows.append([Cell(metric(name).label), Cell(value, small), over_folds])
    header = ("metric", "all held-out samples", "mean over folds")
    return Table(header, rows, "AAM \u2212 random forest", frozenset({1, 2}))


def _differences(found: CrossValidation, name: str) -> list[dict[str, float]]:
    pairs = zip(found.fold_scores["model"], found.fold_scores["forest"], strict=True)
    return [{name: ours[name] - theirs[name]} for ours, theirs in pairs]


def folds_section(found: CrossValidation, target: TargetSpec) -> Section:
    """Results of individual folds: a figure and tables."""
    shown = {who: scores for who, scores in found.fold_scores.items() if who in ("model", "forest")}
    draw = partial(folds_chart, shown, [fold.repeat for fold in found.folds], target.kind.charted)
    joined = "Lines join the dots of a fold. " if len(shown) > 1 else ""
    caption = (
        f"Dots are results on the held-out samples of a fold. {joined}Dashed lines are means over the folds. "
        "Folds share training samples and are not independent: their spread is not a standard error."
    )
    picture = Picture("folds", draw, "Metrics in each fold", caption)
    tables = [_spread_table(found), _fold_table(found)]
    return Section("folds", "Folds", list(_repeat_words(found)), pictures=[picture], tables=tables)


def _repeat_words(found: CrossValidation) -> Iterator[str]:
    main = found.judgement.main
    mean, spread = mean_and_spread(found.repeat_scores["model"], main)
    if np.isfinite(spread):
        yield (
            f"Over repeats, with different folds and seeds, the {metric(main).in_text} of AAM was "
            f"{value_of(main, mean)} on average, {_spread_words(main, spread)}."
        )


def _spread_words(name: str, spread: float) -> str:
    """A standard deviation; of shares in percentage points."""
    return f"standard deviation {difference_of(name, spread).lstrip('+')}" if np.isfinite(spread) else ""


def folds_coverage_section(found: CrossValidation, group_column: str | None) -> Section | None:
    """Coverage of the intervals or sets of all folds."""
    record, first = found.coverage, found.folds[0].predictions["model"]
    if record is None:
        return None
    grouped = first.groups is not None
    section = coverage_section(
        record.found,
        record.calibration,
        record.level,
        part="folds",
        group_column=group_column if grouped else None,
        is_ordered=first.kind.is_ordered,
    )
    shares = [_share_at(fold.coverage, record.level) for fold in found.folds if fold.coverage is not None]
    unit = (group_column or "group") if grouped else "sample"
    what = "Sets" if record.calibration.has_sets else "Intervals"
    source = "validation samples" if found.blend is None else "out-of-fold predictions of the training samples"
    text = [
        f"{what} are calibrated on the {source} of each fold, "
        f"{plural(record.calibration.num_groups, unit)} or more. Coverage in single folds is {percent(min(shares))} to "
        f"{percent(max(shares))}."
    ]
    if found.num_repeats > 1 and not grouped:
        text.append(f"A group below is a sample with its {found.num_repeats} predictions.")
    return dataclasses.replace(section, text=[*text, *section.text])


def _share_at(record: CoverageRecord, level: float) -> float:
    return next(float(one.held_N.mean()) for one in record.found if one.level == level)


def _spread_table(found: CrossValidation) -> Table:
    """Mean and standard deviation of every metric over the folds."""
    rows = []
    for name in found.judgement.results["model"]:
        cells = [Cell(metric(name).label)]
        for scores in found.fold_scores.values():
            mean, spread = mean_and_spread(scores, name)
            cells.append(Cell(value_of(name, mean), _spread_words(name, spread)))
        rows.append(cells)
    header = ("metric", *(PREDICTORS[who] for who in found.fold_scores))
    return Table(header, rows, "Mean over folds", frozenset(range(1, len(header))))


def _fold_table(found: CrossValidation) -> Table:
    main = found.judgement.main
    names = [PREDICTORS[who] for who in found.fold_scores]
    parts = [part for part in PARTS if part in found.folds[0].samples]
    epochs = ["best epoch"] if found.blend is None else []
    header = ("fold", *parts, *epochs, *names, "time")
    rows = []
    for place, fold in enumerate(found.folds):
        values = [Cell(value_of(main, scores[place][main])) for scores in found.fold_scores.values()]
        counts = [Cell(f"{fold.samples[part]:,}") for part in parts]
        best = [Cell(", ".join(map(best_epoch_words, fold.best_epochs))) for _ in epochs]
        rows.append([Cell(_fold_name(fold, found)), *counts, *best, *values, Cell(format_duration(fold.seconds))])
    caption = f"Samples of each part, and {metric(main).label} on the test part"
    return Table(header, rows, caption, frozenset(range(1, len(header))))


def _fold_name(fold: FoldResult, found: CrossValidation) -> str:
    name = fold.study or f"fold {fold.number}"
    return (fold.study or str(fold.number)) if found.num_repeats == 1 else f"repeat {fold.repeat}, {name}"


def how_section(config: Mapping[str, Any], targets: Targets, found: CrossValidation) -> Section:
    """How the folds were made, and what the metrics pool; ``found`` is what they found for one of the targets."""
    return Section("how", "Cross-validation design", list(_how(config, targets, found)))


def _how(config: Mapping[str, Any], targets: Targets, found: CrossValidation) -> Iterator[str]:
    group, number, repeats = config.get("group_column"), config["cv"], found.num_repeats
    name = "the target" if len(targets) == 1 else targets.columns[0]
    whole = f" Samples of one {group} are never split." if group else ""
    balance = f", stratified by {targets.kind.strata_words(name)}" if config.get("stratify", True) else ""
    made = (
        f"The samples were divided into {number} folds{balance}.{whole} A model was trained on all other folds and "
        "predicted the held-out one."
    )
    if found.folds[0].study:
        made = "One study after the other was left out: a model was trained on all others and predicted its samples."
    yield f"{made} {_choice_words(config, found)} Scaling and classes were fitted on the training samples alone."
    if repeats > 1:
        yield (
            f"This was repeated {repeats} times with different folds and seeds, so that each sample has {repeats} "
            "predictions. Metrics pool all of them, and the bootstrap resamples those of a sample together; averaging "
            "first would evaluate an ensemble. Figures of samples and the largest errors show averages over repeats."
        )
    members = int(config.get("ensemble", 1))
    judged = "models" if members == 1 else f"ensembles of {members} models"
    yield (
        f"These results are for the {judged} of the folds. A model trained on all samples should be about as good or "
        "better."
    )


def _choice_words(config: Mapping[str, Any], found: CrossValidation) -> str:
    """What the models of the folds were chosen by."""
    if found.blend is None:
        return (
            f"Of the samples not held out, {percent(float(config['validation_size']))} chose the best epoch and did "
            "not train."
        )
    return (
        "The model is a blend of learners; their weights come from out-of-fold predictions of "
        f"{found.blend.num_folds} folds within the samples not held out."
    )
