from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import h5py
import numpy as np
import pytest

from tests.badinputs.sheets import SHEET
from tests.factories import (
    random_counts,
    random_sequences,
    write_biom,
    write_fasta,
    write_json,
    write_qza,
    write_table_qza,
    write_tsv,
)

ROOT = Path(__file__).resolve().parents[2]
SAMPLES = [f"s{i}" for i in range(4)]
SEQUENCES = random_sequences(6)
COUNTS = random_counts(4, 6)
TREE = "[&R] ((A_1:0.1,'it''s':2.5e-3)0.95:1,\n(C:3[a [b]],D:0,E:5.25)x:6);\n"
MATRIX = "\ts1\ts2\ns1\t0\t0.5\ns2\t0.5\t0\n"


def _hdf5_distances(path: Path) -> Path:
    with h5py.File(path, "w") as file:
        file["order"], file["matrix"] = ["s1", "s2"], np.array([[0, 0.5], [0.5, 0]])
    return path


def _text(content: str) -> Callable[[Path], Path]:
    def write(path: Path) -> Path:
        path.write_text(content)
        return path

    return write


SOUND: dict[str, tuple[str, Callable[[Path], Path]]] = {
    "biom": ("table", lambda path: write_biom(path, COUNTS, SAMPLES, SEQUENCES)),
    "json": ("table", lambda path: write_json(path, COUNTS, SAMPLES, SEQUENCES)),
    "tsv": ("table", lambda path: write_tsv(path, COUNTS, SAMPLES, SEQUENCES)),
    "qza": ("table", lambda path: write_table_qza(path, COUNTS, SAMPLES, SEQUENCES)),
    "sheet": ("metadata", _text(SHEET)),
    "fasta": ("sequences", lambda path: write_fasta(path, dict(zip("abcdef", SEQUENCES, strict=True)))),
    "distances": ("distances", _text(MATRIX)),
    "hdf5-distances": ("distances", _hdf5_distances),
    "qza-distances": ("distances", lambda path: write_qza(path, "DistanceMatrix", MATRIX.encode())),
    "tree": ("tree", _text(TREE)),
    "midpoint-tree": ("midpoint", _text(TREE)),
    "qza-tree": ("tree", lambda path: write_qza(path, "Phylogeny[Rooted]", TREE.encode())),
    "taxonomy": ("taxonomy", _text("Feature ID\tTaxon\nacgt\td__Bacteria; p__Firmicutes\n")),
}


def fuzz(kind: str, folder: Path, trials: int, seed: int) -> None:
    reader, write = SOUND[kind]
    path = write(folder / f"file.{kind}")
    command = [sys.executable, "-m", "tests.badinputs.fuzz", reader, str(path), str(trials), str(seed)]
    run = subprocess.run(command, capture_output=True, text=True, check=False, cwd=ROOT, timeout=300)
    assert run.returncode == 0, f"{run.stdout}\n{run.stderr[-500:]}"


@pytest.mark.parametrize("kind", SOUND)
def test_damaged_files_are_read_or_refused(kind: str, tmp_path: Path) -> None:
    fuzz(kind, tmp_path, 100, 0)


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(1, 5))
@pytest.mark.parametrize("kind", SOUND)
def test_many_damaged_files(kind: str, seed: int, tmp_path: Path) -> None:
    fuzz(kind, tmp_path, 500, seed)
