"""The sections of a cross-validation's report that a single run does not have."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np

from aam.data.targets.kinds import TargetSpec
from aam.data.targets.targets import Targets
from aam.evaluation.catalogue import PREDICTORS, difference_of, metric, percent, value_of
from aam.evaluation.coverage import CoverageRecord
from aam.evaluation.cross_validation import CrossValidation, mean_and_spread
from aam.evaluation.fold_results import FoldResult
from aam.report.figures.folds import folds_chart
from aam.report.figures.run import interval_chart
from aam.report.html import Cell, Picture, Section, Table
from aam.report.sections.coverage import coverage_section
from aam.report.sections.members import best_epoch_words
from aam.text import format_duration, plural

PARTS = ("train", "validation", "test")


def wins(found: CrossValidation) -> str:
    """In how many folds the model was better than the random forest; nothing where there is none."""
    if "forest" not in found.fold_scores:
        return ""
    main = found.judgement.main
    sign = 1 if metric(main).higher_is_better else -1
    pairs = zip(found.fold_scores["model"], found.fold_scores["forest"], strict=True)
    better = sum(sign * (ours[main] - theirs[main]) > 0 for ours, theirs in pairs)
    return f"The model was better than the random forest in {better} of {plural(len(found.folds), 'fold')}."


def folds_comparison_section(found: CrossValidation, target: TargetSpec) -> Section:
    """The model beside the random forest and beside guessing, over all held-out samples."""
    caption = (
        "A dot is the result on all held-out samples, the bar its 95 % interval: how much it would change with other "
        f"samples of the same kind. Guessing answers the {target.kind.guessed} of each fold's training samples "
        "for every sample."
    )
    if "forest" in found.judgement.results:
        caption += (
            " The random forest learned from each fold's training and validation samples, as relative abundances of "
            "ASVs: it needs no samples to choose a model by, so this is the stronger and fairer yardstick."
        )
    figure = interval_chart(found.judgement.results, target.kind.charted)
    picture = Picture(figure, "Metrics of AAM and of the baselines with 95 % intervals", caption)
    tables = [_difference_table(found)] if "forest" in found.differences else []
    return Section("comparison", "Beside simpler predictors", pictures=[picture], tables=tables)


def _difference_table(found: CrossValidation) -> Table:
    rows = []
    for name, interval in found.differences["forest"].items():
        value, low, high = (difference_of(name, x) for x in (interval.value, interval.low, interval.high))
        mean, spread = mean_and_spread(_differences(found, name), name)
        small = f"from {low} to {high} (95 %)" if np.isfinite(interval.low) else ""
        over_folds = Cell(difference_of(name, mean), _spread_words(name, spread))
        rows.append([Cell(metric(name).label), Cell(value, small), over_folds])
    header = ("metric", "over all held-out samples", "mean over the folds")
    return Table(header, rows, "AAM \u2212 random forest, on the same samples", frozenset({1, 2}))


def _differences(found: CrossValidation, name: str) -> list[dict[str, float]]:
    pairs = zip(found.fold_scores["model"], found.fold_scores["forest"], strict=True)
    return [{name: ours[name] - theirs[name]} for ours, theirs in pairs]


def folds_section(found: CrossValidation, target: TargetSpec) -> Section:
    """Every fold by itself: a figure, and a table."""
    shown = {who: scores for who, scores in found.fold_scores.items() if who in ("model", "forest")}
    figure = folds_chart(shown, [fold.repeat for fold in found.folds], target.kind.charted)
    joined = "Dots of one fold are joined. " if len(shown) > 1 else ""
    caption = (
        f"A dot is a metric on the samples that one fold held out. {joined}Dashed lines are means over the folds. "
        "Folds differ since their samples do; and since their training samples overlap they are not independent: their "
        "spread says how even the results are, and is no standard error."
    )
    picture = Picture(figure, "Metrics in each fold", caption)
    tables = [_spread_table(found), _fold_table(found)]
    return Section("folds", "Fold by fold", list(_repeat_words(found)), pictures=[picture], tables=tables)


def _repeat_words(found: CrossValidation) -> Iterator[str]:
    main = found.judgement.main
    mean, spread = mean_and_spread(found.repeat_scores["model"], main)
    if np.isfinite(spread):
        yield (
            f"From repeat to repeat, with other folds and seeds, AAM's {metric(main).name.lower()} over all samples "
            f"was {value_of(main, mean)} on average, with a {_spread_words(main, spread)}."
        )


def _spread_words(name: str, spread: float) -> str:
    """A standard deviation; of shares in points of a hundred."""
    return f"standard deviation {difference_of(name, spread).lstrip('+')}" if np.isfinite(spread) else ""


def folds_coverage_section(found: CrossValidation, group_column: str | None) -> Section | None:
    """Whether the folds' intervals or sets hold the truth of held-out samples as often as they promise."""
    record, first = found.coverage, found.folds[0].predictions["model"]
    if record is None:
        return None
    grouped = first.groups is not None
    section = coverage_section(
        record.found, record.calibration, record.level, part="folds", group_column=group_column if grouped else None
    )
    shares = [_share_at(fold.coverage, record.level) for fold in found.folds if fold.coverage is not None]
    unit = (group_column or "group") if grouped else "sample"
    what = "sets" if record.calibration.kind == "classes" else "intervals"
    text = [
        f"Each fold's {what} are made from the validation samples of that fold, "
        f"{plural(record.calibration.num_groups, unit)} or more. In single folds from {percent(min(shares))} to "
        f"{percent(max(shares))} of the truths were held."
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
    return Table(header, rows, "Mean over the folds", frozenset(range(1, len(header))))


def _fold_table(found: CrossValidation) -> Table:
    main = found.judgement.main
    names = [PREDICTORS[who] for who in found.fold_scores]
    header = ("fold", "train", "validation", "test", "best epoch", *names, "time")
    rows = []
    for place, fold in enumerate(found.folds):
        values = [Cell(value_of(main, scores[place][main])) for scores in found.fold_scores.values()]
        counts = [Cell(f"{fold.samples[part]:,}") for part in PARTS]
        best = ", ".join(map(best_epoch_words, fold.best_epochs))
        rows.append([Cell(_fold_name(fold, found)), *counts, Cell(best), *values, Cell(format_duration(fold.seconds))])
    caption = f"The folds: samples of each part, and {metric(main).label} on the test part"
    return Table(header, rows, caption, frozenset(range(1, len(header))))


def _fold_name(fold: FoldResult, found: CrossValidation) -> str:
    return str(fold.number) if found.num_repeats == 1 else f"repeat {fold.repeat}, fold {fold.number}"


def how_section(config: Mapping[str, Any], targets: Targets, repeats: int) -> Section:
    """How the folds were made, and what the numbers are made of."""
    return Section("how", "How the folds were made", list(_how(config, targets, repeats)))


def _how(config: Mapping[str, Any], targets: Targets, repeats: int) -> Iterator[str]:
    group, number = config.get("group_column"), int(config["cv"])
    name = "the target" if len(targets) == 1 else targets.columns[0]
    whole = f" Samples of one {group} are never in two parts." if group else ""
    balance = f", balanced by {targets.kind.strata_words(name)}" if config.get("stratify", True) else ""
    yield (
        f"The samples were dealt into {number} folds{balance}.{whole} For each fold a model was trained from the "
        "beginning on the others, and predicted the fold, which it never saw. Of the samples that were not held out "
        f"{percent(float(config['validation_size']))} chose the best model and did not train; what is learned of the "
        "target, its mean and spread or its classes, is learned from the training samples alone."
    )
    if repeats > 1:
        yield (
            f"This was done {repeats} times with other folds and seeds. So each sample has {repeats} predictions. "
            "Metrics are those of all of them, and a sample's are drawn together for the intervals; averaging them "
            "first would show an ensemble, which is better than the one model that you would use. Figures of samples "
            "and the list of the worst show averages over the repeats."
        )
    members = int(config.get("ensemble", 1))
    judged = "models" if members == 1 else f"ensembles of {members} models"
    yield (
        f"The {judged} judged here are the folds', one each. A model trained on everything has learned from more "
        "samples, and is expected to be at least about as good."
    )
