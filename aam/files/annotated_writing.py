"""AnnData and TreeData files to write: what ``anndata.read_h5ad`` and ``treedata.read_h5td`` read.

References
----------
https://anndata.readthedocs.io/en/stable/fileformat-prose.html
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import h5py
import numpy as np
from scipy.sparse import csr_array

from aam.files.atomic import atomic_write

TEXT = h5py.string_dtype()
PLAIN_NUMBER = re.compile(r"-?(0|[1-9]\d*)(\.\d+)?(e[+-]?\d+)?")
"""A number as it is written without changing an id: no zeros in front, no plus."""
INDEX = "_index"


@dataclass(frozen=True)
class Frame:
    """A table with ids.

    Attributes
    ----------
    ids
        Of the rows.
    columns
        Name -> values: an array of numbers or truth values, or texts.
    """

    ids: Sequence[str]
    columns: Mapping[str, np.ndarray | Sequence[str]] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class Annotated:
    """What a file has.

    Attributes
    ----------
    values
        ``X``: samples x ASVs, sparse or dense.
    obs, var
        Samples and ASVs.
    obsm, varm
        Name -> matrix with a row for each sample, or ASV; or a frame.
    layers
        Name -> matrix like ``X``.
    uns
        Further facts: texts, numbers, arrays, and mappings of these.
    trees
        Name -> tree of the ASVs (:func:`graph_of`), with which the file is TreeData.
    """

    values: csr_array | np.ndarray
    obs: Frame
    var: Frame
    obsm: Mapping[str, np.ndarray | Frame] = field(default_factory=dict)
    varm: Mapping[str, np.ndarray | Frame] = field(default_factory=dict)
    layers: Mapping[str, csr_array | np.ndarray] = field(default_factory=dict)
    uns: Mapping[str, Any] = field(default_factory=dict)
    trees: Mapping[str, Any] = field(default_factory=dict)


def write_annotated(path: Path, content: Annotated) -> None:
    """Write a file, whole or not at all.

    Parameters
    ----------
    path
        The file.
    content
        What it has.

    Raises
    ------
    RunError
        If the disk does not take it.
    """
    with atomic_write(path, "w+b") as raw, h5py.File(raw, "w") as file:
        _mark(file, "treedata" if content.trees else "anndata", "0.1.0")
        _put(file, "X", content.values)
        _put(file, "obs", content.obs)
        _put(file, "var", content.var)
        for name in ("obsm", "varm", "layers", "uns"):
            _put(file, name, getattr(content, name))
        for name in ("obsp", "varp"):
            _put(file, name, {})
        if content.trees:
            for name, trees in (("vart", content.trees), ("obst", {})):
                _put(file, name, json.dumps(trees))
            _put(file, "alignment", "leaves")


def typed(cells: Sequence[str]) -> np.ndarray | list[str]:
    """A column of text as numbers (NaN where a cell is empty), if all its other cells are plain numbers.

    Parameters
    ----------
    cells
        The column. Texts such as ``0012`` or ``NA`` keep all of it text.
    """
    given = [cell for cell in cells if cell]
    if given and all(PLAIN_NUMBER.fullmatch(cell) for cell in given):
        return np.array([float(cell) if cell else np.nan for cell in cells])
    return list(cells)


def graph_of(parent: np.ndarray, length: np.ndarray, tips: Mapping[int, str]) -> dict[str, Any]:
    """A rooted tree as TreeData keeps it: edges with ``length``, nodes without attributes.

    Parameters
    ----------
    parent, length
        Of each node; the parent of the root, which is the last, is -1.
    tips
        Node -> name of each tip; other nodes are numbered.
    """
    taken = set(tips.values())
    names = [tips.get(node) or _free(f"node{node}", taken) for node in range(len(parent))]
    edges: dict[str, dict[str, dict[str, float]]] = {name: {} for name in names}
    # Children follow their parent here, as one reads a tree.
    for node in range(len(parent) - 2, -1, -1):
        edges[names[parent[node]]][names[node]] = {"length": float(length[node])}
    return {"edges": edges, "nodes": {name: {} for name in reversed(names)}}


def _free(name: str, taken: set[str]) -> str:
    while name in taken:
        name += "_"
    return name


def _mark(item: h5py.Group | h5py.Dataset, encoding: str, version: str) -> None:
    item.attrs["encoding-type"] = encoding
    item.attrs["encoding-version"] = version


def _put(file: h5py.Group, name: str, value: Any) -> None:
    """Write one thing of any of the kinds."""
    if isinstance(value, Frame):
        _put_frame(file, name, value)
    elif isinstance(value, Mapping):
        group = file.create_group(name)
        _mark(group, "dict", "0.1.0")
        for key, inner in _with_names(value).items():
            _put(group, key, inner)
    elif isinstance(value, csr_array):
        _put_sparse(file, name, value)
    elif isinstance(value, str):
        _mark(file.create_dataset(name, data=value, dtype=TEXT), "string", "0.2.0")
    elif isinstance(value, bool | int | float):
        _mark(file.create_dataset(name, data=value), "numeric-scalar", "0.2.0")
    else:
        _put_array(file, name, value)


def _put_array(file: h5py.Group, name: str, value: Any) -> None:
    values = np.asarray(value)
    if values.dtype.kind in "OUS" or (
        values.size == 0 and values.dtype.kind == "f" and not isinstance(value, np.ndarray)
    ):
        texts = [str(one) for one in values.ravel().tolist()]
        _mark(file.create_dataset(name, data=texts, shape=(len(texts),), dtype=TEXT), "string-array", "0.2.0")
    else:
        packed = {"compression": "gzip", "compression_opts": 4} if values.size > 1 else {}
        _mark(file.create_dataset(name, data=values, **packed), "array", "0.2.0")


def _put_sparse(file: h5py.Group, name: str, value: csr_array) -> None:
    group = file.create_group(name)
    _mark(group, "csr_matrix", "0.1.0")
    group.attrs["shape"] = np.array(value.shape, dtype=np.int64)
    for part in ("data", "indices", "indptr"):
        group.create_dataset(part, data=getattr(value, part), chunks=True, compression="gzip", compression_opts=4)


def _put_frame(file: h5py.Group, name: str, frame: Frame) -> None:
    group = file.create_group(name)
    _mark(group, "dataframe", "0.2.0")
    group.attrs["_index"] = INDEX
    columns = _with_names(frame.columns)
    group.attrs["column-order"] = np.array(list(columns), dtype=TEXT)
    _put_array(group, INDEX, list(map(str, frame.ids)))
    for column, values in columns.items():
        _put_array(group, column, values)


def _with_names(items: Mapping[str, Any]) -> dict[str, Any]:
    """The same under names that HDF5 takes: without slashes, each there once, and none that means something else."""
    found: dict[str, Any] = {}
    for name, value in items.items():
        safe = str(name).replace("/", "|") or "_"
        safe = f"{safe}_" if safe in (INDEX, "__categories", ".", "..") else safe
        found[_free(safe, set(found))] = value
    return found
