"""A large matrix of distances: mapped, rows on demand; and what the formats that cannot be mapped take."""

from __future__ import annotations

from pathlib import Path

import h5py
import numpy as np

from aam.data.readers.distance_matrix import Distances, read_distances
from benchmarks.load import make
from benchmarks.load.child import Meter, Row

ARRAY, IDS, HDF5, TEXT = "matrix.npy", "matrix.ids.txt", "matrix.h5", "matrix.tsv"
OWN_GIGABYTES = 0.25
BYTES_OF_A_VALUE = {HDF5: 6, TEXT: 60}
DROPPED = 20
"""One of so many samples is left out, as rarefaction does."""


def make_array(folder: Path, samples: int) -> None:
    """Write the matrix as ``.npy``."""
    np.save(folder / "places.npy", make.write_distances(folder / ARRAY, samples))


def make_others(folder: Path, samples: int) -> None:
    """Write the matrix in the formats that hold their ids."""
    np.save(folder / "places.npy", make.write_distances(folder / ARRAY, samples))
    matrix, names = np.load(folder / ARRAY, mmap_mode="r"), make.sample_names(samples)
    with h5py.File(folder / HDF5, "w") as file:
        file.create_dataset("order", data=names, dtype=h5py.string_dtype())
        file.create_dataset("matrix", data=matrix)
    with (folder / TEXT).open("w") as file:
        file.write("\t".join(["", *names]) + "\n")
        for name, row in zip(names, matrix, strict=True):
            file.write("\t".join([name, *(f"{value:.6f}" for value in row.tolist())]) + "\n")


def mapped(folder: Path, samples: int) -> Row:
    """Read the ``.npy``, leave some samples out in another order, and look up the distances of a batch."""
    with Meter() as meter:
        found = read_distances(folder / ARRAY, folder / IDS)
        rows = np.flatnonzero(np.arange(samples) % DROPPED)[::-1]
        chosen = found.select(found.sample_ids[rows])
        batch_BB = _batch(chosen)
    return meter.row(
        f"matrix of {samples:,} x {samples:,}, .npy: checked, {len(rows):,} samples chosen, rows of a batch",
        right=_is_right(folder, rows, batch_BB, 1e-6),
        processor=60,
        own=OWN_GIGABYTES,
    )


def whole(folder: Path, samples: int, name: str) -> Row:
    """Read a format that is read as a whole."""
    with Meter() as meter:
        found = read_distances(folder / name)
        batch_BB = _batch(found)
    used = meter.row("", right=True)["own"] * 1e9 / samples**2
    return meter.row(
        f"matrix of {samples:,} x {samples:,}, {Path(name).suffix}: read",
        right=_is_right(folder, np.arange(samples), batch_BB, 1e-5),
        note=f"{used:.0f} bytes a value, so 27,000 samples take {used * 27_000**2 / 1e9:.0f} GB: give .npy",
        own=BYTES_OF_A_VALUE[name] * samples**2 / 1e9,
    )


def _batch(distances: Distances) -> np.ndarray:
    rows_B = np.arange(0, len(distances.sample_ids), -(-len(distances.sample_ids) // 32))
    return distances.among(rows_B)


def _is_right(folder: Path, rows: np.ndarray, batch_BB: np.ndarray, tolerance: float) -> bool:
    places = np.load(folder / "places.npy")[rows]
    some = places[np.arange(0, len(rows), -(-len(rows) // 32))]
    return bool(np.abs(batch_BB - np.abs(some[:, None] - some)).max() <= tolerance)
