"""Bad distance matrices (rows D of the matrix)."""

from __future__ import annotations

import functools
import io
from pathlib import Path
from typing import Any

import h5py
import numpy as np

from aam.data.readers.distance_matrix import Distances, read_distances
from tests.badinputs.cases import Read, bad, bad_rows, odd, odd_rows

IDS = ["s1", "s2", "s3"]
VALUES = np.array([[0.0, 0.5, 0.25], [0.5, 0.0, 1.0], [0.25, 1.0, 0.0]])


def with_values(folder: Path, places: dict[tuple[int, int], float], **options: Any) -> Read:
    """A matrix of text in which some values are others."""
    values = VALUES.copy()
    for place, value in places.items():
        values[place] = value
    return written(folder, values, **options)


def written(folder: Path, values: np.ndarray, ids: list[str] = IDS, **options: Any) -> Read:
    lines = ["\t".join(["", *ids]), *("\t".join([i, *map(str, row)]) for i, row in zip(ids, values, strict=False))]
    (folder / "u.tsv").write_text("\n".join(lines) + "\n")
    return functools.partial(read_distances, folder / "u.tsv", **options)


def array(folder: Path, values: Any, ids: list[str] | None = IDS, allow_pickle: bool = False) -> Read:
    np.save(folder / "u.npy", values, allow_pickle=allow_pickle)
    if ids is None:
        return lambda: read_distances(folder / "u.npy")
    (folder / "ids.txt").write_text("\n".join(ids))
    return lambda: read_distances(folder / "u.npy", folder / "ids.txt")


@bad("D0 HTML", "u.tsv: not a distance matrix (expected .npy, .h5, .qza or a table of text; starts with '<html>')")
def _(folder: Path) -> Read:
    (folder / "u.tsv").write_text("<html>")
    return lambda: read_distances(folder / "u.tsv")


@bad("D5 missing", "u.tsv: 2 of 3 samples of the table are missing (first: s8); was it made from this table?")
def _(folder: Path) -> Read:
    read = written(folder, VALUES)
    return lambda: select(read(), ["s1", "s8", "s9"])


def select(distances: object, ids: list[str]) -> Distances:
    assert isinstance(distances, Distances)
    return distances.select(ids)


@bad(
    "D7 other rows",
    "u.tsv: rows and columns differ (row 's3' where the header has 's1'); both need the same ids in the same order",
)
def _(folder: Path) -> Read:
    read = written(folder, VALUES)
    lines = (folder / "u.tsv").read_text().splitlines()
    (folder / "u.tsv").write_text("\n".join([lines[0], *reversed(lines[1:])]))
    return read


@bad("D7 ids for text", "u.tsv: holds its own sample ids; leave out --distance-ids, which is for .npy files")
def _(folder: Path) -> Read:
    (folder / "ids.txt").write_text("s1")
    return written(folder, VALUES, ids_path=folder / "ids.txt")


