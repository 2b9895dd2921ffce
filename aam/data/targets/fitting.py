"""Targets as fitted on the training samples: what can be learned at all, the scaling, the levels, the classes."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np

from aam.data.targets.targets import Targets, TargetSpec, level_codes
from aam.data.targets.transforms import domain_problem, fit_parameters, fit_shift_and_scale, forward
from aam.errors import Attempts, InputError
from aam.text import listed, plural, shorten

# Of a level, as a share of all samples' spread: less is the rounding of one value.
LEAST_SPREAD = 1e-6


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


def fit_targets(
    rules: TargetRules,
    values: Mapping[str, np.ndarray],
    train_rows: np.ndarray,
    source: str,
    level_of_N: np.ndarray | Sequence[str] | None = None,
) -> Targets:
    """Fit targets on the training samples.

    Parameters
    ----------
    rules
        Columns, kind, transform and class weights.
    values
        By column, of all samples of the study: float64 with NaN where missing, or labels (object), none missing.
    train_rows
        The training samples.
    source
        The sample sheet, for messages.
    level_of_N
        The samples' levels, as of :func:`~aam.data.targets.targets.joint_levels`; without them ``zscore-category`` is
        ``zscore``.

    Raises
    ------
    InputError
        If a column has one value only in the training samples, or fewer than two numbers; a number is outside of the
        transform's domain; no level has two training samples; a class has one sample or none to train on; or the
        class weights do not fit the classes.
    """
    if rules.classifier:
        return Targets(specs=(_fit_classes(rules, values[rules.columns[0]], train_rows, source),))
    attempt = Attempts()
    fitted = [
        attempt(partial(_fit_number, rules.transform, column, values[column], train_rows, source))
        for column in rules.columns
    ]
    attempt.raise_if_any()
    specs = tuple(spec for spec in fitted if spec is not None)
    if level_of_N is None or not rules.normalize_by:
        return Targets(specs=specs)
    levels = tuple(sorted({str(level_of_N[row]) for row in train_rows} - {""}))
    codes = level_codes(level_of_N, levels)[train_rows]
    if np.bincount(codes, minlength=1)[1:].max(initial=0) < 2:
        raise InputError(
            source,
            f"none of {plural(len(levels), 'level')} of {listed(rules.normalize_by)} has 2 training samples",
            "--normalize-by columns with fewer levels",
        )
    specs = tuple(_within_levels(spec, values[spec.column][train_rows], codes, len(levels)) for spec in specs)
    return Targets(specs=specs, normalize_by=rules.normalize_by, levels=levels)


def fit_target(rules: TargetRules, values: np.ndarray, train_rows: np.ndarray, source: str) -> TargetSpec:
    """Fit the target of one column, without levels; see :func:`fit_targets`."""
    return fit_targets(rules, {rules.columns[0]: values}, train_rows, source).specs[0]


def _fit_number(transform: str, column: str, values: np.ndarray, train_rows: np.ndarray, source: str) -> TargetSpec:
    training = _learnable_numbers(column, values, train_rows, source)
    if problem := domain_problem(transform, values):
        raise InputError(source, f"column '{shorten(column)}': {problem}", "--target-transform zscore")
    parameters = fit_parameters(transform, training)
    shift, scale = fit_shift_and_scale(transform, forward(transform, parameters, training))
    return TargetSpec(
        column=column,
        kind="regression",
        transform=transform,
        parameters=parameters,
        shift=shift,
        scale=scale,
        presence=len(training) / len(train_rows),
        mean=float(training.mean()),
        median=float(np.median(training)),
    )


def _within_levels(spec: TargetSpec, training: np.ndarray, codes: np.ndarray, num_levels: int) -> TargetSpec:
    """The target with the mean and the spread of each level.

    A level with two values or more has its own mean, and its own spread unless that is zero; all else is that of all
    training samples.
    """
    means, spreads = [spec.shift] * (num_levels + 1), [spec.scale] * (num_levels + 1)
    for code in range(1, num_levels + 1):
        own = training[(codes == code) & ~np.isnan(training)]
        if len(own) < 2:
            continue
        means[code] = float(own.mean())
        if (spread := float(own.std())) > LEAST_SPREAD * spec.scale:
            spreads[code] = spread
    return dataclasses.replace(spec, level_shift=tuple(means), level_scale=tuple(spreads))


def _fit_classes(rules: TargetRules, labels: np.ndarray, train_rows: np.ndarray, source: str) -> TargetSpec:
    column = rules.columns[0]
    classes, trained = _learnable_classes(column, labels, train_rows, source)
    return TargetSpec(
        column=column,
        kind="classification",
        classes=classes,
        class_weights=_class_weights(rules.class_weights, column, trained, source),
        majority=classes[trained.argmax()],
    )


def _learnable_numbers(column: str, values: np.ndarray, train_rows: np.ndarray, source: str) -> np.ndarray:
    """The numbers of the training samples that have one.

    Raises
    ------
    InputError
        If fewer than two training samples have a number, or all have the same.
    """
    training = values[train_rows]
    present = training[~np.isnan(training)]
    if len(present) < 2:
        found = plural(len(present), "value") if len(present) else "no value"
        raise InputError(
            source,
            f"column '{shorten(column)}' has {found} in {plural(len(train_rows), 'training sample')}; at least 2 are "
            "needed",
            "choose another split, or leave the column out",
        )
    _refuse_one_value(column, present, f"{present[0]:g}", source)
    return present


def _learnable_classes(
    column: str, labels: np.ndarray, train_rows: np.ndarray, source: str
) -> tuple[tuple[str, ...], np.ndarray]:
    """The sorted classes of all samples, and how many training samples each has.

    Raises
    ------
    InputError
        If the training samples have one class only, or a class has one sample or none to train on.
    """
    training = labels[train_rows]
    _refuse_one_value(column, training, training[0], source)
    classes, counts = np.unique(labels.astype(str), return_counts=True)
    single = classes[counts == 1]
    if len(single):
        what = f"class '{shorten(single[0])}' has" if len(single) == 1 else f"{len(single)} classes have"
        first = "" if len(single) == 1 else f" (first: '{shorten(single[0])}')"
        raise InputError(
            source,
            f"column '{shorten(column)}': {what} 1 sample{first}; at least 2 are needed",
            "leave them out with --where" + (", or leave out --classifier" if len(single) == len(classes) else ""),
        )
    code_of = {label: code for code, label in enumerate(classes)}
    trained = np.bincount([code_of[label] for label in training], minlength=len(classes))
    if not trained.all():
        unseen = classes[trained == 0]
        raise InputError(
            source,
            f"column '{shorten(column)}': unknown level '{shorten(unseen[0])}' outside of the training samples "
            f"(trained on: {listed(classes[trained > 0])})",
            "choose another split, or leave its samples out with --where",
        )
    return tuple(str(label) for label in classes), trained


def _class_weights(given: str | tuple[float, ...], column: str, trained: np.ndarray, source: str) -> tuple[float, ...]:
    """Weight of each class with a mean of 1 over the training samples; empty for equal weights.

    Raises
    ------
    InputError
        If listed weights do not fit the classes.
    """
    if given == "none":
        return ()
    if given == "balanced":
        return tuple(float(weight) for weight in trained.sum() / (len(trained) * trained))
    weights = tuple(float(weight) for weight in given)
    if len(weights) != len(trained):
        raise InputError(
            source,
            f"column '{shorten(column)}' has {len(trained)} classes, --class-weights {len(weights)} numbers",
        )
    if not all(weight > 0 and math.isfinite(weight) for weight in weights):
        raise InputError(source, f"--class-weights must be positive numbers, got {listed(weights)}")
    mean = float(trained @ np.array(weights)) / float(trained.sum())
    return tuple(weight / mean for weight in weights)


def _refuse_one_value(column: str, training: np.ndarray, shown: str, source: str) -> None:
    if (training == training[0]).all():
        raise InputError(
            source,
            f"column '{shorten(column)}' has one value ({shorten(shown)}) in the training samples: nothing to learn",
        )
