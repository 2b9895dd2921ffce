"""Classes: one of several labels. A model may predict several columns of them; its output is one after the other.

Legend of shapes: ``N`` samples of a study, ``B`` samples that are predicted, ``P`` rarefied draws, ``C`` classes.
"""

from __future__ import annotations

import dataclasses
import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Literal

import numpy as np

from aam.config.json_dataclass import need
from aam.config.target import ColumnOptions
from aam.data.readers.computable import mean_of_weights
from aam.data.readers.metadata import Metadata
from aam.data.targets.intervals import Calibration, calibrate_classes, class_sets
from aam.data.targets.kinds.cells import Cells, cells
from aam.data.targets.kinds.kind import Kind, Predictions, TargetRules, TargetSpec
from aam.data.targets.kinds.numbers import refuse_one_value, spread
from aam.data.targets.kinds.samples import IntervalSettings, Samples
from aam.errors import InputError
from aam.text import listed, plural, shorten

SET = "prediction_set"
MISSING = -1
"""Code of a label that is missing."""


@dataclass(frozen=True)
class Classes(Kind):
    """Classes, of which a model may predict several columns at once."""

    saved_name = "classification"
    head = "classes"
    metrics: ClassVar[tuple[str, ...]] = ("balanced_accuracy", "accuracy", "f1", "auroc")
    main_metric = "balanced_accuracy"
    mean_metric: ClassVar[str | None] = "balanced_accuracy"
    tiles = ("balanced_accuracy", "accuracy", "auroc")
    charted: ClassVar[tuple[str, ...]] = ("balanced_accuracy", "auroc")
    guess = "majority"
    guessed = "most frequent class"
    shown_as = "classes"
    covers_strata = True
    mixed_as: ClassVar[Literal["means", "shares"] | None] = "shares"

    def matches_options(self, target: ColumnOptions) -> bool:
        """``--classifier``."""
        return target.classifier

    def read(self, metadata: Metadata, column: str, missing: Sequence[str]) -> np.ndarray:
        """Labels, empty where one is missing."""
        return metadata.labels(column, missing)

    def is_present(self, values: np.ndarray) -> np.ndarray:
        """Not empty."""
        return values != ""

    def strata(self, values: np.ndarray) -> np.ndarray:
        """The class of each sample; missing ones are a stratum of their own."""
        return np.unique(values.astype(str), return_inverse=True)[1]

    def strata_words(self, target: str) -> str:
        """Classes."""
        return "class"

    def check_folds(self, values: np.ndarray, number: int) -> None:
        """Every class needs a sample in each fold."""
        classes, counts = np.unique(values[self.is_present(values)].astype(str), return_counts=True)
        rare = np.flatnonzero(counts < number)
        if len(rare):
            first = f"{plural(len(rare), 'class', 'es')} with fewer samples than the {number} folds"
            example = f"first: '{shorten(classes[rare[0]])}' with {plural(int(counts[rare[0]]), 'sample')}"
            raise InputError("--cv", f"{first} ({example})", "a smaller --cv, or leave them out with --where")

    def unseen(self, values: np.ndarray, rows: np.ndarray) -> Sequence[str]:
        """Classes without a sample."""
        return [label for label in map(str, np.setdiff1d(values.astype(str), values[rows].astype(str))) if label]

    def fit(
        self, rules: TargetRules, column: str, values: np.ndarray, train_rows: np.ndarray, source: str
    ) -> TargetSpec:
        """Find the classes and their weights; each needs two samples, one of them to train on."""
        classes, trained = _learnable(column, values, train_rows, source)
        return TargetSpec(
            column=column,
            kind=self,
            classes=classes,
            class_weights=_class_weights(rules.class_weights, column, trained, source),
            presence=int(trained.sum()) / len(train_rows),
            majority=classes[trained.argmax()],
        )

    def check(self, spec: TargetSpec) -> None:
        """Two classes or more."""
        need(len(spec.classes) >= 2, "the kind of target does not fit its classes")

    def describe(self, spec: TargetSpec) -> str:
        """With the classes."""
        return f"one of {len(spec.classes)} classes: {', '.join(spec.classes)}"

    def output_shape(self, specs: Sequence[TargetSpec]) -> tuple[int, ...]:
        """One for each class of each target."""
        return (sum(len(spec.classes) for spec in specs),)

    def encode(self, spec: TargetSpec, values: np.ndarray, level_N: np.ndarray | None) -> np.ndarray:
        """Places among the classes (int64); -1 where a label is missing."""
        codes = {"": MISSING} | {label: code for code, label in enumerate(spec.classes)}
        unknown = [str(label) for label in values if label not in codes]
        if unknown:
            raise InputError(
                f"column '{shorten(spec.column)}'",
                f"unknown level '{shorten(unknown[0])}' (trained on: {listed(spec.classes)})",
                "leave its samples out with --where",
            )
        return np.array([codes[label] for label in values], dtype=np.int64)

    def decode(self, spec: TargetSpec, learned: np.ndarray, level_B: np.ndarray | None) -> np.ndarray:
        """Probabilities as they are."""
        return learned

    def part(self, learned: np.ndarray, outputs: slice) -> np.ndarray:
        """The classes of all targets are the second axis."""
        return learned[:, outputs]

    def calibrate(
        self, spec: TargetSpec, learned_BC: np.ndarray, samples: Samples, settings: IntervalSettings
    ) -> Calibration | None:
        """By the probability of the true class, of the samples that have a label."""
        codes_B = spec.encode(samples.observed[spec.column])
        known = codes_B != MISSING
        if not known.any():
            return None
        groups = None if samples.groups is None else samples.groups[known]
        return calibrate_classes(learned_BC[known], codes_B[known], groups, settings.level)

    def predict(
        self,
        spec: TargetSpec,
        learned_BC: np.ndarray,
        draws_PBC: np.ndarray,
        samples: Samples,
        settings: IntervalSettings,
    ) -> Predictions:
        """The most probable class, all probabilities, and the set of classes that a sample may well have."""
        best_B, calibration = learned_BC.argmax(axis=1), settings.calibration
        return Predictions(
            kind=self,
            sample_ids=samples.sample_ids,
            observed=samples.observed[spec.column],
            predicted=np.array(spec.classes, dtype=object)[best_B],
            classes=spec.classes,
            probabilities=learned_BC,
            groups=samples.groups,
            sets=None if calibration is None else class_sets(calibration, learned_BC, settings.level),
            deviation=spread(draws_PBC[:, np.arange(len(best_B)), best_B]),
        )

    def columns(self, table: Predictions) -> dict[str, list[str]]:
        """The class, the probability of each, and the set as JSON."""
        assert table.probabilities is not None
        found = {"predicted": cells(table.predicted)}
        for name, shares in zip(probability_names(table.classes), table.probabilities.T, strict=True):
            found[name] = [f"{share:.6g}" for share in shares]
        if table.sets is not None:
            names = np.array(table.classes, dtype=object)
            found[SET] = [json.dumps(names[held].tolist(), ensure_ascii=False) for held in table.sets]
        return found | ({} if table.deviation is None else {"predicted_std": cells(table.deviation)})

    def from_columns(self, cells: Cells, spec: TargetSpec) -> dict[str, Any]:
        """Labels of the target's classes, and their probabilities."""
        observed, predicted = cells.text("observed"), cells.text("predicted")
        known = {*spec.classes, ""}
        strange = [label for label in (*observed, *predicted) if label not in known]
        if strange:
            raise InputError(cells.path, f"'{shorten(strange[0])}' is not one of the classes")
        return {
            "observed": observed,
            "predicted": predicted,
            "classes": spec.classes,
            "probabilities": np.column_stack([cells.numbers(name) for name in probability_names(spec.classes)]),
            "sets": _read_sets(cells, spec) if cells.has(SET) else None,
        }

    def values_of(self, texts: np.ndarray) -> np.ndarray:
        """The labels themselves."""
        return texts

    def constant(self, spec: TargetSpec, table: Predictions) -> Predictions:
        """The training samples' most frequent class, with certainty."""
        certain = np.array([name == spec.majority for name in table.classes], dtype=np.float64)
        return dataclasses.replace(
            table,
            predicted=np.full(len(table), spec.majority, dtype=object),
            probabilities=np.tile(certain, (len(table), 1)),
        )

    def guess_of(self, spec: TargetSpec) -> str:
        """The most frequent class."""
        return spec.majority

    def worst(self, table: Predictions) -> np.ndarray:
        """Wrong ones, by the probability of the true class."""
        rows = np.flatnonzero(table.predicted != table.observed)
        return rows[np.argsort(probability_of(table, table.observed)[rows], kind="stable")]

    def headline(self, column: str, said: Mapping[str, str]) -> str:
        """The balanced accuracy of all predictors."""
        forest = f"{said['forest']} for a random forest, " if "forest" in said else ""
        return (
            f"the balanced accuracy of {column} is {said['model']}; "
            f"{forest}{said[self.guess]} for predicting the most frequent class."
        )


