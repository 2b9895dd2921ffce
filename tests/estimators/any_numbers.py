"""Estimators that take any numbers that are not negative, as scikit-learn's checks give them, for counts of ASVs."""

from __future__ import annotations

from typing import Any

import numpy as np
from scipy.sparse import issparse
from sklearn.utils import Tags

from aam.config import TableOptions
from aam.data.study.study import Study
from aam.estimators import AAMClassifier, AAMEncoder, AAMRegressor
from aam.estimators.tables import study_of_array
from tests.factories import random_sequences

TINY = {"embedding_dim": 8, "attention_heads": 1, "attention_layers": 1, "num_soft_clades": 4, "epochs": 1}
NETWORK = {"learners": ("network",), **TINY}


def as_study(numbers_NA: Any, options: TableOptions) -> Study:
    """Whole numbers with made-up sequences; every sample has reads."""
    dense_NA = numbers_NA.toarray() if issparse(numbers_NA) else numbers_NA
    return study_of_array(np.rint(100 * dense_NA) + 1, random_sequences(dense_NA.shape[1]), options)


class AnyNumbersRegressor(AAMRegressor):
    def _study_of_counts(self, X: Any, counts_NA: Any, options: TableOptions, *, needs_dna: bool) -> Study:
        return as_study(counts_NA, options)

    def __sklearn_tags__(self) -> Tags:
        """A tiny model of one epoch predicts nothing well."""
        tags = super().__sklearn_tags__()
        tags.regressor_tags.poor_score = True
        return tags


class AnyNumbersClassifier(AAMClassifier):
    def _study_of_counts(self, X: Any, counts_NA: Any, options: TableOptions, *, needs_dna: bool) -> Study:
        return as_study(counts_NA, options)

    def __sklearn_tags__(self) -> Tags:
        """A tiny model of one epoch predicts nothing well."""
        tags = super().__sklearn_tags__()
        tags.classifier_tags.poor_score = True
        return tags


class AnyNumbersEncoder(AAMEncoder):
    def _study_of_counts(self, X: Any, counts_NA: Any, options: TableOptions, *, needs_dna: bool) -> Study:
        return as_study(counts_NA, options)
