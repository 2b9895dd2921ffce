"""Files that the fuzzer found to be read wrongly, or refused with a traceback or too many words."""

from __future__ import annotations

import json
import struct
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
from aam.workflows.run_manifest import check_inputs_unchanged
from tests.badinputs.cases import Read, bad, odd
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


@odd("F0 counts in half precision, which ends below the largest count that is accepted")
def _(folder: Path) -> Read:
    path = write_biom(folder / "t.biom", COUNTS, SAMPLES, ASVS)
    with h5py.File(path, "r+") as file:
        values = file["sample/matrix/data"][()].astype(np.float16)
        del file["sample/matrix/data"]
        file["sample/matrix/data"] = values
    return reading(path)


@bad("F1 counts in half precision", "t.biom: 1 count is infinite (sample s1, ASV ACGTACGTACGT: inf)")
def _(folder: Path) -> Read:
    path = write_biom(folder / "t.biom", COUNTS, SAMPLES, ASVS)
    with h5py.File(path, "r+") as file:
        values = file["sample/matrix/data"][()].astype(np.float16)
        values[0] = np.inf
        del file["sample/matrix/data"]
        file["sample/matrix/data"] = values
    return reading(path)


@bad(
    "F2 a tab in the words of the library",
    "m.tsv: line 1 cannot be read ('?' expected after '\"'); is a quote (\") not closed, or a cell too long?",
)
def _(folder: Path) -> Read:
    (folder / "m.tsv").write_text('"sample-id"x\tage\ns1\t3\n')
    return lambda: read_metadata(folder / "m.tsv")


@bad("F3 .npy header not closed", "u.npy: not a usable .npy file (<any>); save plain numbers")
def _(folder: Path) -> Read:
    return npy(folder, "{'descr': '<f4', 'fortran_order': False, 'shape': (3, 3), \0")


@bad("F4 .npy size overflows", "u.npy: not a usable .npy file (<any>); save plain numbers")
def _(folder: Path) -> Read:
    return npy(folder, "{'descr': '<f4', 'fortran_order': False, 'shape': (4294967296, 4294967296), }")


@odd("F0 .npy written by Python 2")
def _(folder: Path) -> Read:
    return npy(folder, "{'descr': '<f4', 'fortran_order': False, 'shape': (3L, 3L), }")


@odd("F0 a tree that begins with a comment is described as one")
def _(folder: Path) -> Read:
    (folder / "t.nwk").write_text("[&R] ((A:1,B:2):1,C:3);\n")
    assert read_tree(folder / "t.nwk").names == ("A", "B", "C")
    assert describe_file(folder / "t.nwk")[0] == "a tree"
    return lambda: describe_file(folder / "t.nwk")


@bad("F5 run not UTF-8", "config.yaml: damaged: it does not hold the record of a run")
def _(folder: Path) -> Read:
    return run_with(folder, "config.yaml", b"a: \xff")


@bad("F6 run nested deeply", "data.json: damaged: it does not hold the record of a run")
def _(folder: Path) -> Read:
    return run_with(folder, "data.json", '{"a": ' + "[" * 5_000)


@bad("F7 run with a number in the place of targets", "data.json: damaged: a part of the record of the run is wrong")
def _(folder: Path) -> Read:
    return record_with(folder, targets={"specs": 3})


@bad("F8 run whose model is a list", "data.json: damaged: a part of the record of the run is wrong")
def _(folder: Path) -> Read:
    return record_with(folder, model=[1])


@bad("F9 run without its model", "data.json: damaged: it lacks 'model' of the training")
def _(folder: Path) -> Read:
    return record_with(folder, model=None)


@bad("F10 run whose coverage is a number", "coverage.json: damaged: a part of the record of the run is wrong")
def _(folder: Path) -> Read:
    return run_with(folder, "coverage.json", '{"month_of_life": 0.5}')


@bad(
    "F11 run with a long word in its metrics",
    "metrics.csv: a number is needed (could not convert string to float: 'xxx<any>)",
)
def _(folder: Path) -> Read:
    return run_with(folder, "metrics.csv", "epoch\n" + "x" * 1_000)


@bad("F12 a column twice", "p.tsv: duplicate column 'a' (2 times); each may be there once")
def _(folder: Path) -> Read:
    (folder / "p.tsv").write_text("a\tb\ta\n1\t2\t3\n")
    return lambda: read_columns(folder / "p.tsv")


@bad("F13 embeddings with a word", "e.tsv: not a table of sample_id, part, observed and dimensions")
def _(folder: Path) -> Read:
    (folder / "e.tsv").write_text("sample_id\tpart\tobserved\t0\ns1\ttrain\t3\t0.5q\n")
    return lambda: read_embeddings(folder / "e.tsv")


@bad("F14 embeddings that are not finite", "e.tsv: not a table of sample_id, part, observed and dimensions")
def _(folder: Path) -> Read:
    (folder / "e.tsv").write_text("sample_id\tpart\tobserved\t0\ns1\ttrain\t3\tinf\n")
    return lambda: read_embeddings(folder / "e.tsv")


@bad("F15 embeddings that are not UTF-8", "e.tsv: not a table of sample_id, part, observed and dimensions")
def _(folder: Path) -> Read:
    (folder / "e.tsv").write_bytes(b"sample_id\tpart\tobserved\t0\n\xff\ttrain\t3\t1\n")
    return lambda: read_embeddings(folder / "e.tsv")


@bad("F16 resume with a damaged record", "data.json: damaged: it does not list the inputs of the run; start a new run")
def _(folder: Path) -> Read:
    words = ["--table", "t.biom", "--metadata", "m.tsv", "--metadata-column", "age", "--output-dir", "run"]
    config = parse("train", words).config
    (folder / DATA).write_text('{"inputs": 3}')
    return lambda: check_inputs_unchanged(config, RunDirectory(folder))


@bad(
    "F17 config of a command with a long name",
    "run.yaml: is a configuration of `aam xxx<any>`, not of `aam train`; aam xxx<any>",
)
def _(folder: Path) -> Read:
    (folder / "run.yaml").write_text(f"command: {'x' * 1_000}\n")
    return lambda: parse("train", ["--config", str(folder / "run.yaml")])


@bad("F18 config with a long value", "run.yaml: lr must be a number, got 'xxx<any>...")
def _(folder: Path) -> Read:
    (folder / "run.yaml").write_text(f"lr: {'x' * 1_000}\n")
    return lambda: parse("train", ["--config", str(folder / "run.yaml")])


@bad("F19 config with a long name", "run.yaml: unknown key xxx<any>...")
def _(folder: Path) -> Read:
    (folder / "run.yaml").write_text(f"{'x' * 900}: 1\n")
    return lambda: parse("train", ["--config", str(folder / "run.yaml")])
