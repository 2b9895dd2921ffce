"""AnnData and TreeData files (``.h5ad``, ``.h5td``) as others wrote them: data frames, matrices and trees by name.

Only HDF5's own library is needed, and nothing is read that is not asked for. Samples are ``obs``, ASVs are ``var``.

References
----------
https://anndata.readthedocs.io/en/stable/fileformat-prose.html (since AnnData 0.8; categories of 0.7 are read too)
and https://treedata.readthedocs.io
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from aam.errors import InputError
from aam.files.hdf5 import SIGNATURE, Hdf5File, open_hdf5
from aam.files.packed import is_packed, read_unpacked
from aam.text import listed, read_stored, shorten

OLD = "write it again with AnnData 0.8 or later"
NO_ANNDATA = "is it an AnnData file (.h5ad)?"
TREES = "vart"
"""Where TreeData keeps the trees of ASVs."""


class Held(NamedTuple):
    """What a file holds beside its counts: columns of samples, and exactly one tree, which has all ASVs."""

    columns: bool
    tree: bool


def is_hdf5(path: Path) -> bool:
    """Whether a file is HDF5, packed with gzip or not."""
    if is_packed(path):
        with suppress(InputError):
            return read_unpacked(path, len(SIGNATURE)) == SIGNATURE
    return read_stored(path, len(SIGNATURE)) == SIGNATURE


def is_annotated(file: Hdf5File) -> bool:
    """Whether an HDF5 file has the two frames of AnnData."""
    return all(file.members(axis) is not None or file.shape(axis) is not None for axis in ("obs", "var"))


@contextmanager
def open_annotated(source: Path) -> Iterator[Hdf5File]:
    """Open a file and see that it is AnnData's.

    Raises
    ------
    InputError
        If it is not, or is of a version that is not read.
    """
    content = read_unpacked(source) if is_packed(source) else None
    with open_hdf5(source, content) as file:
        if not is_annotated(file):
            raise InputError(source, "HDF5 file without 'obs' and 'var'", NO_ANNDATA)
        yield checked_frames(file)


def checked_frames(file: Hdf5File) -> Hdf5File:
    """An AnnData file, whose frames are groups.

    Raises
    ------
    InputError
        If they are not.
    """
    for axis in ("obs", "var"):
        if file.members(axis) is None:
            raise InputError(file.source, f"'{axis}' is no group: the file is of an early AnnData", OLD)
    return file


def held(path: Path) -> Held:
    """What a file holds; of one that cannot be read, columns, so that their reader says why."""
    try:
        with open_annotated(path) as file:
            return Held(bool(columns(file, "obs")), _has_tree_of_all(file))
    except InputError:
        return Held(columns=True, tree=False)


def _has_tree_of_all(file: Hdf5File) -> bool:
    if file.shape(TREES) != () or len(_names_of_trees(file.text(TREES))) != 1:
        return False
    edges = tree_of_asvs(file).get("edges")
    if not isinstance(edges, dict):
        return False
    inner = {name for name, below in edges.items() if below}
    below = {child for one in edges.values() if isinstance(one, dict) for child in one}
    return set(index(file, "var")) <= below - inner


def index(file: Hdf5File, frame: str) -> list[str]:
    """The ids of a frame's rows.

    Raises
    ------
    InputError
        If the frame does not say where they are.
    """
    name = file.attribute(frame, "_index")
    if not isinstance(name, str):
        raise InputError(file.source, f"'{frame}' does not say which of its columns are the ids (_index)", OLD)
    found = cells(file, frame, name)
    if found is None:
        raise InputError(file.source, f"the ids of '{frame}' are of a kind that is not read", OLD)
    return found


def columns(file: Hdf5File, frame: str) -> list[str]:
    """Names of a frame's columns, in order."""
    named = file.attribute(frame, "column-order")
    skipped = {file.attribute(frame, "_index"), "__categories"}
    found = named if isinstance(named, list) else sorted(file.members(frame) or ())
    return [str(name) for name in found if name not in skipped]


