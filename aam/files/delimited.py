"""Tables of text to write: what the name of a file says of its separator and compression."""

from __future__ import annotations

import csv
import gzip
import io
import re
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

from aam.errors import InputError
from aam.files.atomic import atomic_write

SEPARATORS = {".tsv": "\t", ".txt": "\t", ".csv": ","}
GZIP = ".gz"
ENDINGS = f"{', '.join(SEPARATORS)}, or one of these with {GZIP}"
QUOTED = re.compile(r'^"|[\t\n\r]')
"""In a cell between tabs; elsewhere quotes are plain characters, as for QIIME 2."""

Row = Sequence[str]


def endings(path: Path) -> str:
    """The endings that say how a table is written: ``.csv`` or ``.tsv.gz``.

    Raises
    ------
    InputError
        If they say nothing that is known, or a folder has the name.
    """
    if path.is_dir():
        raise InputError(path, "is a folder", "--output names a file")
    found = path.suffixes[-2:] if path.suffix.lower() == GZIP else path.suffixes[-1:]
    if found and found[0].lower() in SEPARATORS:
        return "".join(found)
    problem = f"unknown file extension '{''.join(found)}'" if found else "has no file extension"
    raise InputError(path, problem, f"end it in {ENDINGS}")


def beside(path: Path, word: str) -> Path:
    """A second table beside one, written alike: ``p.csv`` and ``metrics`` give ``p.metrics.csv``."""
    ending = endings(path)
    return path.with_name(f"{path.name.removesuffix(ending)}.{word}{ending}")


@contextmanager
def delimited(path: Path) -> Iterator[Callable[[Row], object]]:
    """Give a function that writes the rows of a table, whole or not at all, as the name of the file says.

    Cells are quoted where they need it: with commas by the usual rules (RFC 4180), with tabs if they begin with a
    quote. A compressed file has no time in it: the same rows give the same bytes.

    Raises
    ------
    InputError
        As :func:`endings`.
    RunError
        If the disk does not take it.
    """
    ending = endings(path).lower()
    separator = SEPARATORS[ending.removesuffix(GZIP)]
    with atomic_write(path, "wb") as raw, _text(raw, ending.endswith(GZIP)) as text:
        if separator == ",":
            yield csv.writer(text, lineterminator="\n").writerow
        else:
            yield lambda row: text.write("\t".join(map(_between_tabs, row)) + "\n")


@contextmanager
def _text(raw: IO[Any], is_compressed: bool) -> Iterator[io.TextIOWrapper]:
    packed = gzip.GzipFile(filename="", mode="wb", fileobj=raw, mtime=0) if is_compressed else raw
    text = io.TextIOWrapper(packed, encoding="utf-8", newline="\n")
    try:
        yield text
        text.flush()
    finally:
        text.detach()
        if packed is not raw:
            packed.close()


def _between_tabs(cell: str) -> str:
    return '"' + cell.replace('"', '""') + '"' if QUOTED.search(cell) else cell
