"""Files that the fuzzer found to be read wrongly, or refused with a traceback or too many words."""

from __future__ import annotations

import json
import struct
from collections.abc import Callable
from pathlib import Path

import h5py
import numpy as np

from aam.cli.info_files import describe_file
from aam.cli.options import parse
from aam.data.readers.distance_matrix import read_distances
from aam.data.readers.metadata import read_metadata
from aam.evaluation.prediction_table import read_columns
from aam.evaluation.run_results import read_embeddings, read_run, training_times
from aam.phylogeny.tree import read_tree
from aam.runs.directory import RunDirectory
from aam.runs.layout import DATA
from aam.workflows.runs.run_manifest import check_inputs_unchanged
from tests.badinputs.cases import Read, bad, bad_rows, odd, odd_rows
from tests.badinputs.tables import ASVS, COUNTS, SAMPLES, reading
from tests.factories import write_biom
from tests.report.run_directories import write_regression


def npy(folder: Path, header: str, version: bytes = b"\x01\0") -> Read:
    """A .npy file whose header is this text, and ids for three samples."""
    text = header.encode() + b"\n"
    length = struct.pack("<H" if version == b"\x01\0" else "<I", len(text))
    (folder / "u.npy").write_bytes(b"\x93NUMPY" + version + length + text + np.zeros((3, 3), "<f4").tobytes())
    (folder / "ids.txt").write_text("s1\ns2\ns3\n")
    return lambda: read_distances(folder / "u.npy", folder / "ids.txt")


def run_with(folder: Path, name: str, content: bytes | str) -> Read:
    """A finished run in which one file has another content."""
    write_regression(folder, test=True, size=12)
    (folder / name).write_bytes(content if isinstance(content, bytes) else content.encode())
    return lambda: training_times(read_run(folder))


def record_with(folder: Path, **changes: object) -> Read:
    """A finished run in whose record some parts are others; None takes one out."""
    write_regression(folder, test=True, size=12)
    content = {**json.loads((folder / DATA).read_text()), **changes}
    (folder / DATA).write_text(json.dumps({name: part for name, part in content.items() if part is not None}))
    return lambda: training_times(read_run(folder))


def half_precision(folder: Path, first: float) -> Read:
    """A table whose counts are float16: the type ends below the largest count that is accepted."""
    path = write_biom(folder / "t.biom", COUNTS, SAMPLES, ASVS)
    with h5py.File(path, "r+") as file:
        values = file["sample/matrix/data"][()].astype(np.float16)
        values[0] = first
        del file["sample/matrix/data"]
        file["sample/matrix/data"] = values
    return reading(path)


def written(folder: Path, name: str, content: str | bytes, read: Callable[[Path], object]) -> Read:
    """A file with this content, and what reads it."""
    path = folder / name
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return lambda: read(path)


def config(path: Path) -> object:
    return parse("train", ["--config", str(path)])


@odd("F0 a tree that begins with a comment is described as one")
def _(folder: Path) -> Read:
    (folder / "t.nwk").write_text("[&R] ((A:1,B:2):1,C:3);\n")
    assert read_tree(folder / "t.nwk").names == ("A", "B", "C")
    assert describe_file(folder / "t.nwk")[0] == "a tree"
    return lambda: describe_file(folder / "t.nwk")


@bad("F16 resume with a damaged record", "data.json: damaged: it does not list the inputs of the run; start a new run")
def _(folder: Path) -> Read:
    words = ["--table", "t.biom", "--metadata", "m.tsv", "--metadata-column", "age", "--output-dir", "run"]
    config = parse("train", words).config
    (folder / DATA).write_text('{"inputs": 3}')
    return lambda: check_inputs_unchanged(config, RunDirectory(folder))


EMBEDDINGS = "sample-id\tpart\tobserved\t0\n"
NO_EMBEDDINGS = "e.tsv: not a table of sample-id, part, observed and dimensions"

# fmt: off
bad_rows(
    ("F1 counts in half precision", "t.biom: 1 count is infinite (sample s1, ASV ACGTACGTACGT: inf)",
     half_precision, np.inf),
    ("F2 a tab in the words of the library",
     "m.tsv: line 1 cannot be read ('?' expected after '\"'); is a quote (\") not closed, or a cell too long?",
     written, "m.tsv", '"sample-id"x\tage\ns1\t3\n', read_metadata),
    ("F3 .npy header not closed", "u.npy: not a usable .npy file (<any>); save plain numbers",
     npy, "{'descr': '<f4', 'fortran_order': False, 'shape': (3, 3), \0"),
    ("F4 .npy size overflows", "u.npy: not a usable .npy file (<any>); save plain numbers",
     npy, "{'descr': '<f4', 'fortran_order': False, 'shape': (4294967296, 4294967296), }"),
    ("F5 run not UTF-8", "config.yaml: damaged: it does not hold the record of a run",
     run_with, "config.yaml", b"a: \xff"),
    ("F6 run nested deeply", "data.json: damaged: it does not hold the record of a run",
     run_with, "data.json", '{"a": ' + "[" * 5_000),
    ("F7 run with a number in the place of targets", "data.json: damaged: a part of the record of the run is wrong",
     lambda folder: record_with(folder, targets={"specs": 3})),
    ("F8 run whose model is a list", "data.json: damaged: a part of the record of the run is wrong",
     lambda folder: record_with(folder, model=[1])),
    ("F9 run without its model", "data.json: damaged: it lacks 'model' of the training",
     lambda folder: record_with(folder, model=None)),
    ("F10 run whose coverage is a number", "coverage.json: damaged: a part of the record of the run is wrong",
     run_with, "coverage.json", '{"month_of_life": 0.5}'),
    ("F11 run with a long word in its metrics",
     "metrics.csv: a number is needed (could not convert string to float: 'xxx<any>)",
     run_with, "metrics.csv", "epoch\n" + "x" * 1_000),
    ("F12 a column twice", "p.tsv: duplicate column 'a' (2 times); each may occur only once",
     written, "p.tsv", "a\tb\ta\n1\t2\t3\n", read_columns),
    ("F13 embeddings with a word", NO_EMBEDDINGS,
     written, "e.tsv", EMBEDDINGS + "s1\ttrain\t3\t0.5q\n", read_embeddings),
    ("F14 embeddings that are not finite", NO_EMBEDDINGS,
     written, "e.tsv", EMBEDDINGS + "s1\ttrain\t3\tinf\n", read_embeddings),
    ("F15 embeddings that are not UTF-8", NO_EMBEDDINGS,
     written, "e.tsv", EMBEDDINGS.encode() + b"\xff\ttrain\t3\t1\n", read_embeddings),
    ("F17 config of a command with a long name",
     "run.yaml: is a configuration of `aam xxx<any>`, not of `aam train`; aam xxx<any>",
     written, "run.yaml", f"command: {'x' * 1_000}\n", config),
    ("F18 config with a long value", "run.yaml: lr must be a number, got 'xxx<any>...",
     written, "run.yaml", f"lr: {'x' * 1_000}\n", config),
    ("F19 config with a long name", "run.yaml: unknown key xxx<any>...",
     written, "run.yaml", f"{'x' * 900}: 1\n", config),
)
odd_rows(
    ("F0 counts in half precision, which ends below the largest count that is accepted", half_precision, 1),
    ("F0 .npy written by Python 2", npy, "{'descr': '<f4', 'fortran_order': False, 'shape': (3L, 3L), }"),
)
# fmt: on