def cells(file: Hdf5File, frame: str, name: str) -> list[str] | None:
    """A column as text, ``""`` where a value is missing; None where it is of a kind that has no text.

    Parameters
    ----------
    file, frame
        The frame.
    name
        The column.

    Raises
    ------
    InputError
        If the column is damaged.
    """
    place = f"{frame}/{name}"
    members = file.members(place)
    if members is None:
        return _plain_cells(file, frame, name)
    if "categories" in members:
        return _of_categories(file, place, f"{place}/codes", f"{place}/categories")
    if "mask" in members and "values" in members:
        return _masked(file, place)
    return None


def _plain_cells(file: Hdf5File, frame: str, name: str) -> list[str] | None:
    place = f"{frame}/{name}"
    shape, kind = file.shape(place), file.dtype(place)
    if shape is None or kind is None:
        raise InputError(file.source, f"'{frame}' lacks its column '{shorten(name)}'", "write the file again")
    old = f"{frame}/__categories/{name}"
    if file.shape(old) is not None:
        return _of_categories(file, place, place, old)
    if len(shape) != 1 or kind.kind not in "iufbOS":
        return None
    return file.texts(place) if kind.kind in "OS" else as_cells(file.values(place))


def as_cells(values: np.ndarray) -> list[str]:
    """Numbers and truth values as text, ``""`` for NaN."""
    return ["" if text == "nan" else text for text in values.astype(str).tolist()]


def _of_categories(file: Hdf5File, place: str, codes_at: str, categories_at: str) -> list[str]:
    codes, kind = file.values(codes_at), file.dtype(categories_at)
    if kind is None:
        raise InputError(file.source, f"'{place}' has no categories of a kind that is read", OLD)
    names = file.texts(categories_at) if kind.kind in "OS" else as_cells(file.values(categories_at))
    if codes.dtype.kind not in "iu" or (len(codes) and (codes.min() < -1 or codes.max() >= len(names))):
        problem = f"corrupt column: codes of '{shorten(place)}' are not places of its {len(names):,} categories"
        raise InputError(file.source, problem, "write the file again")
    return [names[code] if code >= 0 else "" for code in codes.tolist()]


def _masked(file: Hdf5File, place: str) -> list[str] | None:
    kind = file.dtype(f"{place}/values")
    if kind is None or kind.kind not in "iufbOS":
        return None
    texts = file.texts(f"{place}/values") if kind.kind in "OS" else as_cells(file.values(f"{place}/values"))
    mask = file.values(f"{place}/mask").astype(bool)
    if len(mask) != len(texts):
        raise InputError(file.source, f"corrupt column: '{shorten(place)}' has a mask of another length", OLD)
    return ["" if is_missing else text for text, is_missing in zip(texts, mask.tolist(), strict=True)]


def tree_of_asvs(file: Hdf5File) -> dict[str, Any]:
    """Edges and nodes of the one tree of ASVs, as TreeData keeps them (JSON).

    Raises
    ------
    InputError
        If there is none, or several.
    """
    if file.shape(TREES) != ():
        raise InputError(file.source, "holds no tree of ASVs (TreeData's 'vart')", "give a tree as Newick")
    text = file.text(TREES)
    names = _names_of_trees(text)
    if len(names) != 1:
        problem = f"holds {len(names):,} trees of ASVs" + (f" ({listed(names)})" if names else "")
        raise InputError(file.source, f"{problem}, 1 is needed", "leave one in vart, or give a tree as Newick")
    return _graphs(text)[names[0]]


def _graphs(text: str) -> dict[str, Any]:
    try:
        found = json.loads(text) if text else {}
    except (ValueError, RecursionError):
        return {}
    return found if isinstance(found, dict) else {}


def _names_of_trees(text: str) -> list[str]:
    return [name for name, graph in _graphs(text).items() if isinstance(graph, dict)]
