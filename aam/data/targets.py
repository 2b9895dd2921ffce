"""The target: from the sample sheet's units to what the model learns, and back."""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass
from typing import Any, Literal

import numpy as np

from aam.errors import InputError
from aam.files.text import listed, shorten

Kind = Literal["regression", "classification"]

# exp of it still fits float32, so that a wild prediction is a large number and not infinity
LARGEST_LOG = 80.0


@dataclass(frozen=True, kw_only=True)
class TargetRules:
    """How targets are to be fitted.

    Attributes
    ----------
    columns
        Their columns of the sample sheet; one for classes.
    classifier
        Whether they are classes.
    transform
        As in :class:`~aam.config.TargetOptions`.
    normalize_by
        Columns of the levels of ``zscore-category``.
    class_weights
        As in :class:`~aam.config.LossOptions`.
    """

    columns: tuple[str, ...]
    classifier: bool = False
    transform: str = "zscore"
    normalize_by: tuple[str, ...] = ()
    class_weights: str | tuple[float, ...] = "none"


@dataclass(frozen=True, kw_only=True)
class TargetSpec:
    """A target as fitted on the training samples; saved with the model, so that predictions have the user's units.

    Attributes
    ----------
    column
        Its column of the sample sheet.
    kind
        A number or a class.
    transform
        As in :class:`~aam.config.TargetOptions`; ``log-`` is the natural log of 1 + the value.
    shift, scale
        The model learns ``(transformed - shift) / scale``.
    classes
        Sorted labels; empty for a number.
    class_weights
        Weight of each class in the loss, with a mean of 1 over the training samples; empty for equal weights.
    mean, median
        Of the training samples, in the user's units; 0 for classes.
    majority
        The most frequent class of the training samples; empty for a number.
    """

    column: str
    kind: Kind
    transform: str = "none"
    shift: float = 0.0
    scale: float = 1.0
    classes: tuple[str, ...] = ()
    class_weights: tuple[float, ...] = ()
    mean: float = 0.0
    median: float = 0.0
    majority: str = ""

    def encode(self, values: np.ndarray) -> np.ndarray:
        """What the model learns: normalised numbers (float32) or classes (int64).

        Raises
        ------
        InputError
            For a label that is not among the classes.
        """
        if self.kind == "regression":
            return ((self._forward(values) - self.shift) / self.scale).astype(np.float32)
        codes = {label: code for code, label in enumerate(self.classes)}
        unknown = [str(value) for value in values if value not in codes]
        if unknown:
            raise InputError(
                f"column '{self.column}'",
                f"unknown level '{shorten(unknown[0])}' (trained on: {listed(self.classes)})",
                "leave its samples out with --where",
            )
        return np.array([codes[value] for value in values], dtype=np.int64)

    def decode(self, predictions: np.ndarray) -> np.ndarray:
        """Normalised predictions in the user's units (float64); class probabilities stay as they are."""
        values = np.asarray(predictions, dtype=np.float64)
        if self.kind == "classification":
            return values
        values = values * self.scale + self.shift
        return np.expm1(np.minimum(values, LARGEST_LOG)) if self._is_log else values

    def to_dict(self) -> dict[str, Any]:
        """Plain JSON types."""
        return {name: list(value) if isinstance(value, tuple) else value for name, value in asdict(self).items()}

    @classmethod
    def from_dict(cls, values: dict[str, Any]) -> TargetSpec:
        """The inverse of :meth:`to_dict`."""
        given: dict[str, Any] = {name: tuple(v) if isinstance(v, list) else v for name, v in values.items()}
        return cls(**given)

    @property
    def _is_log(self) -> bool:
        return self.transform.startswith("log-")

    def _forward(self, values: np.ndarray) -> np.ndarray:
        values = np.asarray(values, dtype=np.float64)
        return np.log1p(values) if self._is_log else values


