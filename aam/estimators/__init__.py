"""AAM as scikit-learn estimators: for pipelines, searches and cross-validation in Python."""

from aam.estimators.classifier import AAMClassifier
from aam.estimators.encoder import AAMEncoder
from aam.estimators.errors import DataError, ParameterError
from aam.estimators.regressor import AAMRegressor

__all__ = ["AAMClassifier", "AAMEncoder", "AAMRegressor", "DataError", "ParameterError"]
