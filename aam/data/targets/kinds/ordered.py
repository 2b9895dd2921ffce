"""Ordered classes: one of several levels, from low to high.

They are predicted as classes are, by the most probable one; but who learns them knows which levels are neighbours, and
they are judged by how many levels a prediction is off. Their prediction sets have no gaps.

Legend of shapes: ``N`` samples of a study, ``B`` samples that are predicted, ``C`` levels.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from aam.config.target import ColumnOptions
from aam.data.targets.intervals import Calibration, calibrate_ordered, class_ranges
from aam.data.targets.kinds.classes import Classes, probability_of
from aam.data.targets.kinds.kind import Predictions, TargetRules, TargetSpec
from aam.data.targets.kinds.samples import IntervalSettings, Samples
from aam.errors import InputError
from aam.text import listed, plural, shorten


@dataclass(frozen=True)
class Ordered(Classes):
    """Ordered classes of one column."""

    saved_name = "ordered"
    head = "ordered"
    metrics = ("qwk", "rank_mae", "spearman_levels", "accuracy", "balanced_accuracy", "auroc")
    main_metric = "qwk"
    mean_metric = None
    tiles = ("qwk", "rank_mae", "accuracy")
    charted = ("qwk", "rank_mae", "accuracy")
    guess = "median_level"
    guessed = "median level"
    is_ordered = True
    mixed_as = None

    def matches_options(self, target: ColumnOptions) -> bool:
        """``--ordered``."""
        return bool(target.ordered)

    def strata_words(self, target: str) -> str:
        """Levels."""
        return "level"

    def fit(
        self, rules: TargetRules, column: str, values: np.ndarray, train_rows: np.ndarray, source: str
    ) -> TargetSpec:
        """As classes, in the order that is given; the middle one of the training samples is the constant prediction."""
        _check_levels(rules.levels, column, values, source)
        listed_weights = not isinstance(rules.class_weights, str)
        spec = super().fit(
            dataclasses.replace(rules, class_weights=_sorted(rules) if listed_weights else rules.class_weights),
            column,
            values,
            train_rows,
            source,
        )
        place_of = {label: place for place, label in enumerate(spec.classes)}
        weights = tuple(spec.class_weights[place_of[level]] for level in rules.levels) if spec.class_weights else ()
        spec = dataclasses.replace(spec, classes=rules.levels, class_weights=weights)
        middle = int(np.quantile(spec.encode(values[train_rows]), 0.5, method="inverted_cdf"))
        return dataclasses.replace(spec, majority=rules.levels[middle])

    def describe(self, spec: TargetSpec) -> str:
        """With the levels."""
        return f"one of {len(spec.classes)} levels: {' < '.join(spec.classes)}"

    def calibrate(
        self, spec: TargetSpec, learned_BC: np.ndarray, samples: Samples, settings: IntervalSettings
    ) -> Calibration | None:
        """By what a range of levels holds before the true one joins it."""
        codes_B = spec.encode(samples.observed[spec.column])
        return calibrate_ordered(learned_BC, codes_B, samples.groups, settings.level)

    def predict(
        self,
        spec: TargetSpec,
        learned_BC: np.ndarray,
        draws_PBC: np.ndarray,
        samples: Samples,
        settings: IntervalSettings,
    ) -> Predictions:
        """As classes; the sets are ranges of levels."""
        table = super().predict(spec, learned_BC, draws_PBC, samples, dataclasses.replace(settings, calibration=None))
        if settings.calibration is None:
            return table
        return dataclasses.replace(table, sets=class_ranges(settings.calibration, learned_BC, settings.level))

    def worst(self, table: Predictions) -> np.ndarray:
        """Wrong ones: those that are the most levels off first, then by the probability of the true level."""
        off_N = np.abs(places_of(table, table.predicted) - places_of(table, table.observed))
        rows = np.flatnonzero(off_N)
        return rows[np.lexsort((probability_of(table, table.observed)[rows], -off_N[rows]))]

    def headline(self, column: str, said: Mapping[str, str]) -> str:
        """The weighted kappa of all predictors."""
        forest = f"{said['forest']} for a random forest, " if "forest" in said else ""
        return (
            f"the quadratic weighted kappa of {column} is {said['model']}; "
            f"{forest}{said[self.guess]} for predicting the median level."
        )


def places_of(table: Predictions, labels: np.ndarray) -> np.ndarray:
    """Place of each label among the levels, from 0 (``N``, int64)."""
    place_of = {label: place for place, label in enumerate(table.classes)}
    return np.array([place_of[label] for label in labels], dtype=np.int64)


def _sorted(rules: TargetRules) -> tuple[float, ...] | str:
    """Listed weights, given from the low to the high level, in the sorted order of the labels."""
    weights = rules.class_weights
    if isinstance(weights, str) or len(weights) != len(rules.levels):
        return weights
    return tuple(weights[place] for place in np.argsort(np.array(rules.levels)))


def _check_levels(levels: tuple[str, ...], column: str, values: np.ndarray, source: str) -> None:
    """Refuse values that are no levels, and levels that no sample has (:class:`~aam.errors.InputError`)."""
    where = f"column '{shorten(column)}'"
    found = set(map(str, values))
    strange = sorted(found - {*levels, ""})
    if strange:
        number = int(np.isin(values.astype(str), strange).sum())
        problem = f"{where}: '{shorten(strange[0])}' is not one of the levels of --ordered ({listed(levels, 8)})"
        problem += f"; {plural(number, 'sample')} have such values" if number > 1 else ""
        raise InputError(source, problem, "add it where it belongs, or leave its samples out with --where or --missing")
    unseen = [level for level in levels if level not in found]
    if unseen:
        problem = f"{where} has no sample of the level '{shorten(unseen[0])}' of --ordered"
        raise InputError(source, problem, "leave it out")


ORDERED = Ordered()
