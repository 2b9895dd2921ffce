"""Report sections on predictions and on the members of an ensemble."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from functools import partial
from typing import Any, NamedTuple

import numpy as np

from aam.data.targets.kinds import Predictions, TargetSpec
from aam.data.targets.kinds.classes import probability_of
from aam.evaluation.baseline_comparison import HELD_OUT, Judgement, group_words
from aam.evaluation.catalogue import MINUS, NONE, PREDICTORS, difference_of, interval_of, metric, number, value_of
from aam.evaluation.run_results import RunRecord
from aam.report.figures import results as figures
from aam.report.figures.hover import predicted_observed_hover, true_class_hover
from aam.report.figures.run import interval_chart
from aam.report.html import Cell, Picture, Section, Table, Tile
from aam.report.sections.classes import class_table
from aam.text import format_duration, plural


def best_epoch_words(epoch: int) -> str:
    """An epoch, counted from 1."""
    return str(epoch + 1) if epoch >= 0 else "start"


def ensemble_words(record: RunRecord) -> list[str]:
    """Whether the model is an ensemble."""
    members = record.data.get("members")
    return (
        [f"The model is an ensemble: the predictions of {plural(len(members), 'model')} are averaged."]
        if members
        else []
    )


def members_section(record: RunRecord, target: TargetSpec, judgement: Judgement) -> Section | None:
    """Results of the members and of the ensemble, for one target."""
    members = record.data.get("members")
    if members is None:
        return None
    main = judgement.main
    scores = [member["metrics"].get(target.column, {}) for member in members]
    values = np.array([found[main] for found in scores if main in found])
    said = value_of(main, judgement.results["model"][main].value)
    name = metric(main).in_text
    text = [
        f"The model averages the predictions of {len(members)} models, trained on the same samples with different "
        "seeds (initial weights, order of samples, rarefied reads).",
        f"The {name} of the ensemble is {said}; that of its members {value_of(main, values.mean())} on average, "
        f"from {value_of(main, values.min())} to {value_of(main, values.max())}. Their differences show the "
        "variation between training runs.",
    ]
    return Section("members", "Ensemble members", text, tables=[_table(members, scores, judgement)])


def _table(members: Sequence[dict[str, Any]], scores: Sequence[dict[str, float]], judgement: Judgement) -> Table:
    shown = judgement.results["model"]
    together = [Cell(value_of(name, interval.value)) for name, interval in shown.items()]
    rows = [[Cell("ensemble"), *(Cell(NONE) for _ in range(3)), *together]]
    for place, (member, found) in enumerate(zip(members, scores, strict=True), start=1):
        facts = (str(member["seed"]), best_epoch_words(member["best_epoch"]), format_duration(member["seconds"]))
        own = (Cell(value_of(name, found.get(name, np.nan))) for name in shown)
        rows.append([Cell(str(place)), *map(Cell, facts), *own])
    header = ("member", "seed", "best epoch", "time", *(metric(name).label for name in shown))
    caption = f"On {len(judgement.predictions['model']):,} {HELD_OUT[judgement.part]}"
    return Table(header, rows, caption, frozenset(range(1, len(header))))


MOST_WORST = 10
USE = {
    "test": "used for evaluation only",
    "validation": "also used to choose the best epoch",
    "out_of_fold": "each predicted by members not trained on its group",
    "folds": "each predicted by a model not trained on it",
    "new": "given for this evaluation",
}


def tiles(judgement: Judgement) -> list[Tile]:
    """The main metrics of the model."""
    model = judgement.predictions["model"]
    found = judgement.results["model"]
    shown = [
        Tile(value_of(name, found[name].value), metric(name).label, interval_of(name, found[name]))
        for name in model.kind.tiles
    ]
    use = USE[judgement.part] if model.groups is not None else USE[judgement.part].replace("its group", "it")
    return [*shown, Tile(f"{len(model):,}", HELD_OUT[judgement.part], use)]


def comparison_section(judgement: Judgement, target: TargetSpec) -> Section:
    """The model, the random forest and the constant prediction."""
    draw = partial(interval_chart, judgement.results, target.kind.charted)
    answer = target.kind.guess_of(target)
    guess = f"'{answer}'" if isinstance(answer, str) else number(answer)
    guess += "" if judgement.predictions["model"].exposure is None else " for each unit of exposure"
    learned = "in the same folds" if judgement.part == "out_of_fold" else "of the same training samples"
    has_forest = "forest" in judgement.results
    forest = f" The random forest was fitted on relative abundances of ASVs {learned}." if has_forest else ""
    caption = (
        f"Dots are results on {HELD_OUT[judgement.part]}, bars their 95 % intervals. The constant prediction is "
        f"{guess}, the {target.kind.guessed} of the training samples; an arrow is a value beyond the axis."
    )
    picture = Picture("baselines", draw, "Metrics of AAM and of the baselines with 95 % intervals", caption + forest)
    return Section("comparison", "Comparison with baselines", pictures=[picture])


def predictions_section(judgement: Judgement, target: TargetSpec) -> Section:
    """Predictions against observed values."""
    shown = {who: judgement.predictions[who] for who in ("model", "forest") if who in judgement.predictions}
    title, pictures, _ = SHOWN[target.kind.shown_as]
    title = "Predicted and true levels" if target.kind.is_ordered else title
    tables = [class_table(judgement)] if target.classes else []
    return Section("predictions", title, pictures=list(pictures(shown, target)), tables=tables)


def _class_pictures(shown: dict[str, Predictions], target: TargetSpec) -> Iterator[Picture]:
    named = "levels" if target.kind.is_ordered else "classes"
    numbers = "numbers are samples; " if len(target.classes) <= figures.MOST_NUMBERED_CLASSES else ""
    yield Picture(
        "confusion",
        partial(figures.confusion_matrices, shown),
        "Confusion matrix",
        f"Rows are true {named}, columns predicted {named}; {numbers}shades are fractions of the row. Correct "
        "predictions lie on the diagonal. The colour beside the name of a class is its own in all figures.",
        is_large=len(target.classes) > figures.MOST_NUMBERED_CLASSES,
    )
    yield Picture(
        "roc",
        partial(figures.roc_curves, shown),
        "ROC curves",
        "True against false positive rate of each class against the rest, for every threshold on the predicted "
        "probability. The dashed line is chance.",
        hover=partial(true_class_hover, shown, target.column),
    )


def _number_pictures(shown: dict[str, Predictions], target: TargetSpec) -> Iterator[Picture]:
    low, high = figures.frame(shown)
    outside = sum(int(((p.predicted < low) | (p.predicted > high)).sum()) for p in shown.values())
    edge = f" {outside} predictions outside the frame are drawn on its edge." if outside else ""
    yield Picture(
        "predicted-observed",
        partial(figures.predicted_vs_observed, shown, target.column),
        "Predicted against observed values",
        f"Dots are samples; the dashed line is a perfect prediction.{edge}",
        hover=partial(predicted_observed_hover, shown, target.column),
    )
    yield Picture(
        "residuals",
        partial(figures.residuals, shown, target.column),
        "Residuals",
        "Residuals against observed values: a falling line means shrinkage towards the mean, as expected if the signal "
        "is weak. Absolute errors: the last bar includes all larger ones.",
    )


def metrics_section(judgements: list[Judgement], group_column: str | None) -> Section:
    """All metrics of all predictors and parts, with intervals."""
    text = [
        "Intervals are bootstrapped over these samples. They show the uncertainty from the choice of samples, not "
        "the variation between training runs."
    ]
    note = group_words(judgements[0], group_column)
    return Section(
        "metrics", "All metrics", [*text, *([note] if note else [])], tables=[_metric_table(j) for j in judgements]
    )


def _metric_table(judgement: Judgement) -> Table:
    results = judgement.results
    rows = [
        [
            Cell(metric(name).label, metric(name).meaning),
            *(Cell(value_of(name, found[name].value), interval_of(name, found[name])) for found in results.values()),
        ]
        for name in results["model"]
    ]
    count = len(judgement.predictions["model"])
    header = ("metric", *(PREDICTORS[who] for who in results))
    return Table(header, rows, f"{count:,} {HELD_OUT[judgement.part]}", frozenset(range(1, len(header))))


def worst_section(judgement: Judgement, target: TargetSpec) -> Section | None:
    """The samples with the largest errors."""
    rows = target.kind.worst(judgement.predictions["model"])[:MOST_WORST]
    if not len(rows):
        return None
    table = SHOWN[target.kind.shown_as].worst(judgement, rows)
    text = "Mislabelled samples, contamination or failed sequencing often show up here."
    return Section("worst", "Largest errors", [text], tables=[table])


def _worst_numbers(judgement: Judgement, rows: np.ndarray) -> Table:
    model, forest = judgement.predictions["model"], judgement.predictions.get("forest")
    header = ["sample", "observed", "predicted", "error", *(["random forest"] if forest is not None else [])]
    cells = []
    for row in rows:
        error = model.predicted[row] - model.observed[row]
        observed = f"{model.observed[row]:.6g}".replace("-", MINUS)
        texts = [str(model.sample_ids[row]), observed, number(model.predicted[row]), difference_of("mae", error)]
        texts += [number(forest.predicted[row])] if forest is not None else []
        cells.append([Cell(text) for text in texts])
    return Table(header, cells, numeric=frozenset(range(1, len(header))))


def _worst_classes(judgement: Judgement, rows: np.ndarray) -> Table:
    model, forest = judgement.predictions["model"], judgement.predictions.get("forest")
    of_predicted = probability_of(model, model.predicted)
    of_true = probability_of(model, model.observed)
    header = ["sample", "true class", "predicted class", *(["random forest"] if forest is not None else [])]
    cells = []
    for row in rows:
        said = [(model.observed[row], of_true[row]), (model.predicted[row], of_predicted[row])]
        others = [Cell(str(forest.predicted[row]))] if forest is not None else []
        shown = [Cell(str(label), f"probability {share:.2f}") for label, share in said]
        cells.append([Cell(str(model.sample_ids[row])), *shown, *others])
    return Table(header, cells)


class Shown(NamedTuple):
    """How predictions of a kind of target are shown: the section's title, its figures, and the table of the worst."""

    title: str
    pictures: Callable[[dict[str, Predictions], TargetSpec], Iterator[Picture]]
    worst: Callable[[Judgement, np.ndarray], Table]


SHOWN = {
    "numbers": Shown("Predicted and observed", _number_pictures, _worst_numbers),
    "classes": Shown("Predicted and true classes", _class_pictures, _worst_classes),
}
"""By :attr:`~aam.data.targets.kinds.Kind.shown_as`."""
