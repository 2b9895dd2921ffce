"""Makes small files of other programs by their specifications: AnnData, TreeData, mothur, DADA2 and R."""

from __future__ import annotations

import json
import struct
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import h5py
import numpy as np
from scipy.sparse import csc_array, csr_array

TEXT = h5py.string_dtype()
KINDS = {"csr": ("csr_matrix", csr_array), "csc": ("csc_matrix", csc_array)}
NAN = float("nan")


def put_frame(file: h5py.Group, name: str, ids: Sequence[str], columns: Mapping[str, Any]) -> None:
    """A data frame: texts, numbers, truth values; a set of texts is a categorical, a tuple a nullable integer."""
    group = file.create_group(name)
    group.attrs.update({"encoding-type": "dataframe", "encoding-version": "0.2.0", "_index": "_index"})
    group.attrs["column-order"] = np.array(list(columns), dtype=TEXT)
    group.create_dataset("_index", data=list(ids), dtype=TEXT)
    for column, values in columns.items():
        if isinstance(values, dict):
            inner = group.create_group(column)
            for part, content in values.items():
                kind = TEXT if content and isinstance(content[0], str) else None
                inner.create_dataset(part, data=content, dtype=kind)
        elif isinstance(values[0], str):
            group.create_dataset(column, data=values, dtype=TEXT)
        else:
            group[column] = np.array(values)


def put_matrix(file: h5py.Group, name: str, values: np.ndarray, kind: str) -> None:
    """A matrix: dense, csr or csc."""
    if kind == "dense":
        file[name] = values
        return
    encoding, make = KINDS[kind]
    matrix, group = make(values), file.create_group(name)
    group.attrs.update({"encoding-type": encoding, "encoding-version": "0.1.0", "shape": values.shape})
    for part in ("data", "indices", "indptr"):
        group[part] = getattr(matrix, part)


def write_h5ad(
    path: Path,
    counts: Any,
    sample_ids: Sequence[str],
    asv_ids: Sequence[str],
    kind: str = "csr",
    *,
    obs: Mapping[str, Any] | None = None,
    var: Mapping[str, Any] | None = None,
    layers: Mapping[str, Any] | None = None,
    raw: Any = None,
    trees: Mapping[str, Any] | None = None,
) -> Path:
    """Write AnnData, or TreeData where there are trees (graphs, of ASVs); ``counts`` None leaves out X."""
    with h5py.File(path, "w") as file:
        file.attrs.update({"encoding-type": "anndata", "encoding-version": "0.1.0"})
        put_frame(file, "obs", sample_ids, obs or {})
        put_frame(file, "var", asv_ids, var or {})
        if counts is not None:
            put_matrix(file, "X", np.asarray(counts, dtype=np.float32), kind)
        for name, values in (layers or {}).items():
            put_matrix(file, f"layers/{name}", np.asarray(values), kind)
        if raw is not None:
            put_frame(file, "raw/var", asv_ids, {})
            put_matrix(file, "raw/X", np.asarray(raw), kind)
        if trees is not None:
            file.create_dataset("vart", data=json.dumps(trees), dtype=TEXT)
    return path


def graph(edges: Mapping[str, Mapping[str, float]]) -> dict[str, Any]:
    """A tree as TreeData writes it: parent -> child -> length."""
    names = dict.fromkeys([*edges, *(child for below in edges.values() for child in below)])
    lengths = {up: {child: {"length": size} for child, size in below.items()} for up, below in edges.items()}
    return {"edges": {name: lengths.get(name, {}) for name in names}, "nodes": {name: {} for name in names}}


def write_shared(
    path: Path, counts: np.ndarray, sample_ids: Sequence[str], asv_ids: Sequence[str], *labels: str
) -> Path:
    """Write a .shared file of mothur; of several labels, each has twice the counts of the one before it."""
    lines = ["\t".join(["label", "Group", "numOtus", *asv_ids])]
    for times, label in enumerate(labels or ("0.03",)):
        for name, row in zip(sample_ids, counts * 2**times, strict=True):
            # mothur ends each line with a tab.
            lines.append("\t".join([label, name, str(len(asv_ids)), *map(str, row.astype(int)), ""]))
    path.write_text("\n".join(lines) + "\n")
    return path


def write_count_table(
    path: Path, counts: np.ndarray, sample_ids: Sequence[str], asv_ids: Sequence[str], *, compressed: bool = False
) -> Path:
    """Write a .count_table of mothur, of either form."""
    lines = []
    if compressed:
        lines = [
            "#Compressed Format: groupIndex,abundance. For example 1,6 would mean the read has an abundance of 6 for "
            f"group {sample_ids[0]}.",
            "#" + "".join(f"{place},{name}\t" for place, name in enumerate(sample_ids, start=1)),
        ]
    lines.append("\t".join(["Representative_Sequence", "total", *sample_ids]))
    for name, column in zip(asv_ids, counts.T.astype(int), strict=True):
        cells = [f"{place + 1},{column[place]}" for place in np.flatnonzero(column)] if compressed else map(str, column)
        lines.append("\t".join([name, str(column.sum()), *cells]))
    path.write_text("\n".join(lines) + "\n")
    return path


