"""Pages of the Python API, from docstrings: one for each public name, one for what functions return, one for errors."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from importlib import import_module

import aam

GROUPS: Mapping[str, Sequence[str]] = {
    "Read data": ("load_study", "Study"),
    "Train": ("train", "cross_validate", "pretrain", "tune"),
    "Use a model": ("predict", "evaluate", "explain", "embed", "load_model"),
    "Compare": ("compare", "learning_curve", "list_runs"),
    "scikit-learn estimators": ("AAMRegressor", "AAMClassifier", "AAMEncoder"),
    "Extend": ("register_objective",),
}
FURTHER = "Further"
RESULTS = (
    "aam.workflows.runs.results.TrainResult",
    "aam.workflows.runs.results.CrossValidationResult",
    "aam.workflows.trained.model.TrainedModel",
    "aam.data.targets.kinds.kind.Predictions",
    "aam.workflows.evaluate.run.EvaluationResult",
    "aam.workflows.explain.result.ExplanationResult",
    "aam.workflows.embedding.result.Embedding",
    "aam.workflows.compare.Comparison",
    "aam.workflows.learning_curve.run.LearningCurve",
    "aam.workflows.tune.tuning.Tuning",
    "aam.files.columns.Columns",
)
NO_SIGNATURE = {"Columns": "()"}
"""Of a dictionary autodoc cannot write one."""
ERRORS = (
    *("aam.errors.AamError", "aam.errors.ConfigError", "aam.errors.InputError", "aam.errors.CheckpointError"),
    *("aam.errors.RunError", "aam.errors.NonFiniteError", "aam.errors.PreemptedError"),
    *("aam.estimators.options.ParameterError", "aam.estimators.options.DataError"),
)


def public_names() -> dict[str, list[str]]:
    """The names of ``aam.__all__`` in their groups; one that no group names comes last."""
    public = [name for name in aam.__all__ if not name.startswith("_")]
    found = {title: [name for name in names if name in public] for title, names in GROUPS.items()}
    grouped = {name for names in found.values() for name in names}
    rest = [name for name in public if name not in grouped]
    return found | ({FURTHER: rest} if rest else {})


def api_pages() -> dict[str, str]:
    """The pages of the API in reStructuredText: page -> text."""
    groups = public_names()
    pages = {f"api/{name}": _object_page(name) for names in groups.values() for name in names}
    return {"api/index": _index(groups), **pages, "api/results": _results(), "api/errors": _errors()}


def _index(groups: Mapping[str, Sequence[str]]) -> str:
    parts = [
        _title("API reference"),
        "Every public name of :mod:`aam`. :doc:`/python` shows how to use them; functions and estimators take the "
        "options of the :doc:`command line </reference>` as keyword arguments. The examples read the study that "
        "``aam simulate --output-dir study --samples 60 --asvs 60 --seed 1`` writes.\n",
        ".. module:: aam\n",
    ]
    for title, names in groups.items():
        parts += [_title(title, "-"), ".. autosummary::\n", *(f"   {name}" for name in names), ""]
    parts += [_title("What they return and raise", "-"), "- :doc:`results`", "- :doc:`errors`", ""]
    order = [name for names in groups.values() for name in names]
    tree = [f"   {name}" for name in (*order, "results", "errors")]
    return "\n".join([*parts, ".. toctree::", "   :hidden:", "", *tree, ""])


def _object_page(name: str) -> str:
    thing = getattr(aam, name)
    lines = [_title(f"aam.{name}"), ".. currentmodule:: aam\n"]
    if not isinstance(thing, type):
        return "\n".join([*lines, f".. autofunction:: aam.{name}", ""])
    names = _own_members(thing)
    roles = {member: "attr" if isinstance(vars_of(thing)[member], property) else "meth" for member in names}
    links = ", ".join(f":{role}:`{member} <aam.{name}.{member}>`" for member, role in roles.items())
    lines.append(f"Members: {links}.\n")
    members = [_member(f"aam.{name}.{member}", vars_of(thing)[member]) for member in names]
    return "\n".join([*lines, f".. autoclass:: aam.{name}\n", *members, ""])


def vars_of(kind: type) -> dict[str, object]:
    """What a class and those above it hold, by name."""
    return {name: value for one in reversed(kind.__mro__) for name, value in vars(one).items()}


def _member(path: str, value: object) -> str:
    return f"   .. {'autoproperty' if isinstance(value, property) else 'automethod'}:: {path}\n"


def _own_members(kind: type) -> list[str]:
    """What a class and those of AAM above it say of themselves; scikit-learn documents its own methods."""
    ours = [one for one in reversed(kind.__mro__) if one.__module__.partition(".")[0] == "aam"]
    found = dict.fromkeys(name for one in ours for name, value in vars(one).items() if _is_ours(name, value))
    return sorted(found, key=lambda name: name != "fit")


def _is_ours(name: str, value: object) -> bool:
    """Whether a member is public and of AAM: scikit-learn adds methods of its own to our classes."""
    if name.startswith("_"):
        return False
    return isinstance(value, property) or getattr(value, "__module__", "").partition(".")[0] == "aam"


def _results() -> str:
    parts = [_title("Results"), "What the functions return. Tables are :class:`~aam.files.columns.Columns`.\n"]
    for path in RESULTS:
        module, _, name = path.rpartition(".")
        kind = getattr(import_module(module), name)
        members = [_member(f"{path}.{member}", vars_of(kind)[member]) for member in _own_members(kind)]
        signature = NO_SIGNATURE.get(name, "")
        parts += [_title(name, "-"), f".. autoclass:: {path}{signature}\n", *members]
    return "\n".join(parts)


def _errors() -> str:
    parts = [_title("Errors"), "What goes wrong on purpose. Each message says what to do.\n"]
    parts += [f".. autoexception:: {path}\n" for path in ERRORS]
    return "\n".join(parts)


def _title(words: str, line: str = "=") -> str:
    return f"{words}\n{line * len(words)}\n"
