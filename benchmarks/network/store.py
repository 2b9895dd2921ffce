"""Predictions, a file of arrays each."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np

from benchmarks import store

Arrays = Mapping[str, np.ndarray]


class Store(store.Store[Arrays]):
    """A folder of files of arrays."""

    ending = ".npz"

    def write(self, path: Path, computed: Arrays) -> None:
        """Write the arrays."""
        whole = path.with_name(f".{path.stem}.part.npz")
        np.savez(whole, **computed)
        whole.replace(path)

    def read(self, path: Path) -> Arrays:
        """The arrays of a file."""
        with np.load(path) as kept:
            return {key: kept[key] for key in kept.files}
