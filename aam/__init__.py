"""AAM (Attention All Microbes): predict what the metadata says from 16S amplicon data.

The names below are loaded when they are asked for, so that ``import aam`` stays quick.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from aam.version import __version__

if TYPE_CHECKING:
    from aam.data.study.study import Study
    from aam.estimators import AAMClassifier, AAMEncoder, AAMRegressor
    from aam.models.objectives import register_objective
    from aam.workflows.api import (
        compare,
        cross_validate,
        embed,
        evaluate,
        explain,
        learning_curve,
        list_runs,
        load_study,
        predict,
        pretrain,
        train,
        tune,
    )
    from aam.workflows.export.api import export_model
    from aam.workflows.sharing.api import add_model, list_models, pull, push, remove_model
    from aam.workflows.trained.loading import load_model

__all__ = [
    "AAMClassifier",
    "AAMEncoder",
    "AAMRegressor",
    "Study",
    "__version__",
    "add_model",
    "compare",
    "cross_validate",
    "embed",
    "evaluate",
    "explain",
    "export_model",
    "learning_curve",
    "list_models",
    "list_runs",
    "load_model",
    "load_study",
    "predict",
    "pretrain",
    "pull",
    "push",
    "register_objective",
    "remove_model",
    "train",
    "tune",
]

_COMMANDS = (
    "compare",
    "cross_validate",
    "embed",
    "evaluate",
    "explain",
    "learning_curve",
    "list_runs",
    "load_study",
    "predict",
    "pretrain",
    "train",
    "tune",
)
_MODULES = {
    **dict.fromkeys(["AAMClassifier", "AAMEncoder", "AAMRegressor"], "aam.estimators"),
    **dict.fromkeys(_COMMANDS, "aam.workflows.api"),
    **dict.fromkeys(["add_model", "list_models", "pull", "push", "remove_model"], "aam.workflows.sharing.api"),
    "Study": "aam.data.study.study",
    "export_model": "aam.workflows.export.api",
    "load_model": "aam.workflows.trained.loading",
    "register_objective": "aam.models.objectives",
}


def __getattr__(name: str) -> Any:
    if name in _MODULES:
        return getattr(import_module(_MODULES[name]), name)
    raise AttributeError(f"module 'aam' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted({*globals(), *_MODULES})
