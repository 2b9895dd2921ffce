"""Numbers and metrics in plain words."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from aam.evaluation.metrics import Interval

NONE, MINUS, ELLIPSIS = "\u2013", "\u2212", "\u2026"


@dataclass(frozen=True)
class Metric:
    """How a metric is called, what it means, and whether it is shown as a percentage or on a scale up to 1."""

    label: str
    meaning: str
    higher_is_better: bool = True
    is_share: bool = False
    has_scale: bool = False

    @property
    def name(self) -> str:
        """The label without what stands in brackets."""
        return self.label.split(" (", maxsplit=1)[0]


METRICS: dict[str, Metric] = {
    "mae": Metric("Mean absolute error (MAE)", "how far off a prediction is on average, in the target's units", False),
    "rmse": Metric("Root mean squared error (RMSE)", "the same, but large errors count more", False),
    "r2": Metric(
        "R\u00b2",
        "share of the target's variation that is explained; 0 is always guessing the mean, 1 is perfect",
        has_scale=True,
    ),
    "spearman": Metric(
        "Spearman correlation", "whether samples are put in the right order; 1 is perfect, 0 is chance", has_scale=True
    ),
    "balanced_accuracy": Metric(
        "Balanced accuracy", "right answers, with every class counting the same", is_share=True
    ),
    "accuracy": Metric("Accuracy", "right answers among all samples", is_share=True),
    "f1": Metric(
        "F1 (mean of the classes)", "how complete and how pure each predicted class is; 1 is perfect", has_scale=True
    ),
    "auroc": Metric(
        "AUROC (mean of the classes)",
        "chance that a sample of a class scores higher than one of the rest",
        has_scale=True,
    ),
    "loss": Metric("Loss", "what training makes small", False),
}
LOSSES = {
    "": "Total loss",
    "target": "Loss of the target",
}
PREDICTORS = {
    "model": "AAM",
    "forest": "Random forest",
    "guess": "Always the mean",
    "majority": "Most frequent class",
}


def register_metrics(found: Mapping[str, Metric]) -> None:
    """Make metrics known that are brought from above: those of the objectives of pre-training.

    Raises
    ------
    ValueError
        If a name means something else already.
    """
    for name, one in found.items():
        if METRICS.setdefault(name, one) != one:
            raise ValueError(f"the metric {name} means something else already")


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
    """A difference of two values of a metric with its sign; of shares in points of a hundred."""
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
