"""A strict reader of QIIME 2 metadata, by its written rules and by none of this package's code.

https://docs.qiime2.org/2024.10/tutorials/metadata/ ("Metadata formatting requirements"): tab-separated UTF-8 of the
`excel-tab` dialect; the first column holds the ids, under one of some names; neither ids nor names of columns are
empty, repeated or one of these names; rows whose first cell begins with `#` are comments; cells are stripped; a column
of numbers (no infinity) and empty cells is numeric, another one is categorical.
"""

from __future__ import annotations

import csv
import re
from pathlib import Path

ANY_CASE = {"id", "sampleid", "sample id", "sample-id", "featureid", "feature id", "feature-id"}
AS_WRITTEN = {"#SampleID", "#Sample ID", "#OTUID", "#OTU ID", "sample_name"}
NUMBER = re.compile(r"[+-]?(\d+(\.\d*)?|\.\d+)([eE][+-]?\d+)?")


class NotMetadata(ValueError):
    """A file that QIIME 2 does not take for metadata."""


def is_reserved(name: str) -> bool:
    """Whether a name is one of the id column's."""
    return name.lower() in ANY_CASE or name in AS_WRITTEN


def read_qiime2(path: Path) -> tuple[list[str], dict[str, str]]:
    """The ids, and for each column whether it is numeric or categorical."""
    with path.open(encoding="utf-8", newline="") as file:
        rows = [[cell.strip() for cell in row] for row in csv.reader(file, "excel-tab", strict=True)]
    if not rows or not is_reserved(rows[0][0]):
        raise NotMetadata("the first row is no header")
    names, body = rows[0][1:], [row for row in rows[1:] if any(row) and not row[0].startswith("#")]
    if len(body) != len(rows) - 1:
        raise NotMetadata("rows are skipped as comments")
    if len(set(names)) < len(names) or not all(names) or any(map(is_reserved, names)):
        raise NotMetadata("a name of a column is empty, reserved or there twice")
    ids = [row[0] for row in body]
    if not ids or len(set(ids)) < len(ids) or not all(ids) or any(map(is_reserved, ids)):
        raise NotMetadata("an id is empty, reserved or there twice")
    if any(len(row) != len(rows[0]) for row in body):
        raise NotMetadata("a row has more or fewer cells than the header")
    columns = {name: [row[place] for row in body] for place, name in enumerate(names, start=1)}
    kinds = {
        name: "numeric" if all(cell == "" or NUMBER.fullmatch(cell) for cell in cells) else "categorical"
        for name, cells in columns.items()
    }
    return ids, kinds
