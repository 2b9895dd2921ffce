"""Where results are kept, so that an interrupted benchmark goes on."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar, Generic, TypeVar

KeptT = TypeVar("KeptT")


class MissingError(LookupError):
    """What was not computed yet."""


@dataclass(frozen=True)
class Store(ABC, Generic[KeptT]):
    """A folder of files of one kind.

    Attributes
    ----------
    folder
        Where they lie.
    computes
        Whether what is missing is computed; else it is a :class:`MissingError`.
    """

    ending: ClassVar[str]

    folder: Path
    computes: bool = True

    def get(self, name: str, compute: Callable[[], KeptT]) -> KeptT:
        """What a file holds, which is written where it is missing."""
        path = self.folder / f"{name}{self.ending}"
        if not path.exists():
            if not self.computes:
                raise MissingError(name)
            computed = compute()
            path.parent.mkdir(parents=True, exist_ok=True)
            self.write(path, computed)
        return self.read(path)

    @abstractmethod
    def write(self, path: Path, computed: KeptT) -> None:
        """Write a file, whole or not at all."""

    @abstractmethod
    def read(self, path: Path) -> KeptT:
        """What a file holds."""
