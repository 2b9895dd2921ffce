"""Values of many samples, gathered batch by batch: in memory, or on disk where memory is too small for them."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterable
from contextlib import ExitStack
from itertools import chain
from pathlib import Path
from typing import IO

import numpy as np
import torch
from torch import Tensor

SampleParts = dict[str, Tensor]
"""Values by the name of the batch's part, each with a row for each sample."""


def in_memory(parts: Iterable[SampleParts]) -> SampleParts:
    """The samples of all batches, one after the other."""
    by_name: dict[str, list[Tensor]] = {}
    for some in parts:
        for name, part in some.items():
            by_name.setdefault(name, []).append(part)
    return {name: torch.cat(some) for name, some in by_name.items()}


def on_disk(parts: Iterable[SampleParts], folder: Path) -> SampleParts:
    """The samples of all batches, mapped from files without a name: they are gone with the process, however it ends.

    Parameters
    ----------
    parts
        At least one batch; all have the same parts.
    folder
        Where there is room for them.

    Raises
    ------
    OSError
        Where the disk does not take them.
    """
    batches = iter(parts)
    first = next(batches)
    with ExitStack() as opened:
        files = {name: opened.enter_context(tempfile.TemporaryFile(dir=folder)) for name in first}
        for some in chain([first], batches):
            for name, part in some.items():
                files[name].write(part.contiguous().numpy().data)
        return {name: _mapped(file, first[name]) for name, file in files.items()}


def _mapped(file: IO[bytes], like: Tensor) -> Tensor:
    """All rows in a file, of the type and width of a tensor."""
    file.flush()
    os.fsync(file.fileno())  # a disk on a network may say only now that it is full
    values = np.memmap(file, dtype=like.numpy().dtype, mode="r+")
    return torch.from_numpy(values).unflatten(0, (-1, *like.shape[1:]))
