"""The feature table: counts of ASVs in samples, with the DNA of each ASV, from one file or several."""

from __future__ import annotations

import dataclasses
import mmap
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
from scipy.sparse import csr_array

from aam.config import TableOptions
from aam.data.counts.blocks import select_rows, stack
from aam.data.readers.feature_ids import are_sequences, resolve, transposed
from aam.data.readers.formats.registry import is_robject, read_binary, read_rds_table, text_reader
from aam.data.readers.raw_table import RawTable
from aam.data.readers.sequences import finish, read_sequences
from aam.data.readers.sharing import Turning, sharing_notes
from aam.data.readers.strand import SequenceSet
from aam.data.readers.table_formats import read_json_table
from aam.data.readers.text_table import read_text_table
from aam.errors import Attempts, InputError
from aam.files.archive import is_archive, read_large_member
from aam.files.array_folder import Parsed, pack_texts, unpack_texts
from aam.files.cache import CacheCodec, read_through_cache
from aam.files.hdf5 import SIGNATURE
from aam.files.packed import read_unpacked
from aam.files.scratch import blocks
from aam.text import decode_text, first_bytes, listed, plural, read_stored, shorten

COUNTS = ("data", "indices", "indptr")
TEXTS = ("sample_ids", "asv_ids", "sequences")
START_BYTES = 8


def read_cached_table(options: TableOptions, reference: SequenceSet | None = None, *, needs_dna: bool = True) -> Table:
    """Read the tables as :func:`read_table` does, from the cache where they were read before."""
    if not options.cache:
        return read_table(options, reference, needs_dna=needs_dna)
    result_depends_on = {
        "names": study_names(options.table),
        "files": [path.name for path in options.table],
        "table_layer": options.table_layer,
        "trim_length": options.trim_length,
        "max_bp": options.max_bp,
        "needs_dna": needs_dna,
        "reverse_complement": options.reverse_complement,
        "reference": None if reference is None else reference.digest,
    }
    sources = (*options.table, *options.sequences)
    codec = CacheCodec("table", _pack, _unpack)

    def read() -> Table:
        return read_table(options, reference, needs_dna=needs_dna)

    return read_through_cache(codec, sources, result_depends_on, read)


def _pack(table: Table) -> Parsed:
    counts = {name: getattr(table.counts, name) for name in COUNTS}
    texts = {name: pack_texts(getattr(table, name)) for name in TEXTS}
    # The samples of a file follow each other.
    facts = {"studies": list(Counter(table.studies).items()), "notes": list(table.notes), "has_dna": table.has_dna}
    return Parsed({**counts, **texts}, facts)


def _unpack(parsed: Parsed) -> Table:
    texts = {name: np.array(unpack_texts(parsed.arrays[name]), dtype=object) for name in TEXTS}
    names, sizes = zip(*parsed.facts["studies"], strict=True)
    counts = csr_array(
        tuple(parsed.arrays[name] for name in COUNTS), shape=(len(texts["sample_ids"]), len(texts["asv_ids"]))
    )
    return Table(
        counts=counts,
        studies=np.repeat(np.array(names, dtype=object), sizes),
        notes=tuple(parsed.facts["notes"]),
        has_dna=parsed.facts["has_dna"],
        **texts,
    )


TABLE_TYPES = ("FeatureTable[Frequency]",)


@dataclass(frozen=True, eq=False)
class Table:
    """Counts of ``A`` ASVs in ``N`` samples.

    Attributes
    ----------
    counts
        int64 ``N x A``, ASVs ascending in each sample, without zeros. May be mapped from a file; never written into.
    sample_ids
        Ids of the samples (``N``), as in the files.
    asv_ids
        Ids of the ASVs (``A``), as in the file; where several became one, that of the first.
    sequences
        Their DNA over ACGTN, each there once, in ascending order. That order does not depend on the files', and all
        that is random is drawn in it. The ids themselves where they are names without DNA.
    studies
        Name of the table that each sample came from.
    notes
        What was changed or left out in reading.
    has_dna
        Whether the DNA of the ASVs is known.
    """

    counts: csr_array
    sample_ids: np.ndarray
    asv_ids: np.ndarray
    sequences: np.ndarray
    studies: np.ndarray
    notes: tuple[str, ...]
    has_dna: bool = True

    def select(self, rows: np.ndarray | Sequence[int]) -> Table:
        """These samples, in this order; all ASVs stay."""
        rows = np.asarray(rows, dtype=np.int64)
        ids, studies = self.sample_ids[rows], self.studies[rows]
        return dataclasses.replace(self, counts=select_rows(self.counts, rows), sample_ids=ids, studies=studies)


