"""What an encoder learns without labels: one file for each objective.

Every file of this folder is imported, and registers the objectives that it holds. Other programs register theirs with
:func:`register_objective`.
"""

from __future__ import annotations

import pkgutil
from importlib import import_module

from aam.models.objectives.objective import Given, Measured, Objective, SampleNumber
from aam.models.objectives.registry import (
    each_part,
    find_objective,
    names,
    options,
    part_of_head,
    register_objective,
    unregister_objective,
    with_own_weight,
)

__all__ = [
    "Given",
    "Measured",
    "Objective",
    "SampleNumber",
    "each_part",
    "find_objective",
    "names",
    "options",
    "part_of_head",
    "register_objective",
    "unregister_objective",
    "with_own_weight",
]

for _file in pkgutil.iter_modules(__path__):
    import_module(f"{__name__}.{_file.name}")
