"""Covariates: from metadata columns to levels and numbers that a model reads.

Legend of shapes: ``N`` samples, ``C`` categorical columns, ``M`` two features for each numeric column, ``F`` features.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from functools import partial
from itertools import pairwise
from typing import Any, NamedTuple

import numpy as np

from aam.config import CovariateOptions
from aam.config.json_dataclass import need, read_plain
from aam.data.readers.computable import computable_spread
from aam.data.readers.metadata import Metadata
from aam.errors import Attempts, InputError
from aam.text import listed, plural, shorten

FAR = 5
"""Standard deviations from the mean of training, from which on a number is far from those of training."""
EMPTY_CELLS = "empty these cells"
"""The remedy for non-numeric cells of a numeric column; they then count as missing."""


@dataclass(frozen=True)
class CategoricalColumn:
    """A column of levels.

    Attributes
    ----------
    name
        Its name in the metadata.
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
        Its name in the metadata.
    mean, spread
        Mean and standard deviation of the training samples.
    """

    name: str
    mean: float
    spread: float


def fit_levels(source: str, name: str, labels: np.ndarray, in_chain: bool) -> CategoricalColumn:
    """Learn the levels of the training samples; refuse a constant column."""
    known = labels[labels != ""]
    levels = tuple(sorted(set(known)))
    option = "--categorical-hierarchy" if in_chain else "--categorical-columns"
    if len(levels) < 2:
        what = f"one level ('{shorten(levels[0])}')" if levels else "no value"
        raise InputError(
            source,
            f"column '{shorten(name)}' has {what} in the training samples: it carries no information",
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
    """Learn mean and standard deviation of the training samples; refuse a constant column."""
    values = metadata.numeric(name, remedy=f"{EMPTY_CELLS}, or name it in --categorical-columns")[train_rows]
    values = values[~np.isnan(values)]
    if len(values) == 0 or values.min() == values.max():
        what = f"one value ({values[0]:g})" if len(values) else "no value"
        raise InputError(
            metadata.source,
            f"column '{shorten(name)}' has {what} in the training samples: it carries no information",
            "leave it out of --numeric-columns",
        )
    spread = computable_spread(metadata.source, name, values, "give it in other units")
    return NumericColumn(name, float(values.mean()), spread)


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


FEATURES_PER_NUMBER = 2
"""The standardised value, and 1 where it is missing."""
LARGEST_NUMBER = 1e6
"""Of standardised values: a wild cell of a new sheet stays finite in all that is computed with it."""


class Covariates(NamedTuple):
    """Covariates of samples, as a :class:`CovariateSpec` encodes them.

    ``category_NC`` (int64) are levels, counted from 1 in the order of the column's levels; 0 stands for a level that
    the model does not know, or a missing one. ``number_NM`` (float32) has for each numeric column the standardised
    value (0 where missing) and 1 where it is missing.
    """

    category_NC: np.ndarray
    number_NM: np.ndarray


@dataclass(frozen=True)
class CovariateSpec:
    """Covariates as fitted on the training samples; saved with the model, so that predictions read them alike.

    Attributes
    ----------
    categorical
        The categorical columns, those of hierarchies included.
    numeric
        The numeric columns.
    hierarchies
        Names of the columns of each hierarchy, the finest first.
    """

    categorical: tuple[CategoricalColumn, ...]
    numeric: tuple[NumericColumn, ...]
    hierarchies: tuple[tuple[str, ...], ...]

    @classmethod
    def fit(cls, options: CovariateOptions, metadata: Metadata, train_rows: np.ndarray) -> CovariateSpec:
        """Learn levels, means and spreads from the training samples.

        Parameters
        ----------
        options
            Which columns there are; at least one.
        metadata
            The metadata of all samples of the study.
        train_rows
            The training samples.

        Raises
        ------
        InputError
            Listing all columns that are not in the metadata, are constant or unique to each sample, are not numeric
            though they should be, or do not lie within the next one of their hierarchy.
        """
        in_chains = [name for chain in options.hierarchies for name in chain]
        names = tuple(dict.fromkeys([*options.categorical_columns, *in_chains]))
        attempt = Attempts()
        found = {name: attempt(partial(metadata.labels, name)) for name in names}
        labels = {name: cells[train_rows] for name, cells in found.items() if cells is not None}
        for chain in options.hierarchies:
            for child, parent in pairwise(name for name in chain if name in labels):
                attempt(partial(check_nested, metadata.source, (child, parent), labels[child], labels[parent]))
        levels = [
            attempt(partial(fit_levels, metadata.source, name, cells, name in in_chains))
            for name, cells in labels.items()
        ]
        numbers = [attempt(partial(fit_number, metadata, name, train_rows)) for name in options.numeric_columns]
        attempt.raise_if_any()
        return cls(
            tuple(column for column in levels if column is not None),
            tuple(column for column in numbers if column is not None),
            options.hierarchies,
        )

    @property
    def columns(self) -> tuple[str, ...]:
        """Names of all columns."""
        return (*(column.name for column in self.categorical), *(column.name for column in self.numeric))

    @property
    def stand_alone(self) -> tuple[str, ...]:
        """Categorical columns that belong to no hierarchy."""
        in_chains = {name for chain in self.hierarchies for name in chain}
        return tuple(column.name for column in self.categorical if column.name not in in_chains)

    @property
    def num_features(self) -> int:
        """Number ``F`` of :func:`features`."""
        num_levels = sum(len(column.levels) for column in self.categorical)
        return num_levels + FEATURES_PER_NUMBER * len(self.numeric)

    def place(self, name: str) -> int:
        """Which of the ``C`` categorical columns has this name."""
        return [column.name for column in self.categorical].index(name)

    def encode(self, metadata: Metadata) -> Covariates:
        """The covariates of all samples of a metadata table, in its order.

        Raises
        ------
        InputError
            If a column is not in the metadata, or a numeric one is not numeric.
        """
        category_NC = np.zeros((len(metadata.sample_ids), len(self.categorical)), dtype=np.int64)
        for place, column in enumerate(self.categorical):
            code_of = {level: code for code, level in enumerate(column.levels, start=1)}
            category_NC[:, place] = [code_of.get(label, 0) for label in metadata.labels(column.name, known=code_of)]
        columns = [metadata.numeric(number.name, remedy=EMPTY_CELLS) for number in self.numeric]
        value_NC = np.stack(columns, axis=1) if columns else np.zeros((len(metadata.sample_ids), 0))
        return Covariates(category_NC, self.encode_numbers(value_NC))

    def encode_numbers(self, value_NC: np.ndarray) -> np.ndarray:
        """Numbers as models read them, two features (float32) each: in units of its spread, and whether it is missing.

        Parameters
        ----------
        value_NC
            A column for each numeric covariate, NaN where missing.
        """
        number_NM = np.zeros((len(value_NC), FEATURES_PER_NUMBER * len(self.numeric)), dtype=np.float32)
        for place, number in enumerate(self.numeric):
            value_N = (value_NC[:, place] - number.mean) / number.spread
            number_NM[:, FEATURES_PER_NUMBER * place] = np.nan_to_num(value_N).clip(-LARGEST_NUMBER, LARGEST_NUMBER)
            number_NM[:, FEATURES_PER_NUMBER * place + 1] = np.isnan(value_N)
        return number_NM

    def lines(self) -> tuple[str, ...]:
        """What the model learned of each column, one line per column."""
        of_levels = (
            f"{shorten(column.name)}: {plural(len(column.levels), 'level')} ({listed(column.levels)})"
            for column in self.categorical
        )
        of_numbers = (f"{shorten(n.name)}: mean {n.mean:.4g}, spread {n.spread:.4g}" for n in self.numeric)
        return (*of_levels, *of_numbers)

    def unknown_notes(self, metadata: Metadata) -> tuple[str, ...]:
        """For each column, how many samples have a level that the model does not know, a number far away, or no value.

        Raises
        ------
        InputError
            As :meth:`encode` does.
        """
        notes = []
        for column in self.categorical:
            labels, known = metadata.labels(column.name, known=column.levels), set(column.levels)
            unknown = [label for label in labels if label and label not in known]
            if unknown:
                notes.append(
                    f"{_samples_have(len(unknown))} a {shorten(column.name)} unknown to the model "
                    f"(first: '{shorten(unknown[0])}')"
                )
            notes += _missing_note(column.name, int((labels == "").sum()))
        for number in self.numeric:
            value_N = metadata.numeric(number.name, remedy=EMPTY_CELLS)
            notes += _missing_note(number.name, int(np.isnan(value_N).sum()))
            far = value_N[np.abs(value_N - number.mean) > FAR * number.spread]
            if len(far):
                notes.append(
                    f"{_samples_have(len(far))} a {shorten(number.name)} more than {FAR} standard deviations from the "
                    f"training mean of {number.mean:.4g} (first: {far[0]:.4g})"
                )
        return tuple(notes)

    def to_dict(self) -> dict[str, Any]:
        """Plain JSON types."""
        return {
            "categorical": [{"name": column.name, "levels": list(column.levels)} for column in self.categorical],
            "numeric": [asdict(column) for column in self.numeric],
            "hierarchies": [list(chain) for chain in self.hierarchies],
        }

    @classmethod
    def from_dict(cls, values: Any) -> CovariateSpec:
        """The inverse of :meth:`to_dict`; :class:`ValueError` if something else was written."""
        need(isinstance(values, dict) and all(isinstance(part, list) for part in values.values()), "wrong covariates")
        spec = read_plain(
            cls,
            {
                **values,
                "categorical": [read_plain(CategoricalColumn, column) for column in values.get("categorical", [])],
                "numeric": [read_plain(NumericColumn, column) for column in values.get("numeric", [])],
                "hierarchies": [tuple(chain) for chain in values.get("hierarchies", [])],
            },
        )
        categorical = [column.name for column in spec.categorical]
        names = [*categorical, *(column.name for column in spec.numeric)]
        need(bool(names) and len(set(names)) == len(names), "duplicate covariate")
        in_chains = [name for chain in spec.hierarchies for name in chain]
        need(set(in_chains) <= set(categorical) and all(spec.hierarchies), "a hierarchy has other covariates")
        sound = all(column.levels for column in spec.categorical) and all(number.spread > 0 for number in spec.numeric)
        need(sound, "a covariate has no levels or no spread")
        return spec


def features(spec: CovariateSpec, category_NC: np.ndarray, number_NM: np.ndarray) -> np.ndarray:
    """What linear models and forests read, ``N x F`` (float32).

    One column for each level (all 0 where it is unknown or missing), then the numbers.
    """
    parts = [
        category_NC[:, [place]] == np.arange(1, len(column.levels) + 1) for place, column in enumerate(spec.categorical)
    ]
    return np.concatenate([*parts, number_NM], axis=1, dtype=np.float32)


def _samples_have(number: int) -> str:
    return f"{plural(number, 'sample')} {'has' if number == 1 else 'have'}"


def _missing_note(name: str, number: int) -> list[str]:
    return [f"{_samples_have(number)} no {shorten(name)}"] if number else []