@dataclass(frozen=True)
class _Part:
    """One file's table with the DNA of its ASVs (or their names); samples without reads are dropped."""

    raw: RawTable
    sequences: list[str]
    notes: list[str]
    has_dna: bool = True


def read_table(options: TableOptions, reference: SequenceSet | None = None, *, needs_dna: bool = True) -> Table:
    """Read the tables and make one of them: ASVs with the same DNA are one, samples stay apart.

    Parameters
    ----------
    options
        The files, and what is done with the sequences.
    reference
        Sequences that are not on the other strand; those of the first table where left out.
    needs_dna
        Whether ids that are neither DNA nor those of given sequences are refused. If not, they are names, by which
        tables are merged.

    Raises
    ------
    InputError
        With each file that cannot be used (the format is found by its content); if a sample is in two of them; or if
        one has names and another DNA.
    """
    attempt = Attempts()
    known = attempt(lambda: read_sequences(options.sequences)) if options.sequences else {}
    texts: dict[str, str] = {}
    raw = [attempt(partial(_read_sharing, path, texts, options.table_layer)) for path in options.table]
    attempt.raise_if_any()
    assert known is not None
    check_layer(options, [table for table in raw if table is not None])
    turning = Turning(options.reverse_complement, reference)
    prepare = partial(_prepare, known=known, options=options, turning=turning, texts=texts, needs_dna=needs_dna)
    prepared = [attempt(partial(prepare, table)) for table in raw if table is not None]
    attempt.raise_if_any()
    parts = [part for part in prepared if part is not None]
    _check_ids_agree(parts)
    _check_samples_differ(parts)
    names = study_names(options.table)
    merged, labels = _merge(parts, names), _labels(names, options.table)
    notes = [*merged.notes, *sharing_notes(merged.counts, merged.studies, merged.sequences, labels)]
    if turning.wanted == "auto" and reference is None and len(parts) == 1:
        notes.append(f"{labels[names[0]]}: nothing to compare the only table with (--reverse-complement auto)")
    return dataclasses.replace(merged, notes=tuple(notes))


def table_of_counts(
    raw: RawTable,
    known: Mapping[str, str],
    options: TableOptions,
    reference: SequenceSet | None = None,
    *,
    needs_dna: bool = True,
) -> Table:
    """The table of counts that are in memory.

    Parameters
    ----------
    raw
        Counts and ids, as :func:`~aam.data.readers.raw_table.make_raw_table` checks them.
    known
        DNA of ASV ids that are no DNA themselves; may be empty.
    options
        What is done with the sequences; its files are not read.
    reference, needs_dna
        As for :func:`read_table`.

    Raises
    ------
    InputError
        If an ASV has no usable sequence.
    """
    turning = Turning(options.reverse_complement, reference)
    return _merge([_prepare(raw, known, options, turning, {}, needs_dna=needs_dna)], [raw.source.name])


def read_raw_table(path: Path, layer: str | None = None) -> RawTable:
    """Read one file as it is, whatever its format: BIOM, text, AnnData, R, any gzipped, or a QIIME 2 archive with BIOM.

    Parameters
    ----------
    path
        The file.
    layer
        Which of its parts, of formats that have several (:class:`~aam.config.TableOptions`).

    Raises
    ------
    InputError
        If it is of no format that is known, is damaged, or its values are not counts.
    """
    content: bytes | mmap.mmap
    if is_archive(path):
        content = read_large_member(path, TABLE_TYPES, (".biom",))
    elif read_stored(path, len(SIGNATURE)) == SIGNATURE:
        return read_binary(path, None, layer)
    else:
        content = read_unpacked(path)
    if content[: len(SIGNATURE)] == SIGNATURE:
        return read_binary(path, content, layer)
    if is_robject(content[:START_BYTES]):
        return read_rds_table(path, bytes(content))
    text = _as_text(path, bytes(content))
    if text.lstrip().startswith("{"):
        return read_json_table(path, text)
    read = text_reader(text)
    return read_text_table(path, text) if read is None else read(path, text, layer)


