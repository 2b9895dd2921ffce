"""All methods: to import it registers them."""

from aam.explanation import covariates, parts, permutation, positions, removal
from aam.explanation.method import METHODS
from aam.explanation.network import attention, gradients

__all__ = ["METHODS", "attention", "covariates", "gradients", "parts", "permutation", "positions", "removal"]
