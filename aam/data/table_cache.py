"""The feature table through the cache of parsed inputs: its counts stay mapped from there."""

from __future__ import annotations

from collections import Counter

import numpy as np
from scipy.sparse import csr_array

from aam.config import TableOptions
from aam.data.table import Table, read_table, study_names
from aam.files.array_folder import Parsed, pack_texts, unpack_texts
from aam.files.input_cache import Form, read_through_cache

COUNTS = ("data", "indices", "indptr")
TEXTS = ("sample_ids", "asv_ids", "sequences")


def read_cached_table(options: TableOptions) -> Table:
    """Read the tables as :func:`~aam.data.table.read_table` does, from the cache where they were read before."""
    if not options.cache:
        return read_table(options)
    result_depends_on = {
        "names": study_names(options.table),
        "files": [path.name for path in options.table],
        "trim_length": options.trim_length,
        "max_bp": options.max_bp,
    }
    sources = (*options.table, *options.sequences)
    return read_through_cache(Form("table", _pack, _unpack), sources, result_depends_on, lambda: read_table(options))


def _pack(table: Table) -> Parsed:
    counts = {name: getattr(table.counts, name) for name in COUNTS}
    texts = {name: pack_texts(getattr(table, name)) for name in TEXTS}
    # The samples of a file follow each other.
    return Parsed({**counts, **texts}, {"studies": list(Counter(table.studies).items()), "notes": list(table.notes)})


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
        **texts,
    )
