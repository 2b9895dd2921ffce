"""The contract of a kind of target, the records that it reads and makes, and the registry of all kinds.

A kind knows all that differs between numbers and classes: how a column is read, balanced, fitted, encoded and decoded,
what intervals are made of, which columns stand in the table of predictions, by which metrics it is judged, and how
results are worded. Its network head is registered under :attr:`Kind.head` (:mod:`aam.models.target_heads`).

Legend: ``N`` samples of a study, ``B`` that are predicted, ``P`` rarefied draws, ``Q`` quantiles, ``C`` classes.
"""

from __future__ import annotations

import dataclasses
from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, fields
from typing import Any, ClassVar, Literal

import numpy as np

from aam.config import LossOptions
from aam.config.json_dataclass import need, read_plain
from aam.config.target import ColumnOptions
from aam.data.readers.metadata import Metadata
from aam.data.targets.intervals import Calibration
from aam.data.targets.kinds.cells import Cells
from aam.data.targets.kinds.samples import IntervalSettings, Samples
from aam.data.targets.transforms import check_parameters
from aam.text import shorten


class Kind(ABC):
    """A kind of target.

    Attributes
    ----------
    saved_name
        Its word in saved models and records.
    head
        Its network head.
    metrics
        Its metrics (:mod:`aam.evaluation.catalogue`), in the order in which they are shown.
    main_metric, mean_metric
        The metric that sums results up and chooses the best model, and the one whose mean does so for several targets;
        None where a model has one such target only.
    tiles, charted
        The metrics that the report shows at a glance, and as figures.
    guess, guessed
        The constant prediction: its name among the predictors, and what of the training samples it answers.
    shown_as
        Which figures and tables the report shows.
    covers_strata
        Whether each part of a split needs samples of every stratum: metrics of classes need each class.
    mixed_as
        What the head takes of a mixture of two samples: weighted means, shares of classes (``B x C``), or None.
    is_ordered, is_count
        Whether its classes have an order, from low to high; whether its numbers are counts.
    """

    saved_name: ClassVar[str]
    head: ClassVar[str]
    metrics: ClassVar[tuple[str, ...]]
    main_metric: ClassVar[str]
    mean_metric: ClassVar[str | None] = None
    tiles: ClassVar[tuple[str, ...]]
    charted: ClassVar[tuple[str, ...]]
    guess: ClassVar[str]
    guessed: ClassVar[str]
    shown_as: ClassVar[Literal["numbers", "classes"]]
    covers_strata: ClassVar[bool] = False
    mixed_as: ClassVar[Literal["means", "shares"] | None] = None
    is_ordered: ClassVar[bool] = False
    is_count: ClassVar[bool] = False

    @abstractmethod
    def matches_options(self, target: ColumnOptions) -> bool:
        """Whether options ask for this kind."""

    def learned_by(self, loss: LossOptions) -> Kind:
        """The kind itself, or a variant that a loss asks for."""
        return self

    @abstractmethod
    def read(self, metadata: Metadata, column: str, missing: Sequence[str]) -> np.ndarray:
        """Values of a metadata column, ``N``; ``missing`` are further words for a missing value."""

    @abstractmethod
    def is_present(self, values: np.ndarray) -> np.ndarray:
        """Which values are not missing."""

    @abstractmethod
    def strata(self, values: np.ndarray) -> np.ndarray:
        """Stratum of each sample, from 0, by which parts of a split are balanced."""

    @abstractmethod
    def strata_words(self, target: str) -> str:
        """What strata are, in words."""

    def check_folds(self, values: np.ndarray, number: int) -> None:  # noqa: B027 (most kinds have nothing to refuse)
        """Refuse values that cannot be divided into a number of folds (:class:`~aam.errors.InputError`)."""

    def unseen(self, values: np.ndarray, rows: np.ndarray) -> Sequence[str]:
        """Values of which these rows have no sample: who learns from them cannot predict these values."""
        return ()

    @abstractmethod
    def fit(
        self, rules: TargetRules, column: str, values: np.ndarray, train_rows: np.ndarray, source: str
    ) -> TargetSpec:
        """Fit a target on the training samples.

        Raises
        ------
        InputError
            If the training samples cannot teach it; ``source`` is the metadata file.
        """

    @abstractmethod
    def check(self, spec: TargetSpec) -> None:
        """Refuse a saved target that this kind cannot have fitted (:class:`ValueError`)."""

    @abstractmethod
    def describe(self, spec: TargetSpec) -> str:
        """A fitted target in words."""

    @abstractmethod
    def output_shape(self, specs: Sequence[TargetSpec]) -> tuple[int, ...]:
        """Shape of what the network's head says of a sample."""

    @abstractmethod
    def encode(self, spec: TargetSpec, values: np.ndarray, level_N: np.ndarray | None) -> np.ndarray:
        """What the model learns, ``N``; see :meth:`TargetSpec.encode`."""

    @abstractmethod
    def decode(self, spec: TargetSpec, learned: np.ndarray, level_B: np.ndarray | None) -> np.ndarray:
        """The inverse of :meth:`encode`; see :meth:`TargetSpec.decode`."""

    @abstractmethod
    def part(self, learned: np.ndarray, outputs: slice) -> np.ndarray:
        """What the head's output (samples first) says of one target, whose outputs are these of the second axis."""

    @abstractmethod
    def calibrate(
        self, spec: TargetSpec, learned: np.ndarray, samples: Samples, settings: IntervalSettings
    ) -> Calibration | None:
        """Learn from held-out samples how far off predictions are; None where no sample has a value."""

    @abstractmethod
    def predict(
        self,
        spec: TargetSpec,
        learned: np.ndarray,
        draws: np.ndarray,
        samples: Samples,
        settings: IntervalSettings,
    ) -> Predictions:
        """Predictions with intervals in the user's units, from the mean over draws and from each draw (``P`` first)."""

    @abstractmethod
    def columns(self, table: Predictions) -> dict[str, list[str]]:
        """The columns of the prediction table, and their cells."""

    @abstractmethod
    def from_columns(self, cells: Cells, spec: TargetSpec) -> dict[str, Any]:
        """The inverse of :meth:`columns`, with ``observed``: fields of :class:`Predictions`.

        Raises
        ------
        InputError
            If the cells are something else.
        """

    @abstractmethod
    def values_of(self, texts: np.ndarray) -> np.ndarray:
        """Values from cells of a table; an empty cell is missing."""

    @abstractmethod
    def constant(self, spec: TargetSpec, table: Predictions) -> Predictions:
        """What the constant prediction says of the same samples."""

    @abstractmethod
    def guess_of(self, spec: TargetSpec) -> float | str:
        """What the constant prediction answers."""

    @abstractmethod
    def worst(self, table: Predictions) -> np.ndarray:
        """Rows of the samples that are predicted wrongly, the worst first."""

    @abstractmethod
    def headline(self, column: str, said: Mapping[str, str]) -> str:
        """The result in words, from the main metric of each predictor (``model``, perhaps ``forest``, the guess)."""


