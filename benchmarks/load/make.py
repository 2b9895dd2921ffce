"""Large inputs as files, made block by block from a seed: no maker holds more than a block of a table or matrix."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path

import h5py
import numpy as np

BASES = 150
COUNTS_AT_ONCE = 4_000_000
IDS_AT_ONCE = 100_000
CHUNK = 1 << 18
COMPRESSION = {"compression": "gzip", "compression_opts": 1}

Divide = Callable[[int, int, random.Random], int]
"""Where the tips of a clade, from the first to the one before the end, part into two clades."""


def write_table(path: Path, samples: int, asvs: int, each: int, seed: int = 0, first: int = 0) -> int:
    """Write a BIOM 2.1 table in which every ASV is in a sample; a few ASVs are in most samples, most in few.

    Parameters
    ----------
    path
        The file.
    samples, asvs
        Size of the table.
    each
        ASVs of each sample.
    seed
        Of everything random.
    first
        Number of the first sample; the ASVs are the same whatever it is.

    Returns
    -------
    int
        The sum of all counts.
    """
    rng = np.random.default_rng([seed, first] if first else seed)
    total = 0
    with h5py.File(path, "w") as file:
        file.attrs["shape"] = (asvs, samples)
        _write_ids(file, "observation/ids", asvs, sequence_blocks(asvs, seed))
        _write_ids(file, "sample/ids", samples, _name_blocks("study.sample.", samples, first))
        group = file.create_group("sample/matrix")
        pointers = np.arange(samples + 1, dtype=np.int64) * each
        group.create_dataset("indptr", data=pointers, **COMPRESSION)
        layout = {"shape": (samples * each,), "chunks": (min(CHUNK, samples * each),), **COMPRESSION}
        data = group.create_dataset("data", dtype=np.float64, **layout)
        indices = group.create_dataset("indices", dtype=np.int32, **layout)
        for rows in _blocks(samples, max(1, COUNTS_AT_ONCE // each)):
            block = slice(rows.start * each, rows.stop * each)
            counts = np.ceil(rng.lognormal(1.5, 1.2, len(rows) * each))
            indices[block] = _columns(rng, rows, asvs, each).ravel()
            data[block] = counts
            total += int(counts.sum())
    return total


def sequence_blocks(asvs: int, seed: int = 0) -> Iterator[list[str]]:
    """DNA of many ASVs, some at a time."""
    rng = np.random.default_rng([seed, 1])
    for some in _blocks(asvs, IDS_AT_ONCE):
        letters = np.frombuffer(b"ACGT", dtype="S1")[rng.integers(0, 4, (len(some), BASES), dtype=np.uint8)]
        yield [name.decode() for name in letters.view(f"S{BASES}").ravel()]


def sequences(asvs: int, seed: int = 0) -> Iterator[str]:
    """DNA of the ASVs of :func:`write_table`, one by one."""
    return (sequence for block in sequence_blocks(asvs, seed) for sequence in block)


def tip_names(number: int) -> Iterator[str]:
    """Short names of tips."""
    return (f"t{tip}" for tip in range(number))


def write_sheet(path: Path, samples: int, seed: int = 0) -> None:
    """Write metadata for :func:`write_table`: ``age``, and ``subject`` with four samples each."""
    rng = np.random.default_rng([seed, 2])
    with path.open("w") as file:
        file.write("sample-id\tage\tsubject\n")
        for rows in _blocks(samples, IDS_AT_ONCE):
            ages = (rng.random(len(rows)) * 90).tolist()
            names = zip(rows, ages, strict=True)
            file.writelines(f"study.sample.{row:07d}\t{age:.3f}\tsubject_{row // 4}\n" for row, age in names)


def write_tree(path: Path, names: Iterable[str], number: int, divide: Divide, seed: int = 0) -> None:
    """Write a rooted tree in Newick format with a length on each branch, without recursion.

    Parameters
    ----------
    path
        The file.
    names
        Names of the tips, from left to right.
    number
        How many.
    divide
        Its shape: :func:`at_random` or :func:`as_ladder`.
    seed
        Of lengths and shape.
    """
    with path.open("w") as file:
        file.writelines(_newick(iter(names), number, divide, random.Random(seed)))


def at_random(first: int, end: int, rng: random.Random) -> int:
    """A clade parts anywhere, as far as its own tips say: the depth grows with the logarithm of the tips."""
    return rng.randrange(first + 1, end)


def as_ladder(first: int, end: int, rng: random.Random) -> int:
    """One tip parts from all others: the tree is as deep as it has tips."""
    return first + 1


def write_distances(path: Path, number: int, seed: int = 0) -> np.ndarray:
    """Write a matrix of distances in 0..1 as ``.npy`` in float32, with the ids beside it, block of rows by block.

    Returns
    -------
    numpy.ndarray
        Places of the samples on a line; a distance is the difference of two of them.
    """
    places = np.random.default_rng(seed).random(number, dtype=np.float32)
    matrix = np.lib.format.open_memmap(path, "w+", np.float32, (number, number))
    for rows in _blocks(number, max(1, COUNTS_AT_ONCE // number)):
        matrix[rows.start : rows.stop] = np.abs(places[rows.start : rows.stop, None] - places)
    matrix.flush()
    path.with_suffix(".ids.txt").write_text("".join(f"{name}\n" for name in sample_names(number)))
    return places


def sample_names(number: int) -> Sequence[str]:
    """Ids of the samples of :func:`write_table`."""
    return [name for block in _name_blocks("study.sample.", number) for name in block]


def _write_ids(file: h5py.File, name: str, number: int, blocks: Iterable[Sequence[str]]) -> None:
    chunks = (min(IDS_AT_ONCE, number),)
    dataset = file.create_dataset(name, (number,), h5py.string_dtype(), chunks=chunks, **COMPRESSION)
    start = 0
    for some in blocks:
        dataset[start : start + len(some)] = some
        start += len(some)


def _name_blocks(start: str, number: int, first: int = 0) -> Iterator[list[str]]:
    for rows in _blocks(number, IDS_AT_ONCE):
        yield [f"{start}{first + row:07d}" for row in rows]


def _columns(rng: np.random.Generator, rows: range, asvs: int, each: int) -> np.ndarray:
    """Ascending ASVs of some samples; the first samples of the table have all ASVs in turn."""
    places = np.sort((rng.random((len(rows), each)) ** 2 * (asvs - each)).astype(np.int64), axis=1)
    columns = places + np.arange(each)
    for row in range(rows.start, min(rows.stop, -(-asvs // each))):
        columns[row - rows.start] = np.arange(each) + min(row * each, asvs - each)
    return columns


def _newick(names: Iterator[str], number: int, divide: Divide, rng: random.Random) -> Iterator[str]:
    pending: list[tuple[int, int] | str] = [(0, number)]
    while pending:
        item = pending.pop()
        if isinstance(item, str):
            yield item
        elif item[1] - item[0] == 1:
            yield f"{next(names)}:{rng.random():.5f}"
        else:
            first, end = item
            middle = divide(first, end, rng)
            closing = f"):{rng.random():.5f}" if len(pending) else ");"
            pending += [closing, (middle, end), ",", (first, middle)]
            yield "("


def _blocks(number: int, size: int) -> Iterator[range]:
    return (range(start, min(start + size, number)) for start in range(0, number, size))