def check_layer(options: TableOptions, tables: Sequence[RawTable]) -> None:
    """Refuse a layer where no table has any; raises :class:`~aam.errors.InputError`."""
    if options.table_layer is not None and all(table.layer is None for table in tables):
        problem = f"--table-layer {shorten(options.table_layer)}: it has one table of counts"
        raise InputError(options.table[0], problem, "leave out --table-layer (it is for AnnData and mothur's .shared)")


def _read_sharing(path: Path, texts: dict[str, str], layer: str | None) -> RawTable:
    raw = read_raw_table(path, layer)
    return dataclasses.replace(raw, asv_ids=_shared(raw.asv_ids, texts))


def _shared(names: Sequence[str], texts: dict[str, str]) -> list[str]:
    """The same texts, those that were met before in the memory that they have already."""
    return [texts.setdefault(name, name) for name in names]


def study_names(paths: Sequence[Path]) -> list[str]:
    """A name for each table: its file's without the ending; with its folder's where two files have the same."""
    names = [path.name.removesuffix(".gz").rpartition(".")[0] or path.stem for path in paths]
    if len(set(names)) < len(names):
        names = [f"{path.absolute().parent.name}/{name}" for path, name in zip(paths, names, strict=True)]
    repeated = Counter(names)
    return [name if repeated[name] == 1 else str(path) for name, path in zip(names, paths, strict=True)]


def _labels(names: Sequence[str], paths: Sequence[Path]) -> dict[str, str]:
    """What messages call each table: its file's name where no other has it."""
    times = Counter(path.name for path in paths)
    return {name: path.name if times[path.name] == 1 else name for name, path in zip(names, paths, strict=True)}


def _as_text(path: Path, content: bytes) -> str:
    try:
        return decode_text(content, path)
    except InputError:
        start = first_bytes(content)
        problem = f"not a BIOM table (expected HDF5, JSON or TSV in UTF-8; starts with '{start}')"
        raise InputError(path, problem) from None


def _prepare(
    raw: RawTable,
    known: Mapping[str, str],
    options: TableOptions,
    turning: Turning,
    texts: dict[str, str],
    *,
    needs_dna: bool,
) -> _Part:
    known = {**raw.sequences, **known} if raw.sequences else known
    if error := transposed(raw.source, raw.sample_ids, raw.asv_ids, known):
        raise error
    if not (needs_dna or known or are_sequences(raw.asv_ids)):
        return _named(raw, options)
    sequences, read_notes = resolve(raw.source, raw.asv_ids, known)
    sequences, turn_notes = turning.apply(raw.source, sequences, raw.counts)
    sequences, final_notes = finish(raw.source, sequences, options.trim_length, options.max_bp)
    raw, sample_notes = _without_empty_samples(raw)
    return _Part(raw, _shared(sequences, texts), [*raw.notes, *read_notes, *turn_notes, *final_notes, *sample_notes])


def _named(raw: RawTable, options: TableOptions) -> _Part:
    """A table whose ASVs are names without DNA."""
    for option in ("trim_length", "max_bp", "reverse_complement"):
        if getattr(options, option) not in (None, "no"):
            problem = f"the ASV ids are not DNA (first: {shorten(raw.asv_ids[0])})"
            raise InputError(raw.source, problem, f"leave out --{option.replace('_', '-')}, or give --sequences")
    note = f"the ASV ids are not DNA and are taken as names (first: {shorten(raw.asv_ids[0])})"
    raw, sample_notes = _without_empty_samples(raw)
    return _Part(raw, raw.asv_ids, [*raw.notes, note, *sample_notes], has_dna=False)


def _check_ids_agree(parts: Sequence[_Part]) -> None:
    """Refuse tables of names beside tables of DNA: no ASV of one is found in the other."""
    named = [part.raw for part in parts if not part.has_dna]
    if named and len(named) < len(parts):
        other = next(part.raw.source.name for part in parts if part.has_dna)
        problem = f"the ASV ids are not DNA (first: {shorten(named[0].asv_ids[0])}), those of {shorten(other)} are"
        raise InputError(named[0].source, problem, "give the sequences with --sequences")