def fit_target(options: TargetRules, values: np.ndarray, train_rows: np.ndarray, source: str) -> TargetSpec:
    """Fit a target on the training samples.

    Parameters
    ----------
    options
        Column, kind, transform and class weights.
    values
        Of all samples of the study: float64, or labels (object). None is missing.
    train_rows
        The training samples.
    source
        The sample sheet, for messages.

    Raises
    ------
    InputError
        If the training samples have one value only, a number has no logarithm, a class has one sample or none to
        train on, or the class weights do not fit the classes.
    """
    training = values[train_rows]
    if (training == training[0]).all():
        value = training[0] if options.classifier else f"{training[0]:g}"
        raise InputError(
            source,
            f"column '{options.columns[0]}' has one value ({shorten(value)}) in the training samples: nothing to learn",
        )
    if options.classifier:
        return _fit_classes(options, values, training, source)
    return _fit_number(options, values, training, source)


def _fit_number(options: TargetRules, values: np.ndarray, training: np.ndarray, source: str) -> TargetSpec:
    transform = options.transform
    if transform.startswith("log-"):
        too_low = values[values <= -1]
        if len(too_low):
            raise InputError(
                source,
                f"column '{options.columns[0]}': {len(too_low)} values are -1 or below (smallest "
                f"{too_low.min():g}) and have no log(1 + value)",
                "--target-transform zscore",
            )
        training_learned = np.log1p(training)
    else:
        training_learned = training
    shift, scale = 0.0, 1.0
    if transform.endswith("zscore"):
        shift, scale = float(training_learned.mean()), float(training_learned.std()) or 1.0
    elif transform.endswith("minmax"):
        shift, scale = float(training_learned.min()), float(np.ptp(training_learned)) or 1.0
    return TargetSpec(
        column=options.columns[0],
        kind="regression",
        transform=transform,
        shift=shift,
        scale=scale,
        mean=float(training.mean()),
        median=float(np.median(training)),
    )


def _fit_classes(options: TargetRules, values: np.ndarray, training: np.ndarray, source: str) -> TargetSpec:
    column = options.columns[0]
    classes, counts = np.unique(values.astype(str), return_counts=True)
    single = classes[counts == 1]
    if len(single):
        what = f"class '{shorten(single[0])}' has" if len(single) == 1 else f"{len(single)} classes have"
        first = "" if len(single) == 1 else f" (first: '{shorten(single[0])}')"
        raise InputError(
            source,
            f"column '{column}': {what} 1 sample{first}; at least 2 are needed",
            "leave them out with --where" + (", or leave out --classifier" if len(single) == len(classes) else ""),
        )
    code_of = {label: code for code, label in enumerate(classes)}
    trained = np.bincount([code_of[label] for label in training], minlength=len(classes))
    if not trained.all():
        unseen = classes[trained == 0]
        raise InputError(
            source,
            f"column '{column}': unknown level '{shorten(unseen[0])}' outside of the training samples "
            f"(trained on: {listed(classes[trained > 0])})",
            "choose another split, or leave its samples out with --where",
        )
    return TargetSpec(
        column=column,
        kind="classification",
        classes=tuple(str(label) for label in classes),
        class_weights=_class_weights(options, trained, source),
        majority=str(classes[trained.argmax()]),
    )


def _class_weights(options: TargetRules, trained: np.ndarray, source: str) -> tuple[float, ...]:
    given = options.class_weights
    if given == "none":
        return ()
    if given == "balanced":
        return tuple(float(weight) for weight in trained.sum() / (len(trained) * trained))
    weights = tuple(float(weight) for weight in given)
    if len(weights) != len(trained):
        raise InputError(
            source,
            f"column '{options.columns[0]}' has {len(trained)} classes, --class-weights {len(weights)} numbers",
        )
    if not all(weight > 0 and math.isfinite(weight) for weight in weights):
        raise InputError(source, f"--class-weights must be positive numbers, got {listed(weights)}")
    mean = float(trained @ np.array(weights)) / float(trained.sum())
    return tuple(weight / mean for weight in weights)
