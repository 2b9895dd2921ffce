"""A large study as files, made in seconds, and what it takes to read it."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import h5py
import numpy as np

from benchmarks.speed.common import ROOT, Measured

BASES = 150
BLOCK = 5_000
LOAD = """
import json, sys, time
from pathlib import Path
from aam.config import StudyOptions, TableOptions
from aam.data.study.study import load_study

folder, cache = Path(sys.argv[1]), sys.argv[2] == "cache"
started, used = time.perf_counter(), time.process_time()
study = load_study(
    TableOptions(table=(folder / "table.biom",), cache=cache),
    StudyOptions(metadata=folder / "metadata.tsv", tree=folder / "tree.nwk"),
    None,
    None,
)
found = {"seconds": time.perf_counter() - started, "processor": time.process_time() - used}
memory = dict(line.split()[:2] for line in Path("/proc/self/status").read_text().splitlines() if " kB" in line)
found |= {"peak": int(memory["VmHWM:"]) * 1024e-9, "own": int(memory["RssAnon:"]) * 1024e-9}
print(json.dumps(found))
"""


def write_large_study(folder: Path, samples: int, asvs: int, asvs_per_sample: int) -> None:
    """Write ``table.biom`` (compressed), ``tree.nwk`` and ``metadata.tsv``; every ASV is in a sample.

    Parameters
    ----------
    folder
        Where to write.
    samples, asvs
        Size of the table.
    asvs_per_sample
        Non-zeros of each sample; a few ASVs are in most samples, most in few.
    """
    rng = np.random.default_rng(0)
    letters = np.frombuffer(b"ACGT", dtype="S1")[rng.integers(0, 4, (asvs, BASES), dtype=np.uint8)]
    sequences = [name.decode() for name in letters.view(f"S{BASES}").ravel()]
    sample_ids = [f"study.sample.{row:07d}" for row in range(samples)]
    matrix = {
        "data": np.ceil(rng.lognormal(1.5, 1.2, samples * asvs_per_sample)),
        "indices": _columns(rng, samples, asvs, asvs_per_sample).ravel(),
        "indptr": np.arange(samples + 1, dtype=np.int64) * asvs_per_sample,
    }
    with h5py.File(folder / "table.biom", "w") as file:
        file.attrs["shape"] = (asvs, samples)
        for group, ids in (("sample", sample_ids), ("observation", sequences)):
            file.create_dataset(f"{group}/ids", data=ids, dtype=h5py.string_dtype(), compression="gzip")
        for name, values in matrix.items():
            file.create_dataset(f"sample/matrix/{name}", data=values, compression="gzip")
    ages = rng.random(samples) * 90
    rows = [f"{sample_id}\t{age:.3f}\n" for sample_id, age in zip(sample_ids, ages, strict=True)]
    (folder / "metadata.tsv").write_text("sample-id\tage\n" + "".join(rows))
    (folder / "tree.nwk").write_text(_tree(rng, sequences))


def load_in_child(folder: Path, *, cache: bool) -> Measured:
    """Read the study in a process of its own.

    Returns
    -------
    dict
        ``seconds``, seconds of the ``processor``; and GB, as Linux tells it: the ``peak``, and what is the process's
        ``own`` at the end, not mapped from files.
    """
    words = [sys.executable, "-c", LOAD, str(folder), "cache" if cache else "anew"]
    run = subprocess.run(words, capture_output=True, text=True, check=True, cwd=ROOT)
    found: Measured = json.loads(run.stdout.splitlines()[-1])
    return found


def _columns(rng: np.random.Generator, samples: int, asvs: int, each: int) -> np.ndarray:
    columns = np.empty((samples, each), dtype=np.int32)
    for start in range(0, samples, BLOCK):
        stop = min(start + BLOCK, samples)
        places = np.sort((rng.random((stop - start, each)) ** 2 * (asvs - each)).astype(np.int64), axis=1)
        columns[start:stop] = places + np.arange(each)
    for row in range(-(-asvs // each)):
        columns[row % samples] = np.arange(each) + min(row * each, asvs - each)
    return columns


def _tree(rng: np.random.Generator, names: list[str]) -> str:
    """A balanced tree."""
    clades = names
    while len(clades) > 1:
        pairs = zip(clades[::2], clades[1::2], strict=False)
        odd = clades[-1:] if len(clades) % 2 else []
        clades = [f"({left}:{rng.random():.5f},{right}:{rng.random():.5f})" for left, right in pairs] + odd
    return clades[0] + ";"
