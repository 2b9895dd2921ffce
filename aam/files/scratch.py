"""Large arrays that lie on the disk and not in memory: mapped from files without names.

Such a file is gone when nobody uses its array any more, also where the process is killed; the system keeps in memory
what is used of it and takes the memory back when others need it.
"""

from __future__ import annotations

import mmap
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np

from aam.errors import RunError
from aam.files.cache import cache_folder
from aam.text import format_bytes

IN_MEMORY_BYTES = 64 << 20
"""Arrays that take no more stay in memory."""
BLOCK = 1 << 20
"""Values that are worked on at once, where a temporary copy of all would be too large."""
REMEDY = "make room, or let AAM_CACHE_DIR name a folder on a larger disk"


def new_array(size: int, dtype: Any) -> np.ndarray:
    """An array of ``size`` values to be written: in memory if it is small, else on the disk.

    Parameters
    ----------
    size
        Number of values.
    dtype
        Their type.

    Raises
    ------
    RunError
        If the disk has no room for it.
    """
    kind = np.dtype(dtype)
    num_bytes = size * kind.itemsize
    if num_bytes <= IN_MEMORY_BYTES:
        return np.empty(size, kind)
    # Of the same type as the array: numpy compares the sizes of an array and of what it is a part of.
    return np.frombuffer(new_file(num_bytes), dtype=kind)


def new_file(num_bytes: int) -> mmap.mmap:
    """A file without a name, mapped into memory; its room on the disk is taken.

    Raises
    ------
    RunError
        If the disk has no room for it.
    """
    folder = scratch_folder()
    try:
        free = shutil.disk_usage(folder).free
        if num_bytes > free:
            raise _no_room(folder, num_bytes, f"only {format_bytes(free)} are free")
        with tempfile.TemporaryFile(dir=folder) as file:
            _reserve(file.fileno(), num_bytes)
            return mmap.mmap(file.fileno(), num_bytes)
    except OSError as error:
        raise _no_room(folder, num_bytes, error.strerror or str(error)) from error


def converted(values: np.ndarray, dtype: Any) -> np.ndarray:
    """Values as another type, block by block; themselves where they are of it."""
    if values.dtype == np.dtype(dtype):
        return values
    found = new_array(len(values), dtype)
    for block in blocks(len(values)):
        found[block] = values[block]
    return found


def blocks(number: int) -> Iterator[slice]:
    """Parts of so many values that follow each other."""
    return (slice(start, min(start + BLOCK, number)) for start in range(0, number, BLOCK))


def is_on_disk(values: np.ndarray) -> bool:
    """Whether an array, or the one that it is a part of, is mapped from a file."""
    owner: Any = values
    while isinstance(owner, np.ndarray):
        owner = owner.base
    return isinstance(getattr(owner, "obj", owner), mmap.mmap)


def scratch_folder() -> Path:
    """Where such arrays lie: in the folder of the cache, or in that for temporary files where it cannot be written."""
    folder = cache_folder()
    if folder is not None:
        with suppress(OSError):
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            if os.access(folder, os.W_OK | os.X_OK):
                return folder
    return Path(tempfile.gettempdir())


def _reserve(descriptor: int, num_bytes: int) -> None:
    """Make a file so large, where the system can with the room on the disk: writing would end in a signal without."""
    if hasattr(os, "posix_fallocate"):
        os.posix_fallocate(descriptor, 0, num_bytes)
    else:
        os.truncate(descriptor, num_bytes)


def _no_room(folder: Path, num_bytes: int, why: str) -> RunError:
    return RunError(f"{folder}: no room for {format_bytes(num_bytes)} of a large table ({why}); {REMEDY}")
