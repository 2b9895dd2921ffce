"""The predictors of numbers and of classes.

Legend of shapes: ``N`` samples, ``T`` targets, ``C`` classes.
"""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from typing import Any, Self

import numpy as np
from sklearn.base import ClassifierMixin, RegressorMixin
from sklearn.utils import Tags, check_consistent_length

from aam.config import TrainConfig
from aam.config.keywords import documented
from aam.config.option import read_values
from aam.config.studies import CLASS
from aam.data.targets.kinds import CLASSES, COUNTS, NUMBERS, ORDERED, Kind, Predictions
from aam.errors import CheckpointError
from aam.estimators.base import Estimator
from aam.estimators.label_columns import label_columns, learned, places, side_by_side
from aam.estimators.options import CLASSIFIER, REGRESSOR, DataError, ParameterError, as_value_errors, constructor
from aam.estimators.targets import (
    GROUPS,
    NAME,
    Answers,
    Labels,
    check_level,
    groups_of,
    labels_of_texts,
    numbers_of,
    training_study,
    type_of_labels,
    weights_of,
)
from aam.workflows.in_memory import fit_predictor, preserved_torch_state
from aam.workflows.trained.model import TrainedModel

LABEL_TYPE, TARGET_AXES = "label type", "axes of y"
"""What the record of a model keeps of y, so that a model that is loaded answers as it did."""


class Predictor(Estimator):
    """What predictors of numbers and of classes have in common."""

    val_prediction_passes: int

    def _train(self, X: Any, answers: Answers, config: TrainConfig) -> None:
        """Learn the answers, which are those of X's samples."""
        study = self._study(X, config.table, reset=True, needs_dna=config.learners.needs_dna)
        with as_value_errors(), preserved_torch_state():
            depth = "none" if config.drawing is None else config.drawing.rarefy_depth
            self.trained_ = fit_predictor(config, training_study(study, answers, depth))

    def _require(self, y: Any) -> None:
        if y is None:
            raise ValueError(f"{type(self).__name__} requires y to be passed, but the target y is None")

    def _config(self, answers: Answers, **fixed: Any) -> TrainConfig:
        columns, group = list(answers.targets), None if answers.group_N is None else GROUPS
        named = {"metadata": NAME, "metadata_column": columns, "group_column": group}
        return self._options(TrainConfig, **named, forest_baseline=False, report=False, **fixed)

    def _predictions(self, X: Any, level: float | None = None) -> list[Predictions]:
        """All that the models say of samples, for each target."""
        with as_value_errors():
            check_level(level)
        study = self._study_to_predict(X)
        with as_value_errors():
            names = ("val_prediction_passes", "seed", "device")
            given = read_values(TrainConfig, {name: getattr(self, name) for name in names})
            passes = given.pop("val_prediction_passes")
            if level is not None:
                given |= read_values(TrainConfig, {"interval_level": level})
            return list(self.trained_.predict(study, prediction_passes=passes, **given).values())

    def _check_guarantee(self, level: float | None) -> None:
        manifest = self.trained_.manifest
        if not any(manifest.calibrations):
            raise DataError("intervals", "the model has none: no target had a value in the validation samples")
        for line in manifest.decoder(level).coverage_warnings():
            warnings.warn(line, stacklevel=3)

    def _check_kind(self, trained: TrainedModel, kinds: Sequence[Kind], source: str) -> None:
        """Refuse a model of another kind, or one that must be told more of samples than their microbes."""
        targets = trained.manifest.targets
        names = [kind.saved_name for kind in kinds]
        if targets is None or targets.kind.saved_name not in names:
            found = "a pre-trained encoder" if targets is None else f"a model of {targets.kind.saved_name}"
            own = "AAMEncoder" if targets is None else "AAMClassifier" if targets.specs[0].classes else "AAMRegressor"
            needed = f"{type(self).__name__} needs one of {' or '.join(names)}"
            raise CheckpointError(f"{source}: {found}; {needed}: {own} loads it")
        if trained.manifest.needed_columns:
            raise CheckpointError(f"{source}: the model needs metadata columns; use aam predict")


