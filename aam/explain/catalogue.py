"""All methods: to import it registers them."""

from aam.explain import covariates, parts, permutation, positions, removal
from aam.explain.method import METHODS
from aam.explain.network import attention, gradients

__all__ = ["METHODS", "attention", "covariates", "gradients", "parts", "permutation", "positions", "removal"]
