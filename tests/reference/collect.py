"""Reads the numbers of a run from the files that it has written, with no code of the program.

What differs from run to run (seconds, folders, versions) and what is prose is left out.
"""

from __future__ import annotations

import csv
import hashlib
import json
import re
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import numpy as np
import yaml
from safetensors.numpy import load_file

RECORDED = ("seed", "num_asvs", "rarefy_depth", "reads_per_sample", "asvs_per_sample", "sequence_lengths", "samples")
OF_THE_MODEL = ("parameters", "best_epoch", "best_metric", "best_value", "epochs", "skipped_steps")
PASSING = ("checkpoints/", "tensorboard/")
NUMBER = re.compile(r"[-+\u2212]?\d[\d,]*(?:\.\d+)?(?:e[-+]?\d+)?")
DURATION = re.compile(r"[\d.,]+ (s|seconds?|min|minutes?|h|hours?)")
NOT_RESULTS = {"file", "software"}
"""First heading of the report's tables of inputs and versions."""


def run_directory(folder: Path) -> dict[str, Any]:
    """The numbers of a run directory, of one model, an ensemble or a cross-validation; section by section."""
    own = [path for path in sorted(folder.glob("*")) if path.suffix in (".tsv", ".csv")]
    tables = {path.name: table(path) for path in own if path.name != "sample_embeddings.tsv"}
    found = {
        "files": files(folder),
        "config": yaml.safe_load((folder / "config.yaml").read_text()),
        "record": record(folder / "data.json"),
        "lists": {path.name: path.read_text().split() for path in sorted(folder.glob("*_samples.txt"))},
        **tables,
        "report": report_numbers(folder / "report.html"),
    }
    for path in sorted(folder.glob("*/*/metrics.csv")):
        found[path.relative_to(folder).as_posix()] = table(path)
    if (folder / "coverage.json").exists():
        found["coverage"] = json.loads((folder / "coverage.json").read_text())
    if (folder / "sample_embeddings.tsv").exists():
        found["embeddings"] = embeddings(folder / "sample_embeddings.tsv")
    if (folder / "model").exists():
        found["weights"] = weights(folder / "model")
    return found


def files(folder: Path) -> list[str]:
    """The files of a run by their names in it."""
    names = (path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file())
    return sorted(name for name in names if not any(part in name for part in PASSING))


def table(path: Path) -> dict[str, list[str]]:
    """A table of text by its columns, each cell as it is written; without the seconds that an epoch took."""
    with path.open(encoding="utf-8", newline="") as file:
        header, *rows = csv.reader(file, delimiter="," if path.suffix == ".csv" else "\t")
    return {name: [row[place] for row in rows] for place, name in enumerate(header) if name != "seconds"}


def embeddings(path: Path) -> dict[str, Any]:
    """The samples of a table of vectors, and each dimension's mean over them, and that of its magnitudes."""
    columns = table(path)
    vectors = {name: np.array(cells, float) for name, cells in columns.items() if name.isdigit()}
    means = {name: [float(vector.mean()), float(np.abs(vector).mean())] for name, vector in vectors.items()}
    return {"sample-id": columns["sample-id"], "part": columns["part"], "means": means}


def record(path: Path) -> dict[str, Any]:
    """What a run says of its samples, targets and model."""
    data = json.loads(path.read_text())
    found = {name: data[name] for name in (*RECORDED, "targets") if name in data}
    found["flow"] = [[step["kept"], step["dropped"]] for step in data["flow"]]
    found["model"] = {name: data["model"][name] for name in OF_THE_MODEL if name in data.get("model", {})}
    return found


def weights(folder: Path) -> list[dict[str, Any]]:
    """Every tensor of a model folder: name, shape, sum, sum of magnitudes, and the checksum of its bytes."""
    found = []
    for path in sorted(folder.rglob("*.safetensors")):
        for name, tensor in sorted(load_file(path).items()):
            values = tensor.astype(np.float64)
            sums = {"sum": float(values.sum()), "magnitude": float(np.abs(values).sum())}
            digest = hashlib.sha256(np.ascontiguousarray(tensor).tobytes()).hexdigest()[:16]
            found.append({"name": name, "shape": list(tensor.shape), **sums, "sha256": digest})
    return found


def distances(path: Path) -> dict[str, Any]:
    """The ids, the corner and the sums of the rows of a matrix of distances."""
    columns = table(path)
    ids, *rows = columns.values()
    matrix = np.array(rows, float)
    return {"ids": ids, "corner": matrix[:6, :6].tolist(), "row_sums": matrix.sum(axis=1).tolist()}


def report_numbers(path: Path) -> list[list[str]]:
    """The numbers of each table of results of a report, in order; its words may be put otherwise."""
    reader = _Tables()
    reader.feed(path.read_text(encoding="utf-8"))
    return [list(_numbers(rows)) for rows in reader.tables if rows[0][0] not in NOT_RESULTS]


def _numbers(rows: list[list[str]]) -> Iterator[str]:
    for row in rows[1:]:
        for cell in row[1:]:
            if not DURATION.fullmatch(cell.strip()):
                yield from NUMBER.findall(cell)


class _Tables(HTMLParser):
    """The text of each cell of each row of each table of a page."""

    def __init__(self) -> None:
        super().__init__()
        self.tables: list[list[list[str]]] = []
        self._in_cell = False

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag == "table":
            self.tables.append([])
        elif tag == "tr":
            self.tables[-1].append([])
        elif tag in ("td", "th"):
            self.tables[-1][-1].append("")
            self._in_cell = True
        elif self._in_cell:
            self.tables[-1][-1][-1] += " "

    def handle_endtag(self, tag: str) -> None:
        if tag in ("td", "th"):
            self._in_cell = False

    def handle_data(self, data: str) -> None:
        if self._in_cell:
            self.tables[-1][-1][-1] += data
