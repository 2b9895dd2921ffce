"""The predictor of numbers.

Legend of shapes: ``N`` samples, ``T`` targets, ``Q`` quantiles.
"""

from __future__ import annotations

from typing import Any, Self

import numpy as np
from sklearn.base import RegressorMixin
from sklearn.utils import Tags, check_consistent_length

from aam.config.keywords import documented
from aam.data.targets.kinds import NUMBERS, Predictions
from aam.estimators.errors import ParameterError, as_value_errors
from aam.estimators.options import REGRESSOR, constructor
from aam.estimators.predictor import Predictor
from aam.estimators.targets import (
    Answers,
    groups_of,
    numbers_of,
    weights_of,
)
from aam.workflows.trained_model import NetworkModel


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
        check_consistent_length(X, y, groups, sample_weight)
        with as_value_errors():
            targets, is_flat = numbers_of(y)
            weight_N = weights_of(sample_weight, len(next(iter(targets.values()))))
        answers = Answers(targets=targets, weight_N=weight_N, group_N=groups_of(groups))
        self._train(X, answers, self._config(answers))
        self._is_flat = is_flat
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

    def _take(self, trained: NetworkModel, source: str) -> None:
        self._check_kind(trained, NUMBERS, source)
        self.trained_ = trained
        assert trained.description.targets is not None
        self._is_flat = len(trained.description.targets) == 1

    def __sklearn_tags__(self) -> Tags:
        """Several targets at once."""
        tags = super().__sklearn_tags__()
        tags.target_tags.multi_output = True
        return tags


def _ends(table: Predictions) -> np.ndarray:
    if table.low is None or table.high is None:
        return np.full((len(table), 2), np.nan)
    return np.column_stack([table.low, table.high])
