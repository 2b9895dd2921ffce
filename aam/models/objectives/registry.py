"""All objectives by name."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator

from aam.config import ObjectiveOptions
from aam.evaluation.catalogue import register_metrics
from aam.models.objectives.objective import Objective

_REGISTERED: dict[str, Objective] = {}
_OF_WHAT = ("pairs", "samples", "asvs", None)


def register_objective(objective: Objective) -> None:
    """Make an objective known: to ``--encoder-type``, to training, and to the report.

    Parameters
    ----------
    objective
        An object of a class that is derived from :class:`~aam.models.objectives.Objective`.

    Raises
    ------
    ValueError
        If its name is taken, or one of its metrics already has another meaning.
    """
    if objective.name in _REGISTERED:
        raise ValueError(f"objective {objective.name} already exists")
    register_metrics({found.name: found.metric for found in objective.metrics})
    _REGISTERED[objective.name] = objective


def unregister_objective(name: str) -> None:
    """Forget an objective that was registered; its metrics stay known."""
    del _REGISTERED[name]


def find_objective(name: str) -> Objective:
    """The objective of a name; :class:`KeyError` if there is none."""
    return _REGISTERED[name]


def names() -> tuple[str, ...]:
    """The choices of ``--encoder-type``: objectives of pairs, of samples and of ASVs, then those made of several."""
    found = [objective for objective in _REGISTERED.values() if objective.is_choice]
    found.sort(key=lambda one: (len(one.parts(has_classes=True)), _OF_WHAT.index(one.truth_of)))
    return tuple(objective.name for objective in found)


def options(name: str) -> tuple[str, ...]:
    """The options that an encoder type uses and others may not."""
    return _REGISTERED[name].options


def with_own_weight() -> tuple[Objective, ...]:
    """The objectives that any encoder type may be joined by, in the order of the options that weigh them."""
    order = [field.name for field in dataclasses.fields(ObjectiveOptions)]
    found = [objective for objective in _REGISTERED.values() if not objective.is_choice]
    return tuple(sorted(found, key=lambda one: order.index(one.weight_option)))


def each_part() -> Iterator[Objective]:
    """One objective for each head that there can be, in the order of a model's heads."""
    choices = [find_objective(name) for name in names()]
    parts = [part for choice in choices for part in choice.parts(has_classes=True)]
    found: dict[str, Objective] = {}
    for part in (*parts, *with_own_weight()):
        found.setdefault(part.head_name, part)
    yield from found.values()


def part_of_head(head_name: str) -> Objective:
    """An objective that has a head of this name; :class:`KeyError` if none has."""
    return {part.head_name: part for part in each_part()}[head_name]
