"""What stands beside the model: a random forest on the same split, and guessing the mean or the most frequent class."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from scipy.sparse import csr_array, hstack, issparse
from sklearn.ensemble import RandomForestClassifier, RandomForestRegressor

from aam.data.targets.kinds import Kind, Predictions, TargetSpec
from aam.errors import ConfigError
from aam.learners.features import FeatureKind, forest_features

if TYPE_CHECKING:
    from aam.data.study.split import Split
    from aam.data.study.study import Study

Features = Any  # numpy.ndarray or scipy.sparse.csr_array, which has no types
MaxFeatures = float | Literal["sqrt", "log2"]

MANY_FEATURES = 3_000
# numbers that are held dense at most (1 GB of float32); a sparse matrix takes less, and far longer to fit
MOST_DENSE = 250_000_000


@dataclass(frozen=True, eq=False)
class Forest:
    """A fitted random forest.

    Attributes
    ----------
    model
        scikit-learn's forest.
    kind
        What is predicted.
    classes
        All classes, sorted; those that were not trained on have the probability 0. Empty for numbers.
    """

    model: RandomForestRegressor | RandomForestClassifier
    kind: Kind
    classes: tuple[str, ...] = ()

    def predict(self, features: Features, sample_ids: np.ndarray, observed: np.ndarray) -> Predictions:
        """Predict samples whose truth is known.

        Parameters
        ----------
        features
            ``N x F``.
        sample_ids, observed
            ``N`` ids and true values.
        """
        dense = _ready(features)
        if not self.classes:
            predicted = self.model.predict(dense)
            return Predictions(kind=self.kind, sample_ids=sample_ids, observed=observed, predicted=predicted)
        probabilities = np.zeros((len(sample_ids), len(self.classes)))
        columns = np.searchsorted(self.classes, self.model.classes_.astype(str))
        probabilities[:, columns] = self.model.predict_proba(dense)
        predicted = np.array(self.classes, dtype=object)[probabilities.argmax(axis=1)]
        return Predictions(
            kind=self.kind,
            sample_ids=sample_ids,
            observed=observed,
            predicted=predicted,
            classes=self.classes,
            probabilities=probabilities,
        )


def fit_forest(
    features: Features,
    values: np.ndarray,
    *,
    kind: Kind,
    classes: tuple[str, ...] = (),
    n_estimators: int = 500,
    max_features: MaxFeatures | None = None,
    seed: int = 42,
    n_jobs: int = -1,
) -> Forest:
    """Fit a random forest.

    Parameters
    ----------
    features
        ``N x F``, dense or sparse.
    values
        ``N`` numbers, or labels where ``classes`` are given.
    kind
        What they are.
    classes
        All classes, sorted; empty for numbers.
    n_estimators
        Trees.
    max_features
        Features tried at each split: a share, ``sqrt`` or ``log2``. None is 0.33 (0.1 for 3,000 features or more) for
        numbers and ``sqrt`` for classes, whose samples are weighted so that every class counts the same.
    seed
        Seed; the forest does not depend on ``n_jobs``.
    n_jobs
        Cores to use; -1 for all.
    """
    if isinstance(max_features, int | float):
        if not 0 < max_features <= 1:
            raise ConfigError(
                f"--max-features must be a share above 0 and at most 1, sqrt or log2, got {max_features:g}"
            )
        max_features = float(max_features)
    options: dict[str, Any] = {"n_estimators": n_estimators, "random_state": seed, "n_jobs": n_jobs}
    if classes:
        model = RandomForestClassifier(
            max_features=max_features or "sqrt", class_weight="balanced_subsample", **options
        )
        return Forest(model.fit(_ready(features), values.astype(str)), kind, classes)
    share = 0.33 if features.shape[1] < MANY_FEATURES else 0.1
    model = RandomForestRegressor(max_features=max_features or share, **options)
    return Forest(model.fit(_ready(features), values), kind)


def predict_with_forest(
    study: Study,
    split: Split,
    target: TargetSpec,
    *,
    features: FeatureKind = "asv",
    covariates: np.ndarray | None = None,
    **settings: Any,
) -> dict[str, Predictions]:
    """Fit a random forest on a study's training samples and predict its validation and test samples.

    Training samples without a value of the target are passed over; other samples are predicted all the same.

    Parameters
    ----------
    study
        With the target's values. All reads are used, not rarefied.
    split
        The parts.
    target
        The target as fitted on the training samples.
    features
        ``asv``, ``clr`` or ``clades``; see :func:`~aam.learners.features.forest_features`.
    covariates
        What the model is told besides, ``N x F``: the forest is told it too.
    settings
        ``n_estimators``, ``max_features``, ``seed`` and ``n_jobs`` of :func:`fit_forest`.

    Returns
    -------
    dict
        Part -> predictions.
    """
    values = study.targets[target.column]
    known = split.train[target.kind.is_present(values[split.train])]
    table = with_covariates(forest_features(study, features, known), covariates)
    forest = fit_forest(
        table[known],
        values[known],
        kind=target.kind,
        classes=target.classes,
        **settings,
    )
    return {
        part: forest.predict(table[rows], study.sample_ids[rows], values[rows])
        for part, rows in split.parts().items()
        if part != "train"
    }


def with_covariates(features: Features, covariates: np.ndarray | None) -> Features:
    """Features of the samples with what is known of them besides."""
    if covariates is None:
        return features
    return hstack([csr_array(features), csr_array(covariates)], format="csr")


def _ready(features: Features) -> Any:
    """Features as the forest fits them fastest."""
    if not issparse(features):
        return np.asarray(features, dtype=np.float32)
    if features.shape[0] * features.shape[1] <= MOST_DENSE:
        return features.astype(np.float32).toarray()
    return features.astype(np.float32).tocsr()
