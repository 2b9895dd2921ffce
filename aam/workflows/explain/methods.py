"""All methods of explanation, and which of them a model is explained by."""

from __future__ import annotations

from collections.abc import Sequence

from aam.config.commands.explain import AUTO
from aam.errors import ConfigError
from aam.explain.catalogue import METHODS
from aam.explain.method import Method, Subject, find_method


def chosen_methods(names: Sequence[str], subject: Subject) -> tuple[tuple[Method, ...], tuple[str, ...]]:
    """The methods of these names; of ``auto`` those that can explain the model with what is known.

    Returns
    -------
    tuple
        The methods, and notes: on each that ``auto`` leaves out, and on what methods leave out themselves.

    Raises
    ------
    ConfigError
        If a name is unknown, or a method that is named cannot be used.
    """
    if tuple(names) != (AUTO,):
        found = tuple(map(find_method, names))
        for method in found:
            if reason := unusable(method, subject):
                raise ConfigError(f"method {method.name}: {reason}")
        return found, _not_measured(found, subject)
    wanted = [method for method in METHODS.values() if method.in_auto]
    reasons = {method.name: unusable(method, subject) for method in wanted}
    notes = tuple(f"{name} is left out: {reason}" for name, reason in reasons.items() if reason)
    used = tuple(method for method in wanted if not reasons[method.name])
    return used, (*notes, *_not_measured(used, subject))


def _not_measured(methods: Sequence[Method], subject: Subject) -> tuple[str, ...]:
    """What the methods leave out themselves."""
    return tuple(line for method in methods for line in method.left_out(subject))


def unusable(method: Method, subject: Subject) -> str:
    """Why a method cannot be used here, or an empty text."""
    if method.needs_truths and subject.truths is None:
        return "the true values are needed: --metadata with the target"
    return method.unable(subject)
