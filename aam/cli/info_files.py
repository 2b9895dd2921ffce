"""What `aam info` says of a file: what it is by its content, and the numbers that one wants to know of it."""

from __future__ import annotations

import json
import shlex
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np

from aam.cli.describe import foreign, outputs
from aam.cli.describe.cells import SEPARATED, Cells, read_cells
from aam.config import TableOptions
from aam.data.readers.distance_matrix import NUMPY_START, read_distances
from aam.data.readers.feature_ids import NO_DNA, hash_name, is_taxon, transposed
from aam.data.readers.metadata import read_metadata
from aam.data.readers.metadata_layout import EXACT_ID_HEADERS, is_metadata_type
from aam.data.readers.metadata_values import NUMBER
from aam.data.readers.raw_table import RawTable
from aam.data.readers.sequences import is_dna, read_sequences, upper_case
from aam.data.readers.table import check_layer, read_raw_table
from aam.data.readers.taxonomy import ID_NAMES, TAXON_NAMES, read_taxonomy
from aam.data.study.summary import spread
from aam.errors import InputError
from aam.files.annotated import held, is_annotated
from aam.files.archive import archive_type, is_archive
from aam.files.hdf5 import SIGNATURE, open_hdf5
from aam.files.npy import map_npy
from aam.files.packed import is_packed, read_unpacked
from aam.files.robjects import is_robject
from aam.phylogeny.tree import read_tree
from aam.text import decode_text, listed, plural, read_stored, shorten

Facts = list[tuple[str, str]]
START_BYTES = 1 << 16
MOST_COLUMNS = 30
OF_SAMPLES = {"sampleid", "sample id", "sample-id", "sample_id", "sample_name", "#sampleid", "#sample id"}
"""Names of a first column, in lower case, that only sample metadata have."""


def describe_file(path: Path) -> tuple[str, Facts]:
    """Title and facts of a file, and what it is used with.

    Raises
    ------
    InputError
        If it is none of what AAM reads or writes, or is damaged.
    """
    if is_archive(path):
        foreign.refuse_zip(path, read_stored(path))
        kind = archive_type(path)
        if is_metadata_type(kind):
            return f"sample metadata in a QIIME 2 archive ({kind})", _sheet(path)[1]
        if kind not in OF_TYPE:
            return f"a QIIME 2 archive of {kind}, which AAM does not read", foreign.of_artifact(kind)
        title, facts = OF_TYPE[kind](path)
        return f"{title} in a QIIME 2 archive ({kind})", facts
    if found := outputs.of_name(path):
        return found
    start = read_unpacked(path, START_BYTES)
    if found := outputs.of_page(start):
        return found
    if picture := foreign.of_picture(start):
        return picture, []
    foreign.refuse(path, start)
    if is_robject(start):
        return _robject(path)
    if start.startswith(SIGNATURE):
        return _of_hdf5(path)(path)
    if start.startswith(NUMPY_START):
        return _array(path)
    return _of_text(path, decode_text(read_unpacked(path), path))


def _of_hdf5(path: Path) -> Callable[[Path], tuple[str, Facts]]:
    content = read_unpacked(path) if is_packed(path) else None
    with open_hdf5(path, content) as file:
        if is_annotated(file):
            return _annotated
        return _distances if file.has("matrix", "order") else _table


def _of_text(path: Path, text: str) -> tuple[str, Facts]:
    """Title and facts of a text, by how it starts."""
    first = text.lstrip()[:1]
    if first == ">":
        return _sequences(path)
    if first == "{":
        return outputs.of_json(_json(text)) or _table(path)
    if first in ("(", "["):
        return _tree(path)
    cells = read_cells(text)
    if cells is None:
        if ";" in text and text.rstrip().endswith(";"):
            return _tree(path)
        if found := outputs.of_yaml(path, text) or outputs.of_text(path, text):
            return found
        with suppress(InputError):
            return _table(path)  # its cells are separated by spaces
        raise InputError(path, "is not a format that AAM reads", "docs/formats.md lists them")
    return outputs.of_cells(cells) or _of_cells(path, cells)


def _json(text: str) -> Any:
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return None


def _of_cells(path: Path, cells: Cells) -> tuple[str, Facts]:
    """Title and facts of a table of text, by its header and its first line."""
    names = [name.lower() for name in cells.header]
    if names[0] in ID_NAMES and any(name in TAXON_NAMES for name in names[1:]) and not _has_counts(cells):
        return _taxonomy(path)
    if not names[0] and cells.first[:1] == cells.header[1:2]:
        return _distances(path)
    if names[0] not in OF_SAMPLES and (_has_counts(cells) or names[0].startswith("#otu") or not cells.first):
        return _table(path)
    if names[0] in OF_SAMPLES | ID_NAMES or cells.header[0] in EXACT_ID_HEADERS:
        return _sheet(path)
    return f"a table of text, of no kind that AAM knows (with {SEPARATED[cells.separator]})", [
        ("rows", f"{len(cells.rows):,}"),
        ("columns", f"{len(names):,} ({listed(cells.header, 8)})"),
        ("as metadata", "name its first column sample-id, with tabs between the columns"),
        ("as a feature table", "ASVs as rows, their ids first, and a column of counts for each sample"),
    ]


