"""What `aam info` says of a file: what it is by its content, and the numbers that one wants to know of it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from pathlib import Path

import numpy as np

from aam.data.readers.distance_matrix import NUMPY_START, read_distances
from aam.data.readers.metadata import read_metadata
from aam.data.readers.metadata_layout import is_metadata_type
from aam.data.readers.metadata_values import NUMBER
from aam.data.readers.sequences import is_dna, read_sequences, upper_case
from aam.data.readers.table import read_raw_table
from aam.data.readers.taxonomy import ID_NAMES, TAXON_NAMES, read_taxonomy
from aam.data.study.summary import spread
from aam.errors import InputError
from aam.files.archive import archive_type, is_archive
from aam.files.hdf5 import SIGNATURE, open_hdf5
from aam.files.npy import map_npy
from aam.phylogeny.tree import read_tree
from aam.text import listed, plural, read_bytes, shorten

Facts = list[tuple[str, str]]
START_BYTES = 1 << 16
MOST_COLUMNS = 30
TABLE_STARTS = ("#otu", "# constructed from biom")


def describe_file(path: Path) -> tuple[str, Facts]:
    """Title and facts of a file.

    Raises
    ------
    InputError
        If it is none of what AAM reads, or is damaged.
    """
    if is_archive(path):
        kind = archive_type(path)
        if is_metadata_type(kind):
            return f"sample metadata in a QIIME 2 archive ({kind})", _sheet(path)[1]
        if kind not in OF_TYPE:
            return f"a QIIME 2 archive of {kind}, which AAM does not read", []
        title, facts = OF_TYPE[kind](path)
        return f"{title} in a QIIME 2 archive ({kind})", facts
    return _describer(path)(path)


def _describer(path: Path) -> Callable[[Path], tuple[str, Facts]]:
    """What reads a plain file, by how it starts."""
    start = read_bytes(path, START_BYTES)
    if start.startswith(SIGNATURE):
        with open_hdf5(path) as file:
            return _distances if file.has("matrix", "order") else _table
    if start.startswith(NUMPY_START):
        return _array
    text = start.decode("utf-8-sig", "replace").lstrip()
    if text[:1] in (">", "(", "{", "["):
        return {">": _sequences, "(": _tree, "[": _tree}.get(text[0], _table)
    return _describer_of_cells(path, start.decode("utf-8-sig", "replace"))


def _describer_of_cells(path: Path, text: str) -> Callable[[Path], tuple[str, Facts]]:
    """What reads a table of text, by its header."""
    if text.lower().startswith(TABLE_STARTS):
        return _table
    header = next((line for line in text.splitlines() if line.strip() and not line.startswith("# ")), "")
    cells = [cell.strip().lower() for cell in header.split("\t" if "\t" in header else ",")]
    if cells[0] in ID_NAMES and any(cell in TAXON_NAMES for cell in cells[1:]):
        return _taxonomy
    if not cells[0]:
        return _distances
    if ";" in header and header.rstrip().endswith(";"):
        return _tree
    if len(cells) < 2:
        raise InputError(path, "is not a format that AAM reads", "docs/formats.md lists them")
    return _sheet


def _table(path: Path) -> tuple[str, Facts]:
    raw = read_raw_table(path)
    reads = np.asarray(raw.counts.sum(axis=1)).ravel()
    share = raw.counts.nnz / (raw.counts.shape[0] * raw.counts.shape[1])
    dna = is_dna(upper_case(raw.asv_ids))
    return "a feature table", [
        ("samples", f"{len(raw.sample_ids):,} ({listed(raw.sample_ids)})"),
        ("ASVs", f"{len(raw.asv_ids):,} ({listed(raw.asv_ids)})"),
        ("ASV ids", "DNA" if dna else "not DNA: give the sequences with --sequences"),
        *([("bases per ASV", spread(np.array([len(name) for name in raw.asv_ids])))] if dna else []),
        ("reads", f"{reads.sum():,}"),
        ("reads per sample", spread(reads)),
        ("ASVs per sample", spread(np.diff(raw.counts.indptr))),
        ("filled", f"{share:.2%} of the cells"),
    ]


def _sequences(path: Path) -> tuple[str, Facts]:
    found = read_sequences([path])
    lengths = np.array([len(sequence) for sequence in found.values()])
    return "sequences", [
        ("sequences", f"{len(found):,} ({listed(found)})"),
        ("different", f"{len(set(found.values())):,}"),
        ("bases", spread(lengths)),
    ]


def _tree(path: Path) -> tuple[str, Facts]:
    try:
        tree, rooted = read_tree(path, clip_negative=True), "yes"
    except InputError as error:
        if not any("not rooted" in problem for problem in error.problems):
            raise
        tree, rooted = read_tree(path, "midpoint", clip_negative=True), "no; use --root midpoint, or given if it is"
    depths = tree.root_distances()[tree.tips]
    return "a tree", [
        ("tips", f"{len(tree.names):,} ({listed(tree.names)})"),
        ("rooted", rooted),
        ("branches", f"{len(tree.parent) - 1:,}, {tree.length.sum():.6g} long in all"),
        ("root to tip", f"{depths.min():.4g} to {depths.max():.4g}, mean {depths.mean():.4g}"),
        *(("note", note) for note in tree.notes),
    ]


def _distances(path: Path) -> tuple[str, Facts]:
    found = read_distances(path)
    values = found.values[np.triu_indices(len(found.values), k=1)]
    facts = [("samples", f"{len(found.sample_ids):,} ({listed(found.sample_ids)})")]
    if len(values):
        low, middle, high = (float(v) for v in np.quantile(values, [0, 0.5, 1]))
        facts.append(("distances", f"{low:.4g} to {high:.4g}, median {middle:.4g}"))
    return "distances between samples", facts


def _array(path: Path) -> tuple[str, Facts]:
    values = map_npy(path)
    shape = " x ".join(f"{size:,}" for size in values.shape)
    return "a NumPy array", [
        ("values", f"{shape} {values.dtype}"),
        ("sample ids", "none in the file; --distances needs --distance-ids"),
    ]


def _taxonomy(path: Path) -> tuple[str, Facts]:
    lineages = read_taxonomy(path).lineages
    deepest = Counter(len(ranks) for ranks in lineages.values())
    levels = range(1, max(deepest) + 1)
    known = [sum(1 for ranks in lineages.values() if len(ranks) >= level and ranks[level - 1]) for level in levels]
    return "a taxonomy", [
        ("ASVs", f"{len(lineages):,} ({listed(lineages)})"),
        *((f"level {level}", f"{number:,} ASVs known") for level, number in zip(levels, known, strict=True)),
    ]


def _sheet(path: Path) -> tuple[str, Facts]:
    sheet = read_metadata(path)
    names = list(sheet.columns)
    facts = [("samples", f"{len(sheet.sample_ids):,} ({listed(sheet.sample_ids)})"), ("columns", f"{len(names):,}")]
    facts += [(f"  {shorten(name)}", _column_words(sheet.labels(name))) for name in names[:MOST_COLUMNS]]
    if len(names) > MOST_COLUMNS:
        facts.append(("  ...", f"and {len(names) - MOST_COLUMNS:,} more"))
    return "sample metadata", facts


def _column_words(labels: np.ndarray) -> str:
    present = labels[labels != ""]
    missing = f", {len(labels) - len(present):,} missing" if len(present) < len(labels) else ""
    if not len(present):
        return "all missing"
    values = [float(cell) for cell in present if NUMBER.fullmatch(cell)]
    if len(set(values)) > 2 and len(values) > len(present) / 2:
        words = [cell for cell in present if not NUMBER.fullmatch(cell)]
        others = f", {plural(len(words), 'cell')} with words ({listed(dict.fromkeys(words))})" if words else ""
        return f"numbers from {min(values):g} to {max(values):g}{others}{missing}"
    counts = Counter(present.tolist())
    return f"{plural(len(counts), 'class', 'es')} ({listed(name for name, _ in counts.most_common())}){missing}"


OF_TYPE: dict[str, Callable[[Path], tuple[str, Facts]]] = {
    "FeatureTable[Frequency]": _table,
    "FeatureData[Sequence]": _sequences,
    "FeatureData[RNASequence]": _sequences,
    "FeatureData[Taxonomy]": _taxonomy,
    "Phylogeny[Rooted]": _tree,
    "Phylogeny[Unrooted]": _tree,
    "DistanceMatrix": _distances,
}
