"""Distances between samples, written to a file while they are computed."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Any

import h5py
import numpy as np

from aam.data.distances.blocks import Block
from aam.errors import InputError
from aam.files.atomic import atomic_write, write_text
from aam.text import listed

STORED = np.dtype("<f4")
TEXT_BYTES = 20
"""Bytes of a distance as text, with the tab."""
# What scikit-bio looks for in its "binary_dm" format.
HDF5_HEADER = {"format": b"BDSM", "version": b"2020.12"}

Matrix = Any
"""What takes values as ``matrix[rows, columns] = values``."""
Opener = Callable[[Path, Sequence[str]], AbstractContextManager[Matrix]]


def ids_path(path: Path) -> Path | None:
    """The file of the sample ids beside a matrix that cannot hold them."""
    return path.with_suffix(".ids.txt") if path.suffix == ".npy" else None


def num_bytes(path: Path, num_samples: int) -> int:
    """About how large a matrix will be."""
    return num_samples**2 * (TEXT_BYTES if path.suffix == ".tsv" else STORED.itemsize)


def check_format(path: Path) -> None:
    """Refuse a file whose name does not say its format.

    Raises
    ------
    InputError
        If the ending is none that can be written.
    """
    if path.suffix not in WRITERS:
        problem = f"unknown file extension '{path.suffix}'" if path.suffix else "has no file extension"
        raise InputError(path, problem, f"end --output in {', '.join(WRITERS)}")


def check_ids(path: Path, sample_ids: Sequence[str]) -> None:
    """Refuse ids that the format would change.

    Raises
    ------
    InputError
        If text cannot hold some of them.
    """
    if path.suffix in (".h5", ".hdf5"):
        return
    spaced = [name for name in sample_ids if name != name.strip()]
    if spaced:
        raise InputError(path, f"sample ids have spaces around them ({listed(spaced)})", "write .h5, or rename them")
    comments = [name for name in sample_ids if name.startswith("#")]
    if comments and path.suffix == ".tsv":
        raise InputError(path, f"sample ids start like comments ({listed(comments)})", "write .h5, or rename them")


def write_distances(path: Path, sample_ids: Sequence[str], blocks: Iterable[Block]) -> None:
    """Write a matrix, whole or not at all, in the format that its name says.

    Parameters
    ----------
    path
        The file: ``.tsv``, ``.npy`` (and the ids beside it), ``.h5`` or ``.hdf5``.
    sample_ids
        Ids of the ``N`` samples.
    blocks
        Its blocks on and above the diagonal.

    Raises
    ------
    RunError
        If the disk does not take it.
    """
    beside = ids_path(path)
    if beside is not None:
        beside.unlink(missing_ok=True)  # rather none than those of another matrix
    with WRITERS[path.suffix](path, sample_ids) as matrix:
        for rows, columns, values in blocks:
            matrix[rows, columns] = values
            if rows != columns:
                matrix[columns, rows] = values.T
    if beside is not None:
        write_text(beside, "".join(f"{name}\n" for name in sample_ids))


@contextmanager
def _npy(path: Path, sample_ids: Sequence[str]) -> Iterator[Matrix]:
    shape = (len(sample_ids), len(sample_ids))
    with atomic_write(path, "w+b") as file:
        header = {"descr": STORED.str, "fortran_order": False, "shape": shape}
        np.lib.format.write_array_header_1_0(file, header)
        # A disk that fills up under a mapped file would kill the process; so its room is taken at once.
        start = file.tell()
        os.posix_fallocate(file.fileno(), 0, start + STORED.itemsize * len(sample_ids) ** 2)
        matrix = np.memmap(file, STORED, "r+", start, shape)
        yield matrix
        matrix.flush()


@contextmanager
def _hdf5(path: Path, sample_ids: Sequence[str]) -> Iterator[Matrix]:
    """The layout that scikit-bio and the UniFrac programs share."""
    with atomic_write(path, "w+b") as file, h5py.File(file, "w") as content:
        for name, text in HDF5_HEADER.items():
            content.create_dataset(name, data=np.array([text]))
        content.create_dataset("order", data=list(sample_ids), dtype=h5py.string_dtype())
        yield content.create_dataset("matrix", (len(sample_ids), len(sample_ids)), STORED)


@contextmanager
def _tsv(path: Path, sample_ids: Sequence[str]) -> Iterator[Matrix]:
    """Text goes line by line, so the whole matrix is held until it is there."""
    with atomic_write(path) as file:
        matrix = np.empty((len(sample_ids), len(sample_ids)))
        yield matrix
        file.write("\t".join(["", *sample_ids]) + "\n")
        for name, row in zip(sample_ids, matrix, strict=True):
            file.write("\t".join([name, *map(repr, row.tolist())]) + "\n")


WRITERS: dict[str, Opener] = {".tsv": _tsv, ".npy": _npy, ".h5": _hdf5, ".hdf5": _hdf5}
