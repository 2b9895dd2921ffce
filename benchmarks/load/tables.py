"""Reading large tables: sparse from end to end, a bounded number of bytes for each count."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from aam.config import TableOptions
from aam.data.readers.table import read_cached_table
from benchmarks.load import make
from benchmarks.load.child import CODE_GIGABYTES, Meter, Row

SECONDS_OF_A_COUNT = 60 / 50e6
BYTES_OF_A_COUNT = {"anew": 16, "cold": 16, "warm": 4}
BYTES_OF_AN_ID = 2_000
TABLE, TOTAL = "table.biom", "total.txt"
WORDS = {"anew": "read", "cold": "read and kept in the cache", "warm": "from the cache"}

Way = Literal["anew", "cold", "warm"]


def make_table(folder: Path, samples: int, asvs: int, each: int) -> None:
    """Write a table, and the sum of its counts."""
    (folder / TOTAL).write_text(str(make.write_table(folder / TABLE, samples, asvs, each)))


def read(folder: Path, samples: int, asvs: int, each: int, way: Way) -> Row:
    """Read the table, with or without the cache."""
    options = TableOptions(table=(folder / TABLE,), cache=way != "anew")
    with Meter() as meter:
        table = read_cached_table(options)
    counts = samples * each
    limit = CODE_GIGABYTES + (BYTES_OF_A_COUNT[way] * counts + BYTES_OF_AN_ID * (samples + asvs)) / 1e9
    is_whole = table.counts.shape == (samples, asvs) and table.counts.nnz == counts
    right = is_whole and int(table.counts.data.sum()) == int((folder / TOTAL).read_text())
    return meter.row(
        f"{samples:,} samples x {asvs:,} ASVs, {counts / 1e6:,.3g} M counts: {WORDS[way]}",
        right=right,
        processor=SECONDS_OF_A_COUNT * counts,
        **{"own" if way == "warm" else "peak": limit},
    )
