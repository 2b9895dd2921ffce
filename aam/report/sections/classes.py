"""Report parts on classes: precision and recall of each, and whether the probabilities are reliable."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial

from aam.data.targets.kinds import TargetSpec
from aam.evaluation.baseline_comparison import HELD_OUT, Judgement
from aam.evaluation.catalogue import CI, Interval, difference_interval_of, difference_of, interval_of, percent, value_of
from aam.evaluation.per_class import Reliability, class_scores, reliability
from aam.report.figures.classes import reliability_curves
from aam.report.html import Cell, Picture, Section, Table

LEAST_SAMPLES = 20
"""With fewer, a curve of probabilities says nothing."""


def class_table(judgement: Judgement) -> Table:
    """Samples, precision, recall and F1 of each class, and the forest's F1 beside it."""
    forest, plain = judgement.predictions.get("forest"), judgement.has_few_studies
    others = [] if forest is None else class_scores(forest)
    rows = []
    for place, found in enumerate(class_scores(judgement.predictions["model"])):
        counts = [Cell(f"{found.num_observed:,}"), Cell(f"{found.num_predicted:,}")]
        shares = [("accuracy", found.precision), ("accuracy", found.recall), ("f1", found.f1)]
        shares += [("f1", others[place].f1)] if others else []
        cells = [Cell(value_of(name, share.value)) if plain else _cell(name, share) for name, share in shares]
        rows.append([Cell(found.name), *counts, *cells])
    header = ["class", "samples", "predicted", "precision", "recall", "F1"]
    header += ["F1 of the random forest"] if others else []
    bars = "" if plain else " with 95 % intervals"
    caption = f"Precision, recall and F1 of each class{bars}, {HELD_OUT[judgement.part]}"
    return Table(header, rows, caption, frozenset(range(1, len(header))))


def _cell(name: str, found: Interval) -> Cell:
    return Cell(value_of(name, found.value), interval_of(name, found).removeprefix(CI).strip())


def reliability_section(judgement: Judgement, target: TargetSpec) -> Section | None:
    """Whether the predicted probabilities are those with which the classes occur; nothing for numbers."""
    shown = {who: judgement.predictions[who] for who in ("model", "forest") if who in judgement.predictions}
    if target.kind.shown_as != "classes" or len(shown["model"]) < LEAST_SAMPLES:
        return None
    found = {who: reliability(predictions) for who, predictions in shown.items()}
    bars = ", bars 95 % intervals of the frequency (samples taken as independent)" if len(target.classes) == 2 else ""
    caption = (
        f"Dots are groups of samples of like predicted probability{bars}. On the dashed line, classes occur as often "
        "as predicted; below it, probabilities are too high."
    )
    picture = Picture("reliability", partial(reliability_curves, shown), "Observed against predicted", caption)
    return Section(
        "reliability",
        "Reliability of the probabilities",
        list(_words(found, plain=judgement.has_few_studies)),
        pictures=[picture],
    )


def _words(found: dict[str, Reliability], *, plain: bool) -> Iterator[str]:
    model = found["model"]
    said = "" if plain else interval_of("f1", model.brier)
    forest = f"{found['forest'].brier.value:.2f} for the random forest, " if "forest" in found else ""
    yield (
        f"The Brier score (mean squared error of the probabilities; 0 is perfect) is {model.brier.value:.2f}"
        f"{', ' + said if said else ''}; {forest}{model.brier_of_frequencies:.2f} for predicting the frequencies of "
        "the classes."
    )
    if model.excess.low > 0:
        verdict = "the probabilities are too high (overconfident)"
    elif model.excess.high < 0:
        verdict = "the probabilities are too low (underconfident)"
    else:
        verdict = "they do not differ clearly"
    interval = "" if plain else f", {difference_interval_of('accuracy', model.excess)}"
    yield (
        f"The predicted class has a probability of {percent(model.confidence)} on average and is right for "
        f"{percent(model.accuracy)} of the samples (difference: {difference_of('accuracy', model.excess.value)}"
        f"{interval}){'' if plain else f': {verdict}'}."
    )