@dataclass(frozen=True, kw_only=True)
class TargetRules:
    """How targets are to be fitted.

    Attributes
    ----------
    columns, kind
        Their metadata columns, and what they are.
    transform, normalize_by, levels, exposure_column
        As in :class:`~aam.config.TargetOptions`, where the levels are called ``ordered``; empty where there are none.
    class_weights
        As in :class:`~aam.config.LossOptions`.
    """

    columns: tuple[str, ...]
    kind: Kind
    transform: str = "zscore"
    normalize_by: tuple[str, ...] = ()
    class_weights: str | tuple[float, ...] = "none"
    levels: tuple[str, ...] = ()
    exposure_column: str = ""


@dataclass(frozen=True, kw_only=True)
class TargetSpec:
    """A target as fitted on the training samples; saved with the model, so that predictions have the user's units.

    Attributes
    ----------
    column
        Its metadata column.
    kind
        What it is.
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
        Sorted labels, or the levels from low to high; empty for a number.
    class_weights
        Weight of each class in the loss, with a mean of 1 over the training samples; empty for equal weights.
    mean, median
        Of the training samples, in the user's units; of counts with an exposure, for a unit of it; 0 for classes.
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
            Numbers (``N``, NaN where missing, which stays NaN), or labels (empty where missing, which becomes -1).
        level_N
            Codes of the samples' levels, as of :meth:`~aam.data.targets.targets.Targets.level_codes`; None if they
            are not known.

        Raises
        ------
        InputError
            For a label that is not among the classes, and for a number that the transform does not take.
        """
        return self.kind.encode(self, values, level_N)

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
        return self.kind.decode(self, np.asarray(predictions, dtype=np.float64), level_B)

    def to_dict(self) -> dict[str, Any]:
        """Plain JSON types."""
        plain = {one.name: getattr(self, one.name) for one in fields(self)} | {"kind": self.kind.saved_name}
        return {name: list(value) if isinstance(value, tuple) else value for name, value in plain.items()}

    @classmethod
    def from_dict(cls, values: Any) -> TargetSpec:
        """The inverse of :meth:`to_dict`; :class:`ValueError` if something else was written."""
        if isinstance(values, dict) and "kind" in values:
            values = {**values, "kind": kind_of_saved_name(values["kind"])}
        spec = read_plain(cls, values)
        weights = spec.class_weights
        spec.kind.check(spec)
        need(len(set(spec.classes)) == len(spec.classes), "duplicate class")
        need(len(weights) in (0, len(spec.classes)) and min(weights, default=1) >= 0, "the classes' weights are wrong")
        need(len(spec.level_shift) == len(spec.level_scale), "the levels' scales are wrong")
        need(min((spec.scale, *spec.level_scale)) > 0 and 0 < spec.presence <= 1, "a scale or share is not positive")
        check_parameters(spec.transform, spec.parameters)
        return spec


