"""All methods: to import it registers them."""

from aam.explain import covariates, parts, permutation, removal
from aam.explain.method import METHODS

__all__ = ["METHODS", "covariates", "parts", "permutation", "removal"]
