"""The metrics: label, meaning and direction; and how numbers are shown."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from aam.evaluation.metrics import Interval

NONE, MINUS, ELLIPSIS = "\u2013", "\u2212", "\u2026"


@dataclass(frozen=True)
class Metric:
    """A metric: label, meaning, direction, and whether it is shown as a percentage or on a scale up to 1."""

    label: str
    meaning: str
    higher_is_better: bool = True
    is_share: bool = False
    has_scale: bool = False

    @property
    def name(self) -> str:
        """The label without what stands in brackets."""
        return self.label.split(" (", maxsplit=1)[0]


METRICS = {
    "mae": Metric("Mean absolute error (MAE)", "in the units of the target", False),
    "rmse": Metric("Root mean squared error (RMSE)", "in the units of the target; large errors weigh more", False),
    "r2": Metric(
        "R\u00b2",
        "fraction of variance explained; 1 is perfect, 0 no better than the mean",
        has_scale=True,
    ),
    "spearman": Metric("Spearman correlation", "rank correlation; 1 is perfect, 0 is chance", has_scale=True),
    "balanced_accuracy": Metric("Balanced accuracy", "mean recall of the classes", is_share=True),
    "accuracy": Metric("Accuracy", "fraction of correct predictions", is_share=True),
    "f1": Metric("F1 (mean of the classes)", "harmonic mean of precision and recall", has_scale=True),
    "auroc": Metric(
        "AUROC (mean of the classes)",
        "probability that a sample of a class scores higher than one of the rest",
        has_scale=True,
    ),
    "distance_correlation": Metric(
        "Distance correlation", "between learned and true distances of samples", has_scale=True
    ),
    "distance_mae": Metric("Distance error", "mean absolute error of learned distances", False),
    "nucleotide_accuracy": Metric("Nucleotide accuracy", "of masked bases", is_share=True),
    "taxonomy_accuracy": Metric("Taxonomy accuracy", "of ASVs", is_share=True),
    "faith_pd_correlation": Metric(
        "Faith PD correlation", "between predicted and true phylogenetic diversity", has_scale=True
    ),
    "count_correlation": Metric(
        "Abundance correlation", "between predicted and true relative abundances", has_scale=True
    ),
    "loss": Metric("Loss", "minimised in training", False),
}
LOSSES = {
    "": "Total loss",
    "target": "Target loss",
    "distance": "Distance loss",
    "nucleotide": "Nucleotide loss",
    "count": "Abundance loss",
    "faith_pd": "Faith PD loss",
    "taxonomy": "Taxonomy loss",
}
PREDICTORS = {
    "model": "AAM",
    "forest": "Random forest",
    "guess": "Training mean",
    "majority": "Most frequent class",
}


def metric(name: str) -> Metric:
    """The metric of a column of ``metrics.csv`` or of an option, known or not."""
    bare = name.removeprefix("val_").removeprefix("train_")
    return METRICS.get(bare, Metric(bare.replace("_", " "), "", not bare.endswith("loss")))


def number(value: float | int) -> str:
    """Three significant digits, without exponents for ordinary sizes."""
    if not math.isfinite(value):
        return NONE
    size = abs(value)
    if value == int(value) and size < 1e15:
        return _with_minus(f"{int(value):,}")
    if size >= 1e6 or size < 1e-4:
        return _with_minus(f"{value:.2e}")
    digits = max(0, 2 - math.floor(math.log10(size)))
    return _with_minus(f"{value:,.{digits}f}")


def value_of(name: str, value: float) -> str:
    """A metric's value: a percentage where it is a share, else a number with two or three significant digits."""
    if not math.isfinite(value):
        return NONE
    if metric(name).is_share:
        return percent(value)
    return _with_minus(f"{value:.2f}") if metric(name).has_scale else number(value)


def percent(share: float) -> str:
    """A share as whole percent."""
    return f"{share:.0%}".replace("%", " %")


def difference_of(name: str, value: float) -> str:
    """A difference of two values of a metric with its sign; of shares in percentage points."""
    if not math.isfinite(value):
        return NONE
    text = f"{100 * value:.1f} points" if metric(name).is_share else value_of(name, value)
    return f"+{_with_minus(text)}" if value > 0 else _with_minus(text)


def interval_of(name: str, interval: Interval) -> str:
    """An interval in words; nothing where it is not defined or has no width."""
    low, high = value_of(name, interval.low), value_of(name, interval.high)
    return "" if low == high else f"from {low} to {high} (95 %)"


def _with_minus(text: str) -> str:
    """A number with a proper minus sign, and without one where all its digits are zero."""
    text = text.replace("-", MINUS)
    return text if any(digit in text for digit in "123456789") else text.lstrip(MINUS)