def _without_empty_samples(raw: RawTable) -> tuple[RawTable, list[str]]:
    has_reads = np.diff(raw.counts.indptr) > 0
    if has_reads.all():
        return raw, []
    ids = np.array(raw.sample_ids, dtype=object)
    left_out = ids[~has_reads]
    verb = "has no reads and is" if len(left_out) == 1 else "have no reads and are"
    note = f"{plural(len(left_out), 'sample')} {verb} left out: {listed(left_out)}"
    # A sample without reads has no counts: leaving out its pointer leaves it out.
    pointers = raw.counts.indptr[np.concatenate([[True], has_reads])]
    counts = csr_array((raw.counts.data, raw.counts.indices, pointers), (int(has_reads.sum()), raw.counts.shape[1]))
    kept = dataclasses.replace(raw, sample_ids=ids[has_reads].tolist(), counts=counts)
    return kept, [note]


def _check_samples_differ(parts: Sequence[_Part]) -> None:
    """Refuse a sample that is in two tables: the user must decide whether to sum or to choose."""
    source_of: dict[str, Path] = {}
    for part in parts:
        shared = [name for name in part.raw.sample_ids if name in source_of]
        if shared:
            other = source_of[shared[0]].name
            problem = f"{plural(len(shared), 'sample')} also in {shorten(other)} (first: {shorten(shared[0])})"
            raise InputError(part.raw.source, problem, "rename them or leave them out of one table")
        source_of.update(dict.fromkeys(part.raw.sample_ids, part.raw.source))


def _merge(parts: Sequence[_Part], names: Sequence[str]) -> Table:
    sequences = sorted({sequence for part in parts for sequence in part.sequences})
    column_of = {sequence: column for column, sequence in enumerate(sequences)}
    columns = [np.array([column_of[sequence] for sequence in part.sequences]) for part in parts]
    return Table(
        counts=_stack([_moved(part.raw.counts, new, len(sequences)) for part, new in zip(parts, columns, strict=True)]),
        sample_ids=np.array([name for part in parts for name in part.raw.sample_ids], dtype=object),
        asv_ids=_first_ids(parts, columns, len(sequences)),
        sequences=np.array(sequences, dtype=object),
        studies=np.repeat(np.array(names, dtype=object), [len(part.raw.sample_ids) for part in parts]),
        notes=tuple(note for part, new in zip(parts, columns, strict=True) for note in _notes(part, new)),
        has_dna=all(part.has_dna for part in parts),
    )


def _first_ids(parts: Sequence[_Part], columns: Sequence[np.ndarray], num_columns: int) -> np.ndarray:
    """For each column the id of the first ASV in it."""
    ids = np.empty(num_columns, dtype=object)
    for part, new in zip(reversed(parts), reversed(columns), strict=True):
        ids[new[::-1]] = np.array(part.raw.asv_ids, dtype=object)[::-1]
    return ids


def _notes(part: _Part, columns: np.ndarray) -> list[str]:
    merged = len(columns) - len(np.unique(columns))
    words = [f"{plural(merged, 'ASV')} summed with others of the same sequence"] if merged else []
    return [f"{part.raw.source.name}: {note}" for note in (*part.notes, *words)]


def _moved(counts: csr_array, columns: np.ndarray, num_columns: int) -> csr_array:
    """The counts with each ASV in its new column; ASVs that share one are summed. The arrays given are used up."""
    if np.array_equal(columns, np.arange(num_columns)):
        return counts
    new = columns.astype(counts.indices.dtype)
    for some in blocks(counts.nnz):
        counts.indices[some] = new[counts.indices[some]]
    moved = csr_array((counts.data, counts.indices, counts.indptr), shape=(counts.shape[0], num_columns))
    moved.sum_duplicates()
    return moved


def _stack(parts: Sequence[csr_array]) -> csr_array:
    """The samples of all parts, one below the other; nothing may be written into them from here on."""
    stacked = stack(parts)
    stacked.sum_duplicates()
    for values in (stacked.data, stacked.indices, stacked.indptr):
        values.flags.writeable = False
    return stacked
