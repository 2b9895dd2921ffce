"""The columns of covariates, and how each is fitted on the training samples."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from aam.data.metadata import Metadata
from aam.errors import InputError
from aam.files.text import listed, plural, shorten

EMPTY_CELLS = "empty these cells"
"""The remedy for cells of a numeric column that are no numbers; they then count as missing."""


@dataclass(frozen=True)
class CategoricalColumn:
    """A column of levels.

    Attributes
    ----------
    name
        Its name in the sample sheet.
    levels
        The levels of the training samples, sorted.
    """

    name: str
    levels: tuple[str, ...]


@dataclass(frozen=True)
class NumericColumn:
    """A column of numbers.

    Attributes
    ----------
    name
        Its name in the sample sheet.
    mean, spread
        Mean and standard deviation of the training samples.
    """

    name: str
    mean: float
    spread: float


def fit_levels(source: str, name: str, labels: np.ndarray, in_chain: bool) -> CategoricalColumn:
    """Learn the levels of the training samples; refuse a column that tells no samples apart."""
    known = labels[labels != ""]
    levels = tuple(sorted(set(known)))
    option = "--categorical-hierarchy" if in_chain else "--categorical-columns"
    if len(levels) < 2:
        what = f"one level ('{shorten(levels[0])}')" if levels else "no value"
        raise InputError(
            source,
            f"column '{shorten(name)}' has {what} in the training samples: it tells no samples apart",
            f"leave it out of {option}",
        )
    if len(levels) == len(known):
        raise InputError(
            source,
            f"column '{shorten(name)}': each of {plural(len(known), 'training sample')} has a level of its own "
            f"(first: '{shorten(levels[0])}'): it is an id, or a number",
            f"leave it out of {option}, or name it in --numeric-columns",
        )
    return CategoricalColumn(name, levels)


def fit_number(metadata: Metadata, name: str, train_rows: np.ndarray) -> NumericColumn:
    """Learn mean and spread of the training samples; refuse a column that has none."""
    values = metadata.numeric(name, remedy=f"{EMPTY_CELLS}, or name it in --categorical-columns")[train_rows]
    values = values[~np.isnan(values)]
    if len(values) == 0 or values.min() == values.max():
        what = f"one value ({values[0]:g})" if len(values) else "no value"
        raise InputError(
            metadata.source,
            f"column '{shorten(name)}' has {what} in the training samples: it tells no samples apart",
            "leave it out of --numeric-columns",
        )
    with np.errstate(all="ignore"):
        mean, spread = float(values.mean()), float(values.std())
    if not 0 < spread < float("inf"):
        raise InputError(
            metadata.source,
            f"column '{shorten(name)}': values from {values.min():g} to {values.max():g} have no spread that can be "
            "computed",
            "give it in other units",
        )
    return NumericColumn(name, mean, spread)


def check_nested(source: str, columns: Sequence[str], child_N: np.ndarray, parent_N: np.ndarray) -> None:
    """Refuse a level that lies in several levels of the next column: it cannot start as its parent."""
    parents_of = defaultdict(set)
    for child, parent in zip(child_N, parent_N, strict=True):
        if child and parent:
            parents_of[child].add(parent)
    several = {child: sorted(parents) for child, parents in sorted(parents_of.items()) if len(parents) > 1}
    if several:
        child_name, parent_name = map(shorten, columns)
        first, parents = next(iter(several.items()))
        raise InputError(
            source,
            f"column '{child_name}': {plural(len(several), 'level')} in several of '{parent_name}' "
            f"(first: '{shorten(first)}' in {listed(parents)})",
            "name the finest column of --categorical-hierarchy first, and give each place a name of its own",
        )