def write_sequence_table(path: Path, counts: np.ndarray, sample_ids: Sequence[str], sequences: Sequence[str]) -> Path:
    """Write a sequence table as R's ``write.csv`` does."""
    rows = [['""', *(f'"{name}"' for name in sequences)]]
    rows += [[f'"{name}"', *map(str, row.astype(int))] for name, row in zip(sample_ids, counts, strict=True)]
    path.write_text("".join(",".join(row) + "\n" for row in rows))
    return path


class R:
    """Objects of R in the form of ``saveRDS`` (XDR, version 2).

    References
    ----------
    R Internals, section 1.8, Serialization Formats: https://cran.r-project.org/doc/manuals/r-release/R-ints.html
    """

    IS_OBJECT, HAS_ATTRIBUTES, HAS_TAG, IS_S4 = 1 << 8, 1 << 9, 1 << 10, 1 << 16

    @staticmethod
    def file(content: bytes) -> bytes:
        return b"X\n" + struct.pack(">3i", 2, 0x00040301, 0x00020300) + content

    @staticmethod
    def char(text: str | None) -> bytes:
        if text is None:
            return struct.pack(">2i", 9, -1)
        raw = text.encode()
        return struct.pack(">2i", 9 | (64 if text.isascii() else 8) << 12, len(raw)) + raw

    @classmethod
    def vector(
        cls, kind: int, items: bytes, size: int, attributes: Mapping[str, bytes] | None = None, s4: int = 0
    ) -> bytes:
        more = attributes or {}
        flags = kind | (cls.HAS_ATTRIBUTES if more else 0) | (cls.IS_OBJECT if "class" in more else 0) | s4
        return struct.pack(">2i", flags, size) + items + (cls.pairs(more) if more else b"")

    @classmethod
    def pairs(cls, items: Mapping[str, bytes]) -> bytes:
        start = struct.pack(">2i", 2 | cls.HAS_TAG, 1)
        return b"".join(start + cls.char(name) + value for name, value in items.items()) + struct.pack(">i", 254)

    @classmethod
    def texts(cls, texts: Sequence[str | None], **attributes: bytes) -> bytes:
        return cls.vector(16, b"".join(map(cls.char, texts)), len(texts), attributes)

    @classmethod
    def integers(cls, values: Sequence[int], attributes: Mapping[str, bytes] | None = None, s4: int = 0) -> bytes:
        return cls.vector(13, struct.pack(f">{len(values)}i", *values), len(values), attributes, s4)

    @classmethod
    def logical(cls, value: bool) -> bytes:
        return cls.vector(10, struct.pack(">i", value), 1)

    @classmethod
    def reals(cls, values: Sequence[float], attributes: Mapping[str, bytes] | None = None) -> bytes:
        return cls.vector(14, struct.pack(f">{len(values)}d", *values), len(values), attributes)

    @classmethod
    def listed(cls, items: Sequence[bytes], attributes: Mapping[str, bytes] | None = None, s4: int = 0) -> bytes:
        return cls.vector(19, b"".join(items), len(items), attributes, s4)

    @classmethod
    def matrix(
        cls, counts: np.ndarray, rows: Sequence[str], columns: Sequence[str], s4: int = 0, **more: bytes
    ) -> bytes:
        names = cls.listed([cls.texts(rows), cls.texts(columns)])
        attributes = {"dim": cls.integers(counts.shape), "dimnames": names, **more}
        return cls.integers(counts.ravel(order="F").astype(int).tolist(), attributes, s4)

    @classmethod
    def frame(cls, ids: Sequence[str], columns: Mapping[str, bytes]) -> bytes:
        names = {"names": cls.texts(list(columns)), "row.names": cls.texts(ids)}
        return cls.listed(list(columns.values()), {**names, "class": cls.texts(["sample_data"])}, cls.IS_S4)

    @classmethod
    def phyloseq(
        cls, counts: np.ndarray, rows: Sequence[str], columns: Sequence[str], *, taxa: bool, frame: bytes
    ) -> bytes:
        kind = cls.texts(["otu_table"])
        table = cls.matrix(counts, rows, columns, cls.IS_S4, taxa_are_rows=cls.logical(taxa), **{"class": kind})
        flags = 25 | cls.IS_OBJECT | cls.HAS_ATTRIBUTES | cls.IS_S4
        slots = {"otu_table": table, "sam_data": frame, "class": cls.texts(["phyloseq"])}
        return struct.pack(">i", flags) + cls.pairs(slots)
