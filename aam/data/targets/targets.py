"""All that a model predicts at once, and the levels within which it is scaled."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from aam.config import LossOptions
from aam.config.json_dataclass import need, read_plain
from aam.data.readers.metadata import Metadata
from aam.data.targets.kinds import Kind, TargetSpec
from aam.data.targets.kinds.classes import MISSING
from aam.errors import InputError
from aam.text import plural, shorten


@dataclass(frozen=True, kw_only=True)
class Targets:
    """All that a model predicts at once: one or several numbers, or columns of classes.

    Attributes
    ----------
    specs
        One for each of ``T`` columns.
    normalize_by
        Columns of the levels of ``zscore-category``; empty for other transforms.
    levels
        The joint levels of the training samples, sorted, as :func:`joint_levels` writes them.
    exposure_column
        Column of what counts are proportional to; empty where each sample counts as one unit.
    """

    specs: tuple[TargetSpec, ...]
    normalize_by: tuple[str, ...] = ()
    levels: tuple[str, ...] = ()
    exposure_column: str = ""

    def __len__(self) -> int:
        return len(self.specs)

    @property
    def kind(self) -> Kind:
        """What they are; several are of one kind."""
        return self.specs[0].kind

    def learned_by(self, loss: LossOptions) -> Targets:
        """The same, of the variant of their kind that a loss asks for."""
        kind = self.kind.learned_by(loss)
        return dataclasses.replace(self, specs=tuple(dataclasses.replace(spec, kind=kind) for spec in self.specs))

    @property
    def outputs(self) -> tuple[slice, ...]:
        """The outputs of each target among all: one of a number, or one for each class."""
        ends = np.cumsum([len(spec.classes) or 1 for spec in self.specs]).tolist()
        return tuple(slice(start, end) for start, end in zip([0, *ends], ends, strict=False))

    @property
    def output_names(self) -> tuple[str, ...]:
        """A name for each output: the columns, the classes of one column, or ``COLUMN=CLASS`` of several."""
        if len(self) == 1:
            return self.specs[0].classes or self.columns
        columns = [[f"{spec.column}={name}" for name in spec.classes] or [spec.column] for spec in self.specs]
        return tuple(name for own in columns for name in own)

    def part(self, learned: np.ndarray, place: int) -> np.ndarray:
        """What a prediction of all targets (samples first) says of one."""
        return self.kind.part(learned, self.outputs[place])

    @property
    def columns(self) -> tuple[str, ...]:
        """Metadata columns, in order."""
        return tuple(spec.column for spec in self.specs)

    def level_codes(self, metadata: Metadata) -> np.ndarray:
        """Code of each sample's level (``N``, int64): 1 + its place in :attr:`levels`, 0 if it is missing or unknown.

        Counts with an :attr:`exposure_column` have the samples' exposures instead (float64).

        Raises
        ------
        InputError
            If a column of :attr:`normalize_by` is not in the metadata, or an exposure is no number above 0.
        """
        if self.exposure_column:
            return exposures(metadata, self.exposure_column)
        if not self.normalize_by:
            return np.zeros(len(metadata.sample_ids), dtype=np.int64)
        joint, known = joint_levels(metadata, self.normalize_by), set(self.levels)
        as_written = _joined([metadata.column(column) for column in self.normalize_by], self.normalize_by)
        # A word that usually means a missing value is a level where the model has it as one.
        return level_codes(np.where([level in known for level in as_written], as_written, joint), self.levels)

    def encode(self, values: Mapping[str, np.ndarray], level_N: np.ndarray | None = None) -> np.ndarray:
        """What the model learns: numbers (``N x T``, float32, NaN where missing) or classes (int64, -1 where missing).

        Parameters
        ----------
        values
            By column: float64 with NaN where missing, or labels.
        level_N
            As of :meth:`level_codes`; None if the levels are not known.

        Raises
        ------
        InputError
            As :meth:`~aam.data.targets.kinds.TargetSpec.encode`.
        """
        return np.stack([spec.encode(values[spec.column], level_N) for spec in self.specs], axis=1)

    def lines(self) -> list[str]:
        """What is learned, in words, a line for each target."""
        unit = f" for each unit of '{shorten(self.exposure_column)}'" if self.exposure_column else ""
        return [f"learn '{spec.column}'{unit}, {spec.kind.describe(spec)}" for spec in self.specs]

    def to_dict(self) -> dict[str, Any]:
        """Plain JSON types."""
        return {
            "specs": [spec.to_dict() for spec in self.specs],
            "normalize_by": list(self.normalize_by),
            "levels": list(self.levels),
            **({"exposure_column": self.exposure_column} if self.exposure_column else {}),
        }

    @classmethod
    def from_dict(cls, values: Any) -> Targets:
        """The inverse of :meth:`to_dict`; :class:`ValueError` if something else was written."""
        need(isinstance(values, dict) and isinstance(values.get("specs"), list), "there is no list of targets")
        targets = read_plain(cls, {**values, "specs": [TargetSpec.from_dict(spec) for spec in values["specs"]]})
        kinds = {spec.kind for spec in targets.specs}
        is_alone_or_many = len(targets) == 1 or all(kind.mean_metric is not None for kind in kinds)
        need(len(kinds) == 1 and is_alone_or_many, "targets do not go together")
        need(len(set(targets.columns)) == len(targets), "duplicate target")
        num_levels = {len(spec.level_shift) for spec in targets.specs} - {0, len(targets.levels) + 1}
        need(not num_levels, "the levels' scales do not fit the levels")
        need(not targets.exposure_column or targets.kind.is_count, "only counts have an exposure")
        return targets


def with_missing(encoded: np.ndarray) -> np.ndarray:
    """Encoded targets as float64, with NaN for a class that is missing too."""
    found = np.array(encoded, dtype=np.float64)
    if np.issubdtype(encoded.dtype, np.integer):
        found[encoded == MISSING] = np.nan
    return found


def joint_levels(metadata: Metadata, columns: tuple[str, ...]) -> np.ndarray:
    """The level of each sample in several columns at once, such as ``"season=winter, site=gut"``.

    Parameters
    ----------
    metadata
        The metadata.
    columns
        One or more.

    Returns
    -------
    numpy.ndarray
        Text (``N``, object); ``""`` where one of the columns is missing.

    Raises
    ------
    InputError
        If there is no such column.
    """
    return _joined([metadata.labels(column) for column in columns], columns)


def exposures(metadata: Metadata, column: str) -> np.ndarray:
    """What the counts of each sample are proportional to (``N``, float64).

    Raises
    ------
    InputError
        If there is no such column, or one of its cells is no number above 0.
    """
    values = metadata.numeric(column, remedy="leave their samples out with --where")
    wrong = np.flatnonzero(~(values > 0) | np.isinf(values))
    if len(wrong):
        first = f"first: {shorten(str(metadata.sample_ids[wrong[0]]))}"
        problem = f"column '{shorten(column)}': {plural(len(wrong), 'sample')} without an exposure above 0 ({first})"
        raise InputError(metadata.source, problem, "give it, or leave their samples out with --where")
    return values


def _joined(labels: Sequence[np.ndarray], columns: tuple[str, ...]) -> np.ndarray:
    """Labels of several columns as one; empty where one of them is."""
    rows = zip(*labels, strict=True)
    joint = [", ".join(map("=".join, zip(columns, row, strict=True))) if all(row) else "" for row in rows]
    return np.array(joint, dtype=object)


def level_codes(level_of_N: np.ndarray | Sequence[str], levels: tuple[str, ...]) -> np.ndarray:
    """Place of each sample's level among the levels, from 1 on (int64); 0 where it is missing or not among them."""
    code_of = {level: code for code, level in enumerate(levels, start=1)}
    return np.array([code_of.get(level, 0) for level in level_of_N], dtype=np.int64)


def metric_endings(columns: Sequence[str]) -> list[str]:
    """What is added to the name of a metric for each target: nothing where there is only one.

    Column names become words of letters, digits, points and dashes, since metrics are columns of a table.
    """
    if len(columns) == 1:
        return [""]
    words = ["_" + re.sub(r"[^\w.-]", "_", column) for column in columns]
    return [word if words.count(word) == 1 else f"{word}_{place}" for place, word in enumerate(words)]
