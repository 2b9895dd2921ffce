"""AAM (Attention All Microbes): predict what the metadata says from 16S amplicon data.

The names below are loaded when they are asked for, so that ``import aam`` stays quick.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from aam.version import __version__

if TYPE_CHECKING:
    from aam.data.study.study import Study, load_study
    from aam.estimators import AAMClassifier, AAMEncoder, AAMRegressor
    from aam.models.objectives import register_objective

__all__ = ["AAMClassifier", "AAMEncoder", "AAMRegressor", "Study", "__version__", "load_study", "register_objective"]

_PLACES = {
    "AAMClassifier": "aam.estimators",
    "AAMEncoder": "aam.estimators",
    "AAMRegressor": "aam.estimators",
    "Study": "aam.data.study.study",
    "load_study": "aam.data.study.study",
    "register_objective": "aam.models.objectives",
}


def __getattr__(name: str) -> Any:
    if name in _PLACES:
        return getattr(import_module(_PLACES[name]), name)
    raise AttributeError(f"module 'aam' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted({*globals(), *_PLACES})
