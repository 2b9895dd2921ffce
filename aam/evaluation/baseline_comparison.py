"""Comparison of the model with the random forest and the constant prediction, in sentences."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from aam.data.targets.kinds import Predictions, TargetSpec
from aam.evaluation.catalogue import Interval, difference_interval_of, difference_of, metric, value_of
from aam.evaluation.metrics import compare, evaluate
from aam.text import plural

HELD_OUT = {
    "test": "held-out test samples",
    "validation": "held-out validation samples",
    "out_of_fold": "out-of-fold training samples",
    "folds": "cross-validated samples",
    "new": "labelled samples",
}


@dataclass(frozen=True)
class Judgement:
    """All metrics of all predictors on one part.

    Attributes
    ----------
    part
        ``validation``, ``test``, ``out_of_fold`` of a blend, ``folds`` of a cross-validation, or ``new``.
    predictions
        Predictor (``model``, perhaps ``forest``, and ``guess`` or ``majority``) -> its predictions.
    results
        Predictor -> its metrics with intervals.
    lead
        Predictor -> how much larger the model's main metric is (paired), for all predictors but the model.
    """

    part: str
    predictions: Mapping[str, Predictions]
    results: Mapping[str, Mapping[str, Interval]]
    lead: Mapping[str, Interval]

    @property
    def main(self) -> str:
        """The metric that sentences are about."""
        return self.predictions["model"].kind.main_metric


def judge(part: str, model: Predictions, forest: Predictions | None, target: TargetSpec) -> Judgement:
    """Compare the predictors on the samples of one part."""
    predictions = {"model": model}
    if forest is not None:
        predictions["forest"] = dataclasses.replace(forest, groups=model.groups)
    predictions[target.kind.guess] = target.kind.constant(target, model)
    results = {who: evaluate(found) for who, found in predictions.items()}
    lead = {who: compare(model, found)[model.kind.main_metric] for who, found in predictions.items() if who != "model"}
    return Judgement(part, predictions, results, lead)


def headline(judgement: Judgement, target: TargetSpec, group_column: str | None = None) -> str:
    """The held-out result in one sentence, in the units of the target.

    Parameters
    ----------
    judgement, target
        The results of a target.
    group_column
        The metadata column whose values were held out whole.
    """
    main = judgement.main
    said = {who: value_of(main, found[main].value) for who, found in judgement.results.items()}
    samples = (
        f"{len(judgement.predictions['model']):,} {HELD_OUT[judgement.part]}{_how_held_out(judgement, group_column)}"
    )
    return f"On {samples}, {target.kind.headline(target.column, said)}"


def _how_held_out(judgement: Judgement, group_column: str | None) -> str:
    """What keeps the samples apart from those that were learned from, or does not."""
    if judgement.part == "validation":
        return ", which also chose the model"
    groups = judgement.predictions["model"].groups
    if groups is None:
        return ""
    number = plural(len(np.unique(groups.astype(str))), "group")
    if judgement.part == "new":
        return f" ({number})"
    unseen = ""
    if group_column is not None:
        unseen = "the model has never seen" if judgement.part == "test" else "was not in training"
        unseen = f" whose {group_column} {unseen}"
    return f"{unseen} ({number}, held out whole)"


def verdicts(judgement: Judgement) -> list[str]:
    """Whether the model is better than the constant prediction and the forest, given the number of samples."""
    lines = []
    is_useful = _sign(judgement, judgement.predictions["model"].kind.guess) > 0
    if is_useful:
        lines.append("The model is clearly better than the constant prediction.")
    else:
        lines.append("The model is not clearly better than the constant prediction: do not rely on it.")
    if "forest" in judgement.lead:
        lines.append(_forest_verdict(judgement, is_useful))
    if judgement.part == "out_of_fold":
        unseen = "it" if judgement.predictions["model"].groups is None else "its group"
        lines.append(
            f"Each sample was predicted by members and weights fitted without {unseen}; a test set (--test-size) would "
            "judge the model that was fitted on all of them."
        )
    if judgement.part == "validation":
        lines.append(
            "The validation samples also chose the best epoch, so this is slightly optimistic; use a test set "
            "(--test-size) for an unbiased result."
        )
    return lines


def _forest_verdict(judgement: Judgement, is_useful: bool) -> str:
    """The model against the forest, and which of the two to take."""
    sign, model, forest = _sign(judgement, "forest"), judgement.predictions["model"], judgement.predictions["forest"]
    if all(np.array_equal(getattr(model, name), getattr(forest, name)) for name in ("predicted", "probabilities")):
        return "It predicts the same as the random forest."
    found = f"({_lead_in_words(judgement, 'forest')})"
    if sign < 0:
        return f"The random forest is clearly better {found}: prefer the forest here."
    words = "It is clearly better than" if sign > 0 else "It does not differ clearly from"
    advice = {1: ": prefer the model", 0: ": either will do"}[sign] if is_useful else ""
    return f"{words} the random forest {found}{advice}."


def _sign(judgement: Judgement, other: str) -> int:
    """1 if the model is clearly better (zero is outside the difference's interval), -1 if clearly worse, else 0."""
    lead = judgement.lead[other]
    direction = 1 if metric(judgement.main).higher_is_better else -1
    return direction * (int(lead.low > 0) - int(lead.high < 0))


def _lead_in_words(judgement: Judgement, other: str) -> str:
    lead = judgement.lead[other]
    value, interval = difference_of(judgement.main, lead.value), difference_interval_of(judgement.main, lead)
    return f"difference in {metric(judgement.main).in_text}: {value}, {interval}"


def group_words(judgement: Judgement, group_column: str | None) -> str:
    """How the intervals treat groups of samples."""
    groups = judgement.predictions["model"].groups
    column = group_column or "group"
    if groups is not None:
        return f"The bootstrap resamples whole groups ({plural(len(np.unique(groups.astype(str))), column)})."
    if group_column is not None:
        return f"Samples of one {column} are not independent, so the true intervals are wider."
    return ""
