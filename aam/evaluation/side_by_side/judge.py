"""Metrics of several sources on the same samples, and their paired differences from a reference.

Legend: ``R`` bootstrap draws, ``N`` samples.

References
----------
Efron, Tibshirani (1993), An Introduction to the Bootstrap, chapters 13 and 15. Davison, Hinkley (1997), Bootstrap
Methods and their Application, equation 4.11 (why one is added to counts of draws).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from aam.evaluation.catalogue import Interval, difference_interval_of, difference_of, metric, value_of
from aam.evaluation.false_discovery import corrected
from aam.evaluation.metrics import draw_repeats, evaluate_repeats, interval_of_draws
from aam.evaluation.side_by_side.same_samples import Aligned
from aam.text import plural

CLEAR = 0.05
"""Corrected p-value below which a difference is told apart from none."""


@dataclass(frozen=True, kw_only=True)
class Difference:
    """How much larger a metric is than the reference's.

    Attributes
    ----------
    interval
        The paired difference with its 95 % interval.
    p
        Two-sided bootstrap p-value of no difference; NaN where the metric is not defined.
    corrected
        The same, corrected by Benjamini-Hochberg for the comparisons of this metric over sources and targets.
    """

    interval: Interval
    p: float
    corrected: float = np.nan

    @property
    def is_clear(self) -> bool:
        """Whether the data tell the two apart."""
        return bool(self.corrected < CLEAR)


@dataclass(frozen=True, kw_only=True, eq=False)
class Standing:
    """All sources on one target.

    Attributes
    ----------
    aligned
        Their predictions.
    reference
        The source that the others are compared with.
    metrics
        Source -> each metric with its interval.
    differences
        Source other than the reference -> metric -> how much larger it is.
    """

    aligned: Aligned
    reference: str
    metrics: Mapping[str, Mapping[str, Interval]]
    differences: Mapping[str, Mapping[str, Difference]]

    @property
    def main(self) -> str:
        """The metric that sentences are about."""
        return self.aligned.first.kind.main_metric


def judge(targets: Sequence[Aligned], reference: str) -> list[Standing]:
    """Compare all sources with one of them, target by target; p-values are corrected over all of them."""
    return _corrected([_judge(one, reference) for one in targets])


def _judge(aligned: Aligned, reference: str) -> Standing:
    groups = aligned.first.groups
    metrics = {name: evaluate_repeats(repeats) for name, repeats in aligned.repeats.items()}
    drawn = {name: draw_repeats(repeats, groups=groups) for name, repeats in aligned.repeats.items()}
    differences = {
        name: {
            metric_name: _difference(
                found.value - metrics[reference][metric_name].value,
                drawn[name][metric_name] - drawn[reference][metric_name],
                aligned.num_units,
            )
            for metric_name, found in of_source.items()
        }
        for name, of_source in metrics.items()
        if name != reference
    }
    return Standing(aligned=aligned, reference=reference, metrics=metrics, differences=differences)


def _difference(value: float, drawn_R: np.ndarray, units: int) -> Difference:
    return Difference(interval=interval_of_draws(value, drawn_R), p=bootstrap_p(drawn_R, units))


def bootstrap_p(drawn_R: np.ndarray, units: int) -> float:
    """Two-sided p-value of no difference: how often bootstrap draws of a difference lie on the rarer side of zero.

    A bootstrap of few groups knows too little of others. So no p-value is smaller than that of a sign test of as many
    groups, all of which favour the same side.

    Parameters
    ----------
    drawn_R
        Draws; those that are not defined are left out.
    units
        Groups that were drawn, or samples.

    Returns
    -------
    float
        At least ``2 / (R + 1)`` and ``2 ** (1 - units)``, at most 1; NaN where no draw is defined.
    """
    defined = drawn_R[np.isfinite(drawn_R)]
    if not len(defined):
        return float("nan")
    rarer = min(int((defined <= 0).sum()), int((defined >= 0).sum()))
    return min(1.0, max(2 * (1 + rarer) / (1 + len(defined)), 2.0 ** (1 - units)))


def _corrected(standings: Sequence[Standing]) -> list[Standing]:
    keys = [
        (place, name, metric_name)
        for place, one in enumerate(standings)
        for name, of_source in one.differences.items()
        for metric_name in of_source
    ]
    found: dict[tuple[int, str, str], float] = {}
    for metric_name in dict.fromkeys(key[2] for key in keys):
        own = [key for key in keys if key[2] == metric_name]
        p = np.array([standings[place].differences[name][metric_name].p for place, name, _ in own])
        found |= dict(zip(own, map(float, corrected(p)), strict=True))
    return [
        replace(
            one,
            differences={
                name: {
                    metric_name: replace(difference, corrected=found[place, name, metric_name])
                    for metric_name, difference in of_source.items()
                }
                for name, of_source in one.differences.items()
            },
        )
        for place, one in enumerate(standings)
    ]


def verdict(standing: Standing, name: str, comparisons: int) -> str:
    """How a source compares with the reference, in a sentence."""
    main, reference = standing.main, standing.reference
    difference = standing.differences[name][main]
    label, interval = metric(main).in_text, difference.interval
    values = " against ".join(value_of(main, standing.metrics[who][main].value) for who in (name, reference))
    if not np.isfinite(interval.value):
        return f"{name} and {reference} cannot be compared: {label} is not defined for one of them."
    shown = f"{label} {values}; difference {difference_of(main, interval.value)}"
    found = f"{shown}, {difference_interval_of(main, interval)}, {p_words(difference.corrected, comparisons)}"
    if not difference.is_clear:
        return f"The data do not tell {name} and {reference} apart ({found})."
    is_better = (interval.value > 0) == metric(main).higher_is_better
    return f"{name} is {'better' if is_better else 'worse'} than {reference} ({found})."


def headline(standing: Standing) -> str:
    """How all sources compare with the reference, in a sentence without figures."""
    main, reference, found = standing.main, standing.reference, standing.differences
    is_up = {name: (of[main].interval.value > 0) == metric(main).higher_is_better for name, of in found.items()}
    clear = [name for name, of in found.items() if of[main].is_clear]
    sides = {
        "better than": [name for name in clear if is_up[name]],
        "worse than": [name for name in clear if not is_up[name]],
        "not clearly different from": [name for name in found if name not in clear],
    }
    said = [
        f"{' and '.join(names)} {'is' if len(names) == 1 else 'are'} {word} {reference}"
        for word, names in sides.items()
        if names
    ]
    samples = plural(len(standing.aligned.sample_ids), "sample")
    return f"Predicting {standing.aligned.column} of {samples}, {'; '.join(said)}."


def p_words(p: float, comparisons: int) -> str:
    """A p-value, and what it was corrected for."""
    if not np.isfinite(p):
        return "p not defined"
    shown = f"p = {p:.2g}" if p > 0.001 else "p \u2264 0.001"
    return shown if comparisons == 1 else f"{shown} corrected for {plural(comparisons, 'comparison')}"


def disagreement(aligned: Aligned) -> np.ndarray:
    """How far apart the sources are on each sample, ``N``.

    Of numbers the largest predicted one less the smallest; of classes the largest total variation distance between the
    probabilities of two sources, from 0 to 1. Predictions are means over repeats.
    """
    means = [aligned.mean(name) for name in aligned.repeats]
    if not aligned.first.classes:
        return np.ptp(np.stack(means)[:, :, 0], axis=0)
    found = np.zeros(len(aligned.sample_ids))
    for place, own in enumerate(means):
        for other in means[place + 1 :]:
            found = np.maximum(found, np.abs(own - other).sum(axis=1) / 2)
    return found