@dataclass(frozen=True, kw_only=True, eq=False)
class Predictions:
    """What one predictor says of one target of ``N`` samples.

    Attributes
    ----------
    kind
        What is predicted.
    sample_ids
        ``N`` ids.
    observed, predicted
        ``N`` numbers in the user's units, or labels. A missing observation is NaN, or empty.
    classes
        The ``C`` labels, sorted, or the levels from low to high; empty for numbers.
    probabilities
        ``N x C``, in the order of the classes; None for numbers.
    groups
        Group of each sample, where samples of one group are alike; None where each stands for itself.
    low, high, exposure
        Ends of the prediction intervals of numbers, and what counts are proportional to, ``N``, where there are any.
    sets
        Which classes each prediction set holds, ``N x C`` (bool), where there are any.
    deviation
        Standard deviation over rarefied draws, ``N``, where there were several: of the number, or of the probability
        of the predicted class.
    quantiles
        Level -> the predicted quantiles, ``N``, where the model learned them.
    """

    kind: Kind
    sample_ids: np.ndarray
    observed: np.ndarray
    predicted: np.ndarray
    classes: tuple[str, ...] = ()
    probabilities: np.ndarray | None = None
    groups: np.ndarray | None = None
    low: np.ndarray | None = None
    high: np.ndarray | None = None
    exposure: np.ndarray | None = None
    sets: np.ndarray | None = None
    deviation: np.ndarray | None = None
    quantiles: Mapping[float, np.ndarray] = field(default_factory=dict)

    def __len__(self) -> int:
        return len(self.sample_ids)

    def select(self, rows: np.ndarray) -> Predictions:
        """The predictions of some samples."""
        parts: dict[str, Any] = {name: getattr(self, name) for name in PER_SAMPLE}
        chosen: dict[str, Any] = {name: None if part is None else part[rows] for name, part in parts.items()}
        quantiles = {level: values[rows] for level, values in self.quantiles.items()}
        return dataclasses.replace(self, quantiles=quantiles, **chosen)

    def known(self) -> Predictions:
        """The predictions of the samples whose truth is known."""
        return self.select(np.flatnonzero(self.kind.is_present(self.observed)))

    def of_samples(self, sample_ids: Iterable[str]) -> Predictions | None:
        """The predictions of these samples, in their order; None if one of them is lacking."""
        row_of = {sample_id: row for row, sample_id in enumerate(self.sample_ids)}
        rows = [row_of.get(sample_id, -1) for sample_id in sample_ids]
        return None if -1 in rows else self.select(np.array(rows, dtype=np.int64))


PER_SAMPLE = tuple(one.name for one in fields(Predictions) if one.name not in ("kind", "classes", "quantiles"))

KINDS: dict[str, Kind] = {}
"""All kinds by :attr:`Kind.saved_name`; the first is that of a target of which nothing is said."""


def register(kind: Kind) -> None:
    """Add a kind of target."""
    assert kind.saved_name not in KINDS
    KINDS[kind.saved_name] = kind


def chosen_kind(target: ColumnOptions, loss: LossOptions | None = None) -> Kind:
    """The kind of target that options ask for: the one registered last of those that answer to them."""
    kind = next(one for one in reversed(KINDS.values()) if one.matches_options(target))
    return kind if loss is None else kind.learned_by(loss)


def kind_of_saved_name(word: Any) -> Kind:
    """The kind with a word of a saved model; :class:`ValueError` if there is none."""
    if not isinstance(word, str) or word not in KINDS:
        raise ValueError(f"'kind' of TargetSpec cannot be {shorten(repr(word))}")
    return KINDS[word]
