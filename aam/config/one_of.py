"""Options whose choices are brought by a room above: objectives, distances."""

from __future__ import annotations

import typing
from dataclasses import dataclass
from importlib import import_module
from typing import Any, Literal


@dataclass(frozen=True)
class OneOf:
    """The names that a registry knows, as the type of an option: ``Annotated[str, OneOf("aam.room.registry")]``.

    The configuration lies below the rooms that bring choices, so it names their registry and loads it when the names
    are first asked for. A registry is a module that has two functions and starts without the deep-learning libraries:
    ``names()`` gives the choices, and ``options(name)`` the options that one of them uses and others may not.
    """

    registry: str

    def names(self) -> tuple[str, ...]:
        """All choices, those that were registered from outside too."""
        found: tuple[str, ...] = import_module(self.registry).names()
        return found

    def users(self, option: str) -> tuple[str, ...]:
        """The choices that use an option."""
        registry = import_module(self.registry)
        return tuple(name for name in registry.names() if option in registry.options(name))


def one_of(hint: Any) -> OneOf | None:
    """The registry that a type's values are from, if they are from one."""
    found = [note for note in getattr(hint, "__metadata__", ()) if isinstance(note, OneOf)]
    return found[0] if found else None


def names_of(hint: Any) -> tuple[Any, ...] | None:
    """The values that a type lists; None for a type that lists none."""
    if typing.get_origin(hint) is Literal:
        return typing.get_args(hint)
    registry = one_of(hint)
    return None if registry is None else registry.names()
