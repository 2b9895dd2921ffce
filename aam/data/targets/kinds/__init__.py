"""Kinds of target, one object each; those of a study's columns are chosen by :func:`chosen_kind`."""

from aam.data.targets.kinds.classes import CLASSES, Classes
from aam.data.targets.kinds.counts import COUNTS, Counts
from aam.data.targets.kinds.kind import Kind, Predictions, TargetRules, TargetSpec, chosen_kind, register
from aam.data.targets.kinds.numbers import NUMBERS, Numbers, Quantiles
from aam.data.targets.kinds.ordered import ORDERED, Ordered
from aam.data.targets.kinds.samples import IntervalSettings, Samples

register(NUMBERS)
register(CLASSES)
register(ORDERED)
register(COUNTS)

__all__ = [
    "CLASSES",
    "COUNTS",
    "NUMBERS",
    "ORDERED",
    "Classes",
    "Counts",
    "IntervalSettings",
    "Kind",
    "Numbers",
    "Ordered",
    "Predictions",
    "Quantiles",
    "Samples",
    "TargetRules",
    "TargetSpec",
    "chosen_kind",
    "register",
]
