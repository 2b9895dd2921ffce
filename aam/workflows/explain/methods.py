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
        The methods, and a note on each that ``auto`` leaves out.

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
        return found, ()
    wanted = [method for method in METHODS.values() if method.in_auto]
    reasons = {method.name: unusable(method, subject) for method in wanted}
    notes = tuple(f"{name} is left out: {reason}" for name, reason in reasons.items() if reason)
    return tuple(method for method in wanted if not reasons[method.name]), notes


def unusable(method: Method, subject: Subject) -> str:
    """Why a method cannot be used here, or an empty text."""
    if method.needs_truths and subject.truths is None:
        return "the true values are needed: --metadata with the target"
    return method.unable(subject)
