"""Where predictions are kept, so that an interrupted benchmark goes on."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np

Arrays = Mapping[str, np.ndarray]


class MissingError(LookupError):
    """What was not computed yet."""


@dataclass(frozen=True)
class Store:
    """A folder of files of arrays.

    Attributes
    ----------
    folder
        Where they lie.
    computes
        Whether what is missing is computed; else it is a :class:`MissingError`.
    """

    folder: Path
    computes: bool = True

    def get(self, name: str, compute: Callable[[], Arrays]) -> Arrays:
        """What a file holds, which is written where it is missing."""
        path = self.folder / f"{name}.npz"
        if not path.exists():
            if not self.computes:
                raise MissingError(name)
            path.parent.mkdir(parents=True, exist_ok=True)
            whole = path.with_name(f".{path.stem}.part.npz")
            np.savez(whole, **compute())
            whole.replace(path)
        with np.load(path) as kept:
            return {key: kept[key] for key in kept.files}