def _has_counts(cells: Cells) -> bool:
    """Whether the first line has an id, and whole numbers in most other cells."""
    row = cells.first[1:]
    return bool(row) and 2 * sum(cell.isdecimal() or cell.endswith(".0") for cell in row) > len(row)


def describe_layer(path: Path, layer: str) -> tuple[str, Facts]:
    """Title and facts of one part of a table that has several.

    Raises
    ------
    InputError
        If it is no table, or has no such part.
    """
    if path.is_dir():
        raise InputError(path, "is a folder, not a table", "leave out --table-layer")
    raw = read_raw_table(path, layer)
    check_layer(TableOptions(table=(path,), table_layer=layer), [raw])
    *facts, (name, command) = _facts_of_table(path, raw)
    return f"a feature table ({layer})", [*facts, (name, f"{command} --table-layer {shlex.quote(layer)}")]


def _table(path: Path) -> tuple[str, Facts]:
    return "a feature table", _facts_of_table(path, read_raw_table(path))


def _facts_of_table(path: Path, raw: RawTable) -> Facts:
    reads = np.asarray(raw.counts.sum(axis=1)).ravel()
    share = raw.counts.nnz / (raw.counts.shape[0] * raw.counts.shape[1])
    dna = is_dna(upper_case(raw.asv_ids))
    ids = "names; their DNA is in the file" if raw.sequences else _ids_words(raw.asv_ids, dna=dna)
    return [
        ("samples", f"{len(raw.sample_ids):,} ({listed(raw.sample_ids)})"),
        ("ASVs", f"{len(raw.asv_ids):,} ({listed(raw.asv_ids)})"),
        ("ASV ids", ids),
        *(
            [("note", str(error).partition(": ")[2])]
            if (error := transposed(path, raw.sample_ids, raw.asv_ids))
            else []
        ),
        *([("bases per ASV", spread(np.array([len(name) for name in raw.asv_ids])))] if dna else []),
        ("reads", f"{reads.sum():,}"),
        ("reads per sample", spread(reads)),
        ("ASVs per sample", spread(np.diff(raw.counts.indptr))),
        ("filled", f"{share:.2%} of the cells"),
        ("used with", f"aam check --table {shlex.quote(str(path))}"),
    ]


def _annotated(path: Path) -> tuple[str, Facts]:
    """AnnData or TreeData: the counts, and what else is used of it."""
    raw, inside = read_raw_table(path), held(path)
    facts = _facts_of_table(path, raw)
    known = [("note", note) for note in raw.notes]
    sheet = [("metadata", f"{len(read_metadata(path).columns):,} columns of obs")] if inside.columns else []
    tree = [("tree", "one of the ASVs, in vart")] if inside.tree else []
    title = f"a feature table in {'TreeData' if inside.tree else 'AnnData'}"
    return title, [*facts[:-1], *known, *sheet, *tree, facts[-1]]


def _robject(path: Path) -> tuple[str, Facts]:
    """An R object: counts, or else sample data."""
    try:
        title, facts = _table(path)
    except InputError:
        with suppress(InputError):
            title, facts = _sheet(path)
            return f"{title} in an R object", facts
        raise
    return f"{title} in an R object", facts


def _ids_words(asv_ids: list[str], *, dna: bool) -> str:
    """What the ids of ASVs are, and what to do about it."""
    if dna:
        return "DNA"
    if 2 * sum(map(is_taxon, asv_ids)) > len(asv_ids):
        return f"names of taxa: the table is collapsed; {NO_DNA}"
    kind = f" ({hash_name(asv_ids[0])})" if hash_name(asv_ids[0]) else ""
    return f"not DNA{kind}: give the sequences with --sequences"


def _sequences(path: Path) -> tuple[str, Facts]:
    found = read_sequences([path])
    lengths = np.array([len(sequence) for sequence in found.values()])
    return "sequences", [
        ("sequences", f"{len(found):,} ({listed(found)})"),
        ("different", f"{len(set(found.values())):,}"),
        ("bases", spread(lengths)),
        ("used with", "--sequences"),
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
        ("used with", "--tree"),
    ]


def _distances(path: Path) -> tuple[str, Facts]:
    found = read_distances(path)
    values = found.values[np.triu_indices(len(found.values), k=1)]
    facts = [("samples", f"{len(found.sample_ids):,} ({listed(found.sample_ids)})")]
    if len(values):
        low, middle, high = (float(v) for v in np.quantile(values, [0, 0.5, 1]))
        facts.append(("distances", f"{low:.4g} to {high:.4g}, median {middle:.4g}"))
    return "distances between samples", [*facts, ("used with", "--distances")]


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
        ("used with", "--taxonomy"),
    ]


def _sheet(path: Path) -> tuple[str, Facts]:
    sheet = read_metadata(path)
    names = list(sheet.columns)
    facts = [("samples", f"{len(sheet.sample_ids):,} ({listed(sheet.sample_ids)})"), ("columns", f"{len(names):,}")]
    facts += [(f"  {shorten(name)}", _column_words(sheet.labels(name))) for name in names[:MOST_COLUMNS]]
    if len(names) > MOST_COLUMNS:
        facts.append(("  ...", f"and {len(names) - MOST_COLUMNS:,} more"))
    command = f"aam check --table TABLE --metadata {shlex.quote(str(path))} --metadata-column COLUMN"
    return "sample metadata", [*facts, ("used with", command)]


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
