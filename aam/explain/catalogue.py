"""All methods: to import it registers them."""

from aam.explain import positions, removal
from aam.explain.method import METHODS
from aam.explain.network import attention, gradients

__all__ = ["METHODS", "attention", "gradients", "positions", "removal"]