def probability_names(classes: Sequence[str]) -> list[str]:
    """The columns of the classes' probabilities."""
    return [f"probability_{name}" for name in classes]


def probability_of(table: Predictions, labels: np.ndarray) -> np.ndarray:
    """The probability that each sample has for a label of its own."""
    assert table.probabilities is not None
    codes = [table.classes.index(label) for label in labels]
    return table.probabilities[np.arange(len(codes)), codes]


def _learnable(
    column: str, labels: np.ndarray, train_rows: np.ndarray, source: str
) -> tuple[tuple[str, ...], np.ndarray]:
    """The sorted classes of all samples, and how many training samples each has.

    Raises
    ------
    InputError
        If the training samples have one class only, or a class has one sample or none to train on.
    """
    training = labels[train_rows]
    training = training[training != ""]
    if not len(training):
        found = f"no label in {plural(len(train_rows), 'training sample')}"
        problem = f"column '{shorten(column)}' has {found}; at least 2 are needed"
        raise InputError(source, problem, "choose another split, or leave the column out")
    refuse_one_value(column, training, training[0], source)
    classes, counts = np.unique(labels[labels != ""].astype(str), return_counts=True)
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
    given_C = np.array(weights)
    mean_of_weights(source, "--class-weights", given_C, np.repeat(given_C, trained))
    mean = float(trained @ given_C) / float(trained.sum())
    return tuple(weight / mean for weight in weights)


def _read_sets(cells: Cells, spec: TargetSpec) -> np.ndarray:
    try:
        sets = [set(json.loads(text)) for text in cells.text(SET)]
    except (ValueError, TypeError, RecursionError):
        raise InputError(cells.path, f"column '{SET}' must hold JSON lists of classes") from None
    return np.array([[name in found for name in spec.classes] for found in sets]).reshape(len(sets), -1)


CLASSES = Classes()
