"""AAM as scikit-learn estimators: for pipelines, searches and cross-validation in Python."""

from aam.estimators.encoder import AAMEncoder
from aam.estimators.options import DataError, ParameterError
from aam.estimators.predictors import AAMClassifier, AAMRegressor

__all__ = ["AAMClassifier", "AAMEncoder", "AAMRegressor", "DataError", "ParameterError"]
