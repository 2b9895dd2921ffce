"""The predictor of classes.

Legend of shapes: ``N`` samples, ``C`` classes.
"""

from __future__ import annotations

from typing import Any, Self

import numpy as np
from sklearn.base import ClassifierMixin
from sklearn.utils import check_consistent_length

from aam.config.keywords import documented
from aam.data.targets.kinds import CLASSES, Predictions
from aam.estimators.errors import as_value_errors
from aam.estimators.options import CLASSIFIER, constructor
from aam.estimators.predictor import Predictor
from aam.estimators.targets import (
    Answers,
    groups_of,
    labels_of,
    name_of_labels,
    weights_of,
)
from aam.workflows.trained_model import NetworkModel


class AAMClassifier(ClassifierMixin, Predictor):
    """Predicts classes from 16S amplicon data: what `aam train --classifier` does, as a scikit-learn estimator.

    Parameters
    ----------
    {parameters}

    Attributes
    ----------
    classes_
        The labels that were learned, sorted; as text where the model was loaded.
    trained_
        The models, and what describes them.
    n_features_in_
        Columns of the table that was given in fit.

    Notes
    -----
    X is as in :class:`AAMRegressor`.
    """

    __doc__ = documented(__doc__, CLASSIFIER)
    __init__ = constructor(CLASSIFIER)
    classes_: np.ndarray
    class_weights: Any

    def fit(self, X: Any, y: Any, groups: Any = None, sample_weight: Any = None) -> Self:
        """Train.

        Parameters
        ----------
        X
            Samples.
        y
            Labels, ``N``.
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
        check_consistent_length(X, y, groups, sample_weight)
        with as_value_errors():
            labels = labels_of(y)
            weight_N = weights_of(sample_weight, len(labels.text_N))
        answers = Answers(targets={name_of_labels(y): labels.text_N}, weight_N=weight_N, group_N=groups_of(groups))
        weights = self._weights_by_text(labels.texts_C)
        self._train(X, answers, self._config(answers, classifier=True, class_weights=weights))
        assert self.trained_.description.targets is not None
        learned = np.isin(labels.texts_C, self.trained_.description.targets.specs[0].classes)
        self.classes_, self._texts_C = labels.classes_C[learned], labels.texts_C[learned]
        return self

    def predict(self, X: Any) -> np.ndarray:
        """The most probable class of each sample."""
        places = self.predict_proba(X).argmax(axis=1)
        return self.classes_[places]

    def predict_proba(self, X: Any) -> np.ndarray:
        """Probabilities, ``N x C``, in the order of ``classes_``."""
        (table,) = self._predictions(X)
        assert table.probabilities is not None
        return table.probabilities[:, self._places(table)]

    def predict_set(self, X: Any, level: float | None = None) -> np.ndarray:
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
            Bool ``N x C``, in the order of ``classes_``.

        Warns
        -----
        UserWarning
            If there were too few validation samples for such a level.
        """
        (table,) = self._predictions(X, level)
        self._check_guarantee(level)
        assert table.sets is not None
        return table.sets[:, self._places(table)]

    def _places(self, table: Predictions) -> list[int]:
        """The model has its classes in the order of their texts, in which 10 comes before 2."""
        return [table.classes.index(text) for text in self._texts_C]

    def _weights_by_text(self, texts_C: np.ndarray) -> Any:
        """The class weights in the order of the classes' texts."""
        weights = self.class_weights
        if isinstance(weights, str) or np.ndim(weights) != 1 or len(weights) != len(texts_C):
            return weights
        return [float(weights[place]) for place in np.argsort(texts_C.astype(str))]

    def _take(self, trained: NetworkModel, source: str) -> None:
        self._check_kind(trained, CLASSES, source)
        self.trained_ = trained
        assert trained.description.targets is not None
        self._texts_C = np.array(trained.description.targets.specs[0].classes, dtype=object)
        self.classes_ = self._texts_C.astype(str)
