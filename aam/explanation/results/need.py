"""What a model needs to be right: the things without which its error grows.

An effect that is clear says that a model uses a thing, and a model uses everything it is given a little: of what is
clear by removal most tells nothing of the target (``python -m benchmarks.explain``). An error that grows where a thing
is exchanged says that the thing tells something.
"""

from __future__ import annotations

from collections.abc import Sequence

from aam.evaluation.catalogue import Interval
from aam.explanation.effects import Effects
from aam.explanation.model import MODEL

EXCHANGED = "permutation"
"""The method that measures it for groups of ASVs."""


def need_of(
    effects: Sequence[Effects], level: str, column: str | None = None, learner: str = MODEL
) -> dict[str, Interval]:
    """Name of each group of a level -> the increase of the error where it is exchanged, with its interval.

    Parameters
    ----------
    effects
        Of all methods.
    level, learner
        Which groups, and whose error.
    column
        The target, or the output of one of several columns of classes; that whose error grows most where left out.

    Returns
    -------
    dict
        Empty where it was not measured.
    """
    wanted = (EXCHANGED, level, learner)
    found = next((one for one in effects if (one.method, one.level, one.learner) == wanted), None)
    if found is None:
        return {}
    named = column or ""
    of_class = [place for place, own in enumerate(found.outputs) if named == own or named.startswith(f"{own}=")]
    outputs = of_class or range(len(found.outputs))
    ends = (found.effect_GO, found.low_GO, found.high_GO)
    return {
        name: max((Interval(*(float(end[place, o]) for end in ends)) for o in outputs), key=lambda one: one.value)
        for place, name in enumerate(found.names)
    }


def is_needed(increase: Interval) -> bool:
    """Whether the error grows beyond doubt: its interval is above 0."""
    return increase.low > 0
