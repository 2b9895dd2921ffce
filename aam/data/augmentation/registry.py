"""All augmentations by name."""

from __future__ import annotations

from aam.data.augmentation.augmentation import Augmentation

_REGISTERED: dict[str, Augmentation] = {}


def register_augmentation(augmentation: Augmentation) -> None:
    """Make an augmentation known to ``--augment``.

    Parameters
    ----------
    augmentation
        An object of a class that is derived from one of those of :mod:`aam.data.augmentation.augmentation`.

    Raises
    ------
    ValueError
        If its name is taken.
    """
    if augmentation.name in _REGISTERED:
        raise ValueError(f"augmentation {augmentation.name} already exists")
    _REGISTERED[augmentation.name] = augmentation


def unregister_augmentation(name: str) -> None:
    """Forget an augmentation that was registered."""
    del _REGISTERED[name]


def find_augmentation(name: str) -> Augmentation:
    """The augmentation of a name; :class:`KeyError` if there is none."""
    return _REGISTERED[name]


def names() -> tuple[str, ...]:
    """The names that ``--augment`` knows, in the order in which they are applied."""
    return tuple(sorted(_REGISTERED, key=lambda name: (_REGISTERED[name].order, name)))


def options(name: str) -> tuple[str, ...]:
    """The options that an augmentation uses and others may not: none."""
    return ()
