"""The catalogue of metrics, for training, evaluation and report; their values in plain words."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np

    from aam.data.targets.kinds import Predictions

Formula = Callable[["Predictions", "np.ndarray"], "np.ndarray"]

CI = "95 % CI"
POINTS = " percentage points"
NONE, MINUS, ELLIPSIS = "\u2013", "\u2212", "\u2026"


@dataclass(frozen=True)
class Interval:
    """A value and the 95% interval around it; NaN where it cannot be computed."""

    value: float
    low: float
    high: float


PERSONS = ("Spearman",)


@dataclass(frozen=True)
class Metric:
    """A metric: what it means, how its values are shown, and where it comes from.

    Attributes
    ----------
    label, meaning
        How it is called, and what it says.
    higher_is_better
        Its direction.
    is_share
        It is shown as a percentage.
    has_scale
        It has no unit, and 1 is perfect. One that is no share and has no scale is in the target's units.
    source
        Where its formula was published.
    formula
        Computes it (:mod:`aam.evaluation.formulas`); None for those of pre-training, which are summed over batches.
    min_values
        Different truths without which it has no value, whatever is predicted.
    if_constant
        What it counts as where all predictions are the same and it has no value, so that epochs can be compared.
    """

    label: str
    meaning: str
    higher_is_better: bool = True
    is_share: bool = False
    has_scale: bool = False
    source: str = ""
    formula: Formula | None = None
    min_values: int = 0
    if_constant: float = math.nan

    @property
    def name(self) -> str:
        """The label without what stands in brackets."""
        return self.label.split(" (", maxsplit=1)[0]

    @property
    def in_text(self) -> str:
        """The name within a sentence: symbols, abbreviations and names of persons keep their capitals."""
        first = self.name.partition(" ")[0]
        is_word = first[1:].islower() and first not in PERSONS
        return self.name[:1].lower() + self.name[1:] if is_word else self.name


def _formula(name: str, module: str = "formulas") -> Formula:
    """A formula of :mod:`aam.evaluation.formulas`, imported where it is computed: to name metrics must be quick."""

    def compute(predictions: Predictions, weights_RN: np.ndarray) -> np.ndarray:
        from importlib import import_module

        formula: Formula = getattr(import_module(f"aam.evaluation.{module}"), name)
        return formula(predictions, weights_RN)

    return compute


METRICS: dict[str, Metric] = {
    "mae": Metric(
        "Mean absolute error (MAE)",
        "in the units of the target",
        higher_is_better=False,
        source="Willmott, Matsuura (2005), doi:10.3354/cr030079",
        formula=_formula("mae"),
        min_values=1,
    ),
    "rmse": Metric(
        "Root mean squared error (RMSE)",
        "in the units of the target; large errors weigh more",
        higher_is_better=False,
        source="Willmott, Matsuura (2005), doi:10.3354/cr030079",
        formula=_formula("rmse"),
        min_values=1,
    ),
    "r2": Metric(
        "R\u00b2",
        "fraction of variance explained; 1 is perfect, 0 no better than the mean",
        has_scale=True,
        source="Kv\u00e5lseth (1985), equation 1, doi:10.1080/00031305.1985.10479448",
        formula=_formula("r2"),
        min_values=2,
    ),
    "spearman": Metric(
        "Spearman correlation",
        "rank correlation; 1 is perfect, 0 is chance",
        has_scale=True,
        source="Spearman (1904), doi:10.2307/1412159",
        formula=_formula("spearman"),
        min_values=2,
        if_constant=0.0,
    ),
    "balanced_accuracy": Metric(
        "Balanced accuracy",
        "mean recall of the classes",
        is_share=True,
        source="Brodersen et al. (2010), doi:10.1109/ICPR.2010.764",
        formula=_formula("balanced_accuracy"),
        min_values=2,
    ),
    "accuracy": Metric("Accuracy", "fraction of correct predictions", is_share=True, formula=_formula("accuracy")),
    "f1": Metric(
        "F1 (mean of the classes)",
        "harmonic mean of precision and recall",
        has_scale=True,
        source="Opitz, Burst (2019), the mean of F1, arXiv:1911.03347",
        formula=_formula("f1"),
        min_values=2,
    ),
    "auroc": Metric(
        "AUROC (mean of the classes)",
        "probability that a sample of a class scores higher than one of the rest",
        has_scale=True,
        source="Hanley, McNeil (1982), doi:10.1148/radiology.143.1.7063747",
        formula=_formula("auroc"),
        min_values=2,
    ),
    "qwk": Metric(
        "Quadratic weighted kappa",
        "agreement in the order of levels; 1 is perfect, 0 is chance",
        has_scale=True,
        source="Cohen (1968), doi:10.1037/h0026256",
        formula=_formula("qwk", "by_kind.ordered"),
        min_values=2,
        if_constant=0.0,
    ),
    "rank_mae": Metric(
        "Mean rank error",
        "levels that a prediction is off, on average",
        higher_is_better=False,
        source="Gaudette, Japkowicz (2009), doi:10.1007/978-3-642-01818-3_25",
        formula=_formula("rank_mae", "by_kind.ordered"),
    ),
    "spearman_levels": Metric(
        "Spearman correlation of levels",
        "rank correlation; 1 is perfect, 0 is chance",
        has_scale=True,
        source="Spearman (1904), doi:10.2307/1412159",
        formula=_formula("spearman_levels", "by_kind.ordered"),
        min_values=2,
        if_constant=0.0,
    ),
    "d2": Metric(
        "D\u00b2 (Poisson)",
        "fraction of the Poisson deviance explained; 1 is perfect, 0 no better than the mean (or mean rate)",
        has_scale=True,
        source="Hastie, Tibshirani, Wainwright (2015), Statistical Learning with Sparsity, section 3.1",
        formula=_formula("d2", "by_kind.counts"),
        min_values=2,
    ),
    "poisson_deviance": Metric(
        "Mean Poisson deviance",
        "0 is perfect",
        higher_is_better=False,
        source="McCullagh, Nelder (1989), Generalized Linear Models, section 2.3",
        formula=_formula("poisson_deviance", "by_kind.counts"),
        min_values=1,
    ),
    "loss": Metric("Loss", "minimised in training", False),
}
LOSSES = {
    "": "Total loss",
    "target": "Target loss",
}
PREDICTORS = {
    "model": "AAM",
    "forest": "Random forest",
    "guess": "Mean of the training samples",
    "majority": "Most frequent class",
    "median_level": "Median level",
}


def register_metrics(found: Mapping[str, Metric]) -> None:
    """Make metrics known that are brought from above: those of the objectives of pre-training.

    Raises
    ------
    ValueError
        If a name already has another meaning.
    """
    for name, one in found.items():
        if METRICS.setdefault(name, one) != one:
            raise ValueError(f"metric {name} already has another meaning")


def metric(name: str) -> Metric:
    """The metric of a column of ``metrics.csv`` or of an option, known or not.

    One of several targets has its column's name behind it (``r2_COLUMN``).
    """
    bare = name.removeprefix("val_").removeprefix("train_")
    if bare in METRICS:
        return METRICS[bare]
    owner = next((known for known in METRICS if bare.startswith(f"{known}_")), None)
    is_better = not bare.endswith("loss") if owner is None else METRICS[owner].higher_is_better
    return Metric(bare.replace("_", " "), "", is_better)


def formula_of(name: str) -> Formula:
    """The formula of a metric of targets."""
    formula = METRICS[name].formula
    assert formula is not None
    return formula


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


def estimate_of(name: str, value: float, low: float, high: float) -> str:
    """A metric's value with the ends of its interval, where it has one (they are NaN where not)."""
    ends = "" if math.isnan(low) else f" ({value_of(name, low)} to {value_of(name, high)})"
    return f"{value_of(name, value)}{ends}"


def percent(share: float) -> str:
    """A share as whole percent."""
    return f"{share:.0%}".replace("%", " %")


def difference_of(name: str, value: float) -> str:
    """A difference of two values of a metric with its sign; of shares in percentage points."""
    if not math.isfinite(value):
        return NONE
    text = f"{100 * value:.1f}{POINTS}" if metric(name).is_share else value_of(name, value)
    return f"+{_with_minus(text)}" if value > 0 else _with_minus(text)


def interval_of(name: str, interval: Interval) -> str:
    """An interval in words; nothing where it is not defined or has no width."""
    low, high = value_of(name, interval.low), value_of(name, interval.high)
    return "" if low == high else f"{CI} {low} to {high}"


def difference_interval_of(name: str, interval: Interval) -> str:
    """The interval of a difference in words, without the unit that stands beside its value."""
    ends = (difference_of(name, end).removesuffix(POINTS) for end in (interval.low, interval.high))
    return f"{CI} {' to '.join(ends)}"


def _with_minus(text: str) -> str:
    """A number with a proper minus sign, and without one where all its digits are zero."""
    text = text.replace("-", MINUS)
    return text if any(digit in text for digit in "123456789") else text.lstrip(MINUS)