class Marker:
    """Writes a file when it is unpickled."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[Any, ...]:
        return Path.touch, (self.path,)


@bad("D7 pickle", "u.npy: not a usable .npy file (<any>); save plain numbers")
def _(folder: Path) -> Read:
    return array(folder, np.array([Marker(folder / "was-run")] * 9, dtype=object).reshape(3, 3), allow_pickle=True)


@bad("D7 .npz", "u.npz: .npz files are not read; save the array as .npy, and its ids for --distance-ids")
def _(folder: Path) -> Read:
    np.savez(folder / "u.npz", VALUES)
    return lambda: read_distances(folder / "u.npz")


@bad("D7 truncated .npy", "u.npy: not a usable .npy file (<any>); save plain numbers")
def _(folder: Path) -> Read:
    read = array(folder, VALUES)
    content = (folder / "u.npy").read_bytes()
    (folder / "u.npy").write_bytes(content[:-8])
    return read


@bad("D7 huge .npy", "u.npy: not a usable .npy file (<any>); save plain numbers")
def _(folder: Path) -> Read:
    read = array(folder, VALUES)
    buffer = io.BytesIO()
    header = {"descr": "<f4", "fortran_order": False, "shape": (10**9, 10**9)}
    np.lib.format.write_array_header_1_0(buffer, header)
    (folder / "u.npy").write_bytes(buffer.getvalue())
    return read


@bad("D7 HDF5 without ids", "u.h5: HDF5 file without 'order'")
def _(folder: Path) -> Read:
    with h5py.File(folder / "u.h5", "w") as file:
        file["matrix"] = VALUES
    return lambda: read_distances(folder / "u.h5")


@odd("D4 another order, and more samples than needed")
def _(folder: Path) -> Read:
    read = written(folder, VALUES)

    def act() -> object:
        found = select(read(), ["s3", "s1"])
        assert found.among(np.arange(2)).tolist() == [[0, 0.25], [0.25, 0]]
        return found

    return act


@odd("D7 text with commas, and a comment")
def _(folder: Path) -> Read:
    read = written(folder, VALUES)
    (folder / "u.tsv").write_text("# made by hand\n" + (folder / "u.tsv").read_text().replace("\t", ","))
    return read


# fmt: off
bad_rows(
    ("D1 asymmetric", "u.tsv: not symmetric (s1,s2: 0.31 and 0.5); are these distances?", with_values, {(0, 1): 0.31}),
    ("D2 diagonal", "u.tsv: distance of s2 to itself is 0.1; are these similarities?", with_values, {(1, 1): 0.1}),
    ("D3 NaN", "u.tsv: 2 values are NaN or infinite (first: s1,s3); compute the distances again without these samples",
     with_values, {(0, 2): np.nan, (2, 0): np.inf}),
    ("D3 word", "u.tsv: row 's1': could not convert string to float: <any>; every cell needs a number",
     written, VALUES.astype(str).astype(object) + np.array([["", "x", ""], [""] * 3, [""] * 3], object)),
    ("D6 above 1", "u.tsv: values up to 7 (s2,s3): they must lie in 0..1; are these UniFrac?",
     lambda folder: with_values(folder, {(1, 2): 7, (2, 1): 7}, bounded=True)),
    ("D6 negative", "u.tsv: values down to -0.2 (s2,s3); distances cannot be negative",
     with_values, {(1, 2): -0.2, (2, 1): -0.2}),
    ("D7 not square", "u.tsv: not square (2 rows, 3 columns); every sample needs a row and a column",
     written, VALUES[:2]),
    ("D7 short row", "u.tsv: row 's1' has 2 values for 3 samples; every sample needs a row and a column",
     written, VALUES[:, :2]),
    ("D7 duplicates", "u.tsv: duplicate sample id 's1' (2 times); each may occur only once",
     written, VALUES, ["s1", "s1", "s2"]),
    ("D7 no ids", "u.npy: has no sample ids; give --distance-ids, a file with one id per line", array, VALUES, None),
    ("D7 too few ids", "ids.txt: has 2 ids, but u.npy has 3 rows; one id is needed for each row, in the same order",
     array, VALUES, IDS[:2]),
    ("D7 twice", "ids.txt: duplicate id 's1' (2 times); each may occur only once", array, VALUES, ["s1", "s1", "s2"]),
    ("D7 text in .npy", "u.npy: holds <U4 values, not numbers; save an array of float32",
     array, np.full((3, 3), "0.25")),
    ("D7 not a matrix", "u.npy: has 1 dimension, a matrix has 2", array, np.zeros(3)),
    ("D7 not square .npy", "u.npy: not square (3 rows, 2 columns); every sample needs a row and a column",
     array, VALUES[:, :2]),
)
odd_rows(
    ("D1 differences of rounding",
     lambda folder: with_values(folder, {(0, 1): 0.5 + 1e-7, (2, 2): 1e-8, (1, 2): 1 + 1e-7}, bounded=True)),
    ("D7 float64, Fortran order and integers", array, np.asfortranarray(np.ceil(VALUES).astype(np.int64))),
)
# fmt: on