class AAMRegressor(RegressorMixin, Predictor):
    """Predicts numbers from 16S amplicon data: what `aam train` does, as a scikit-learn estimator.

    Parameters
    ----------
    {parameters}

    Attributes
    ----------
    trained_
        The models, and what describes them.
    n_features_in_
        Columns of the table that was given in fit.

    Notes
    -----
    X is a data frame of counts (samples x ASVs; the columns are DNA, the index are the sample ids), a
    :class:`~aam.data.study.study.Study`, or an array or sparse matrix together with the parameter ``sequences``. A
    table to predict may have other ASVs than that of fit; but an array has the columns that ``sequences`` says.

    Examples
    --------
    >>> study = aam.load_study(table="study/table.biom", metadata="study/metadata.tsv", metadata_column="gradient")
    >>> model = aam.AAMRegressor(learners="kernels").fit(study, study.targets["gradient"])
    >>> model.predict(study[:5]).shape
    (5,)
    >>> model.predict_interval(study[:5], level=0.5).shape
    (5, 2)
    """

    __doc__ = documented(__doc__, REGRESSOR)
    __init__ = constructor(REGRESSOR)

    def fit(self, X: Any, y: Any, groups: Any = None, sample_weight: Any = None) -> Self:
        """Train.

        Parameters
        ----------
        X
            Samples.
        y
            Numbers, ``N`` or ``N x T``. Of several targets some may be missing (NaN).
        groups
            Group of each sample: a subject, a plot. A group is not both trained on and validated on.
        sample_weight
            Weight of each sample in the loss.

        Raises
        ------
        ValueError
            If the samples, the parameters or a combination of them cannot work.
        """
        self._require(y)
        check_consistent_length(X, y, groups, None if np.isscalar(sample_weight) else sample_weight)
        with as_value_errors():
            group_N = groups_of(groups)
            targets, is_flat = numbers_of(y)
            weight_N = weights_of(sample_weight, len(next(iter(targets.values()))))
        answers = Answers(targets=targets, weight_N=weight_N, group_N=group_N)
        self._train(X, answers, self._config(answers))
        self._is_flat = is_flat
        self.trained_ = self.trained_.noting(**{TARGET_AXES: 1 if is_flat else 2})
        return self

    def predict(self, X: Any) -> np.ndarray:
        """Predict: ``N``, or ``N x T`` where several targets were learned."""
        predicted = np.column_stack([table.predicted for table in self._predictions(X)])
        return predicted[:, 0] if self._is_flat else predicted

    def predict_interval(self, X: Any, level: float | None = None) -> np.ndarray:
        """Prediction intervals, from the errors on the validation samples (split conformal prediction).

        Parameters
        ----------
        X
            Samples.
        level
            Share of new samples whose truth the intervals shall hold; ``interval_level`` where None.

        Returns
        -------
        numpy.ndarray
            Lower and upper ends: ``N x 2``, or ``N x T x 2`` where several targets were learned; NaN for a target that
            no validation sample had.

        Warns
        -----
        UserWarning
            If there were too few validation samples for such a level, or none that had a target.
        """
        tables = self._predictions(X, level)
        self._check_guarantee(level)
        ends = np.stack([_ends(table) for table in tables], axis=1)
        return ends[:, 0] if self._is_flat else ends

    def predict_quantiles(self, X: Any) -> np.ndarray:
        """The quantiles that ``loss_type="quantile"`` has learned, ascending.

        Returns
        -------
        numpy.ndarray
            ``N x Q``, or ``N x T x Q`` where several targets were learned.

        Raises
        ------
        ParameterError
            If another loss was learned.
        """
        tables = self._predictions(X)
        if not tables[0].quantiles:
            raise ParameterError("predict_quantiles needs a model that was fitted with loss_type quantile")
        quantiles = np.stack([np.column_stack(list(table.quantiles.values())) for table in tables], axis=1)
        return quantiles[:, 0] if self._is_flat else quantiles

    def _take(self, trained: TrainedModel, source: str) -> None:
        self._check_kind(trained, (NUMBERS, COUNTS), source)
        self.trained_ = trained
        assert trained.manifest.targets is not None
        self._is_flat = len(trained.manifest.targets) == 1 and trained.manifest.record.get(TARGET_AXES) != 2

    def __sklearn_tags__(self) -> Tags:
        """Several targets at once."""
        tags = super().__sklearn_tags__()
        tags.target_tags.multi_output = True
        return tags


def _ends(table: Predictions) -> np.ndarray:
    if table.low is None or table.high is None:
        return np.full((len(table), 2), np.nan)
    return np.column_stack([table.low, table.high])


