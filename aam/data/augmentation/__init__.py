"""Changes of training samples, anew in every epoch: one file for each augmentation.

Every file of this folder is imported, and registers the augmentations that it holds. Other programs register theirs
with :func:`register_augmentation`. What an augmentation does is a function of the seed, the epoch and the sample.
"""

from __future__ import annotations

import pkgutil
from importlib import import_module

from aam.data.augmentation.augmentation import Augmentation, Drawn, Mixing, OfReads, OfSequences, Strength
from aam.data.augmentation.registry import (
    find_augmentation,
    names,
    options,
    register_augmentation,
    unregister_augmentation,
)

__all__ = [
    "Augmentation",
    "Drawn",
    "Mixing",
    "OfReads",
    "OfSequences",
    "Strength",
    "find_augmentation",
    "names",
    "options",
    "register_augmentation",
    "unregister_augmentation",
]

for _file in pkgutil.iter_modules(__path__):
    import_module(f"{__name__}.{_file.name}")
