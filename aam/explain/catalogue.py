"""All methods: to import it registers them."""

from aam.explain import removal
from aam.explain.method import METHODS

__all__ = ["METHODS", "removal"]
