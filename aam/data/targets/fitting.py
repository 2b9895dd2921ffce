"""Fits the targets, each by its kind, and the levels within which numbers are scaled."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from functools import partial

import numpy as np

from aam.data.readers.metadata import Metadata
from aam.data.targets.kinds import TargetRules, TargetSpec
from aam.data.targets.kinds.classes import probability_names
from aam.data.targets.targets import Targets, exposures, joint_levels, level_codes
from aam.errors import Attempts, InputError
from aam.text import listed, plural, shorten

# Of a level, as a share of all samples' spread: less is the rounding of one value.
LEAST_SPREAD = 1e-6


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
        By column, of all samples of the study: float64 with NaN where missing, or labels (object), empty where missing.
    train_rows
        The training samples.
    source
        The metadata file, for messages.
    level_of_N
        The samples' levels, as of :func:`~aam.data.targets.targets.joint_levels`; without them ``zscore-category`` is
        ``zscore``. Of counts with an exposure, the exposures: the mean and the median become those of a unit.

    Raises
    ------
    InputError
        If a column has one value only in the training samples, or fewer than two numbers; a number is outside of the
        transform's domain; no level has two training samples; a class has one sample or none to train on; or the
        class weights do not fit the classes.
    """
    attempt = Attempts()
    fitted = [
        attempt(partial(rules.kind.fit, rules, column, values[column], train_rows, source)) for column in rules.columns
    ]
    attempt.raise_if_any()
    specs = tuple(spec for spec in fitted if spec is not None)
    _refuse_shared_names(specs, source)
    if rules.exposure_column and level_of_N is not None:
        exposure = np.asarray(level_of_N, dtype=np.float64)[train_rows]
        specs = tuple(_for_a_unit(spec, values[spec.column][train_rows], exposure) for spec in specs)
    if level_of_N is None or not rules.normalize_by:
        return Targets(specs=specs, exposure_column=rules.exposure_column)
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


def levels_of(rules: TargetRules, metadata: Metadata) -> np.ndarray | None:
    """Exposures of counts, or levels within which numbers are scaled, as :func:`fit_targets` takes them."""
    if rules.exposure_column:
        return exposures(metadata, rules.exposure_column)
    return joint_levels(metadata, rules.normalize_by) if rules.normalize_by else None


def _for_a_unit(spec: TargetSpec, counts: np.ndarray, exposure: np.ndarray) -> TargetSpec:
    """The target with the mean rate, which is the Poisson likelihood's maximum, and the median rate."""
    known = ~np.isnan(counts)
    counts, exposure = counts[known], exposure[known]
    median = float(np.median(counts / exposure))
    return dataclasses.replace(spec, mean=float(counts.sum() / exposure.sum()), median=median)


def _refuse_shared_names(specs: Sequence[TargetSpec], source: str) -> None:
    """Refuse classes whose probabilities would stand in one column of the predictions."""
    owner_of: dict[str, str] = {}
    for spec in specs:
        for name in probability_names(spec.classes):
            shared = f"{name}_{spec.column}"
            if (other := owner_of.setdefault(shared, spec.column)) != spec.column:
                raise InputError(
                    source,
                    f"classes of '{shorten(other)}' and '{shorten(spec.column)}' would share a column of predictions "
                    f"({shorten(shared)})",
                    "rename one of the two columns",
                )


def fit_target(rules: TargetRules, values: np.ndarray, train_rows: np.ndarray, source: str) -> TargetSpec:
    """Fit the target of one column, without levels; see :func:`fit_targets`."""
    return fit_targets(rules, {rules.columns[0]: values}, train_rows, source).specs[0]


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