class AAMClassifier(ClassifierMixin, Predictor):
    """Predicts classes from 16S amplicon data: what `aam train --classifier` does, as a scikit-learn estimator.

    Parameters
    ----------
    {parameters}

    Attributes
    ----------
    classes_
        The labels that were learned, sorted (with ``ordered`` from low to high); as text where the model is one of the
        command line. A list with those of each column where several were learned.
    trained_
        The models, and what describes them.
    n_features_in_
        Columns of the table that was given in fit.

    Notes
    -----
    X is as in :class:`AAMRegressor`.

    Examples
    --------
    >>> study = aam.load_study(
    ...     table="study/table.biom", metadata="study/metadata.tsv", metadata_column="group", classifier=True
    ... )
    >>> model = aam.AAMClassifier(learners="kernels").fit(study, study.targets["group"])
    >>> model.predict_proba(study[:5]).shape == (5, len(model.classes_))
    True
    """

    __doc__ = documented(__doc__, CLASSIFIER)
    __init__ = constructor(CLASSIFIER)
    classes_: Any
    class_weights: Any
    balance_by: Any
    ordered: Any

    def fit(self, X: Any, y: Any, groups: Any = None, sample_weight: Any = None) -> Self:
        """Train.

        Parameters
        ----------
        X
            Samples.
        y
            Labels, ``N``, or ``N x T``. Of several columns some may be missing (NaN, None or an empty text).
        groups
            Group of each sample: a subject, a plot. A group is not both trained on and validated on.
        sample_weight
            Weight of each sample in the loss.

        Raises
        ------
        ValueError
            If the samples, the parameters or a combination of them cannot work.
        """
        self._require(y)
        if self.balance_by not in (None, CLASS):
            raise ParameterError(f"balance_by must be '{CLASS}' or None: there are no columns of metadata")
        check_consistent_length(X, y, groups, None if np.isscalar(sample_weight) else sample_weight)
        with as_value_errors():
            group_N = groups_of(groups)
            found, is_flat = label_columns(y)
            labels = list(found.values())
            weight_N = weights_of(sample_weight, len(labels[0].text_N))
        targets = {name: one.text_N for name, one in found.items()}
        answers = Answers(targets=targets, weight_N=weight_N, group_N=group_N)
        weights = self._weights_by_text(labels[0].texts_C) if is_flat else self.class_weights
        self._train(X, answers, self._config(answers, classifier=True, class_weights=weights))
        assert self.trained_.manifest.targets is not None
        specs = self.trained_.manifest.targets.specs
        self._remember([learned(one, spec) for one, spec in zip(labels, specs, strict=True)], is_flat)
        types = [type_of_labels(one.classes_C) for one in labels]
        self.trained_ = self.trained_.noting(**{LABEL_TYPE: types[0] if is_flat else types})
        return self

    def predict(self, X: Any) -> np.ndarray:
        """The most probable class of each sample: ``N``, or ``N x T`` where several columns were learned."""
        found = self._probabilities(X)
        best = [one.classes_C[own.argmax(axis=1)] for one, own in zip(self._labels, found, strict=True)]
        return best[0] if self._is_flat else side_by_side(best)

    def predict_proba(self, X: Any) -> Any:
        """Probabilities, ``N x C``, in the order of ``classes_``; of several columns a list with an array for each."""
        found = self._probabilities(X)
        return found[0] if self._is_flat else found

    def _probabilities(self, X: Any) -> list[np.ndarray]:
        """Those of each column."""
        found, tables = [], self._predictions(X)
        for labels, table in zip(self._labels, tables, strict=True):
            assert table.probabilities is not None
            found.append(table.probabilities[:, places(labels, table)])
        return found

    def predict_set(self, X: Any, level: float | None = None) -> Any:
        """Which classes each prediction set holds (split conformal prediction).

        Parameters
        ----------
        X
            Samples.
        level
            Share of new samples whose true class the sets shall hold; ``interval_level`` where None.

        Returns
        -------
        numpy.ndarray
            Bool ``N x C``, in the order of ``classes_``; of several columns a list with an array for each, None for one
            that no validation sample has a label of.

        Warns
        -----
        UserWarning
            If there were too few validation samples for such a level.
        """
        tables = self._predictions(X, level)
        self._check_guarantee(level)
        pairs = zip(self._labels, tables, strict=True)
        found = [None if one.sets is None else one.sets[:, places(labels, one)] for labels, one in pairs]
        return found[0] if self._is_flat else found

    def _remember(self, labels: Sequence[Labels], is_flat: bool) -> None:
        """Know the labels of each column, as the model has them."""
        self._labels, self._is_flat = tuple(labels), is_flat
        self.classes_ = labels[0].classes_C if is_flat else [one.classes_C for one in labels]

    def _weights_by_text(self, texts_C: np.ndarray) -> Any:
        """The class weights in the order of the classes' texts."""
        weights = self.class_weights
        if isinstance(weights, str) or np.ndim(weights) != 1 or len(weights) != len(texts_C) or self.ordered:
            return weights
        return [float(weights[place]) for place in np.argsort(texts_C.astype(str))]

    def _take(self, trained: TrainedModel, source: str) -> None:
        self._check_kind(trained, (CLASSES, ORDERED), source)
        self.trained_ = trained
        assert trained.manifest.targets is not None
        specs, kinds = trained.manifest.targets.specs, trained.manifest.record.get(LABEL_TYPE)
        of_column = kinds if isinstance(kinds, list) and len(kinds) == len(specs) else [kinds] * len(specs)
        try:
            labels = [labels_of_texts(spec.classes, kind) for spec, kind in zip(specs, of_column, strict=True)]
        except ValueError as error:
            raise CheckpointError(f"{source}: its description cannot be used ({error}); use another copy") from None
        own = [learned(one, spec) for one, spec in zip(labels, specs, strict=True)]
        self._remember(own, len(specs) == 1)
