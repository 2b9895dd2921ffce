"""Targets: from the sample sheet's units to what the model learns, and back."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Literal

import numpy as np

from aam.config.json_dataclass import need, read_plain
from aam.data.readers.metadata import Metadata
from aam.data.targets.transforms import check_parameters, domain_problem, forward, inverse
from aam.errors import InputError
from aam.text import listed, shorten

Kind = Literal["regression", "classification"]


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
        As in :class:`~aam.config.TargetOptions`; see :mod:`aam.data.targets.transforms`.
    parameters
        Of the transform, as :func:`~aam.data.targets.transforms.fit_parameters` gives them.
    shift, scale
        The model learns ``(transformed - shift) / scale``.
    level_shift, level_scale
        The same within each level, for ``zscore-category``: by the level's code, of which 0 is all other samples.
    presence
        Share of the training samples that have a value.
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
    parameters: tuple[float, ...] = ()
    shift: float = 0.0
    scale: float = 1.0
    level_shift: tuple[float, ...] = ()
    level_scale: tuple[float, ...] = ()
    presence: float = 1.0
    classes: tuple[str, ...] = ()
    class_weights: tuple[float, ...] = ()
    mean: float = 0.0
    median: float = 0.0
    majority: str = ""

    def encode(self, values: np.ndarray, level_N: np.ndarray | None = None) -> np.ndarray:
        """What the model learns: normalised numbers (float32) or classes (int64).

        Parameters
        ----------
        values
            Numbers (``N``, NaN where missing, which stays NaN), or labels.
        level_N
            Codes of the samples' levels, as of :meth:`Targets.level_codes`; None if they are not known.

        Raises
        ------
        InputError
            For a label that is not among the classes, and for a number that the transform does not take.
        """
        if self.kind == "classification":
            return self._encode_labels(values)
        values = np.asarray(values, dtype=np.float64)
        if problem := domain_problem(self.transform, values):
            raise InputError(f"column '{shorten(self.column)}'", problem, "leave their samples out with --where")
        shift, scale = self._shift_and_scale(level_N, values.ndim)
        return ((forward(self.transform, self.parameters, values) - shift) / scale).astype(np.float32)

    def decode(self, predictions: np.ndarray, level_B: np.ndarray | None = None) -> np.ndarray:
        """Normalised predictions in the user's units (float64); class probabilities stay as they are.

        A finite prediction becomes a finite number, however wild it is.

        Parameters
        ----------
        predictions
            A number for each sample (``B``), or several (``B x Q``).
        level_B
            As for :meth:`encode`.
        """
        values = np.asarray(predictions, dtype=np.float64)
        if self.kind == "classification":
            return values
        shift, scale = self._shift_and_scale(level_B, values.ndim)
        return inverse(self.transform, self.parameters, values * scale + shift)

    def to_dict(self) -> dict[str, Any]:
        """Plain JSON types."""
        return {name: list(value) if isinstance(value, tuple) else value for name, value in asdict(self).items()}

    @classmethod
    def from_dict(cls, values: Any) -> TargetSpec:
        """The inverse of :meth:`to_dict`; :class:`ValueError` if something else was written."""
        spec = read_plain(cls, values)
        weights, is_class = spec.class_weights, spec.kind == "classification"
        need(len(spec.classes) >= 2 if is_class else not spec.classes, "the kind of target does not fit its classes")
        need(len(set(spec.classes)) == len(spec.classes), "a class is there twice")
        need(len(weights) in (0, len(spec.classes)) and min(weights, default=1) >= 0, "the classes' weights are wrong")
        need(len(spec.level_shift) == len(spec.level_scale), "the levels' scales are wrong")
        need(min((spec.scale, *spec.level_scale)) > 0 and 0 < spec.presence <= 1, "a scale or share is not positive")
        check_parameters(spec.transform, spec.parameters)
        return spec

    def _encode_labels(self, labels: np.ndarray) -> np.ndarray:
        codes = {label: code for code, label in enumerate(self.classes)}
        unknown = [str(label) for label in labels if label not in codes]
        if unknown:
            raise InputError(
                f"column '{shorten(self.column)}'",
                f"unknown level '{shorten(unknown[0])}' (trained on: {listed(self.classes)})",
                "leave its samples out with --where",
            )
        return np.array([codes[label] for label in labels], dtype=np.int64)

    def _shift_and_scale(self, level_N: np.ndarray | None, num_axes: int) -> tuple[Any, Any]:
        """Numbers, or one for each sample, which broadcast over further axes."""
        if level_N is None or not self.level_shift:
            return self.shift, self.scale
        shape = (-1,) + (1,) * (num_axes - 1)
        return np.array(self.level_shift)[level_N].reshape(shape), np.array(self.level_scale)[level_N].reshape(shape)


@dataclass(frozen=True, kw_only=True)
class Targets:
    """All that a model predicts at once: several numbers, or one class.

    Attributes
    ----------
    specs
        One for each of ``T`` columns.
    normalize_by
        Columns of the levels of ``zscore-category``; empty for other transforms.
    levels
        The joint levels of the training samples, sorted, as :func:`joint_levels` writes them.
    """

    specs: tuple[TargetSpec, ...]
    normalize_by: tuple[str, ...] = ()
    levels: tuple[str, ...] = ()

    def __len__(self) -> int:
        return len(self.specs)

    @property
    def kind(self) -> Kind:
        """Numbers or a class."""
        return self.specs[0].kind

    @property
    def columns(self) -> tuple[str, ...]:
        """Columns of the sample sheet, in order."""
        return tuple(spec.column for spec in self.specs)

    def level_codes(self, metadata: Metadata) -> np.ndarray:
        """Code of each sample's level (``N``, int64): 1 + its place in :attr:`levels`, 0 if it is missing or unknown.

        Raises
        ------
        InputError
            If a column of :attr:`normalize_by` is not in the sample sheet.
        """
        if not self.normalize_by:
            return np.zeros(len(metadata.sample_ids), dtype=np.int64)
        return level_codes(joint_levels(metadata, self.normalize_by), self.levels)

    def encode(self, values: Mapping[str, np.ndarray], level_N: np.ndarray | None = None) -> np.ndarray:
        """What the model learns: numbers (``N x T``, float32, NaN where missing) or classes (``N x 1``, int64).

        Parameters
        ----------
        values
            By column: float64 with NaN where missing, or labels.
        level_N
            As of :meth:`level_codes`; None if the levels are not known.

        Raises
        ------
        InputError
            As :meth:`TargetSpec.encode`.
        """
        return np.stack([spec.encode(values[spec.column], level_N) for spec in self.specs], axis=1)

    def decode(self, normalised: np.ndarray, level_B: np.ndarray | None = None) -> np.ndarray:
        """Predictions in the user's units (float64); class probabilities stay as they are.

        Parameters
        ----------
        normalised
            ``B x T``, or ``B x T x Q`` for several numbers each; for classes ``B x C``.
        level_B
            As of :meth:`level_codes`; None if the levels are not known.
        """
        values = np.asarray(normalised, dtype=np.float64)
        if self.kind == "classification":
            return values
        return np.stack([spec.decode(values[:, place], level_B) for place, spec in enumerate(self.specs)], axis=1)

    def to_dict(self) -> dict[str, Any]:
        """Plain JSON types."""
        return {
            "specs": [spec.to_dict() for spec in self.specs],
            "normalize_by": list(self.normalize_by),
            "levels": list(self.levels),
        }

    @classmethod
    def from_dict(cls, values: Any) -> Targets:
        """The inverse of :meth:`to_dict`; :class:`ValueError` if something else was written."""
        need(isinstance(values, dict) and isinstance(values.get("specs"), list), "there is no list of targets")
        targets = read_plain(cls, {**values, "specs": [TargetSpec.from_dict(spec) for spec in values["specs"]]})
        kinds = [spec.kind for spec in targets.specs]
        need(bool(kinds) and kinds in (["regression"] * len(kinds), ["classification"]), "targets do not go together")
        need(len(set(targets.columns)) == len(kinds), "a target is there twice")
        num_levels = {len(spec.level_shift) for spec in targets.specs} - {0, len(targets.levels) + 1}
        need(not num_levels, "the levels' scales do not fit the levels")
        return targets


def joint_levels(metadata: Metadata, columns: tuple[str, ...]) -> np.ndarray:
    """The level of each sample in several columns at once, such as ``"season=winter, site=gut"``.

    Parameters
    ----------
    metadata
        The sample sheet.
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
    labels = [metadata.labels(column) for column in columns]
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
