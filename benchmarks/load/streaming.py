"""A table in several files that are never one in memory: what each command takes on it.

Memory of its own (``own``) is what the process holds and nothing else can give back. Parts of the table that are mapped
from files are not in it, since the system drops them when memory is wanted; ``peak`` has them too.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from pathlib import Path

from aam.cli.main import main
from aam.config import TableOptions
from aam.config.commands.simulate import SimulateOptions
from aam.data.readers.table import read_cached_table
from aam.simulation.study import simulate_study
from benchmarks.load import make
from benchmarks.load.child import Meter, Row
from benchmarks.load.predictions import QUIET, TOY
from benchmarks.load.steps import PREEMPTED, StepClock
from benchmarks.load.tables import TOTAL

GIGABYTES = 4.0
STEPS = 6
SAMPLED = 300
SMALL_NETWORK = ("--embedding-dim=32", "--attention-heads=2", "--attention-layers=1", "--batch-size=16")


def make_parts(folder: Path, samples: int, asvs: int, each: int, files: int) -> None:
    """Write a table as several files with the same ASVs and other samples, metadata, and a small trained model."""
    part = samples // files
    totals = [make.write_table(_path(folder, number), part, asvs, each, first=number * part) for number in range(files)]
    (folder / TOTAL).write_text(str(sum(totals)))
    make.write_sheet(folder / "metadata.tsv", samples)
    study = folder / "study"
    simulate_study(SimulateOptions(output_dir=study, samples=80, asvs=60, asvs_per_sample=20.0, progress=False))
    inputs = ["--table", str(study / "table.biom"), "--metadata", str(study / "metadata.tsv")]
    words = ["train", *inputs, "--metadata-column", "gradient", "--learners", "network"]
    if main([*words, "--output-dir", str(folder / "run"), *TOY, *QUIET]):
        raise SystemExit("the toy model could not be trained")


def read(folder: Path, samples: int, asvs: int, each: int, files: int) -> Row:
    """Read and join the files, and keep them in the cache."""
    with Meter() as meter:
        table = read_cached_table(TableOptions(table=tuple(_path(folder, number) for number in range(files))))
    is_whole = table.counts.shape == (samples, asvs) and table.counts.nnz == samples * each
    right = is_whole and int(table.counts.data.sum()) == int((folder / TOTAL).read_text())
    return meter.row(_what("read and joined", samples, asvs, files), right=right, own=GIGABYTES)


def command(folder: Path, samples: int, asvs: int, each: int, files: int, name: str) -> Row:
    """Run a whole command, with the table from the cache; training is told to stop after some steps."""
    out = folder / f"{name}-{time.time_ns()}"
    words = [*_words(folder, name, out), *_tables(folder, files)]
    clock = StepClock(STEPS)
    with Meter() as meter, clock:
        code = main(words)
    expected = PREEMPTED if name in ("pretrain", "train") else 0
    row = meter.row(_what(f"aam {name}", samples, asvs, files), right=code == expected, own=GIGABYTES)
    if name in ("pretrain", "train"):
        row["seconds"], row["processor"] = clock.first, clock.first_used
        row["note"] = f"to the first step; a step takes {clock.step_seconds:.2f} s of the processor"
    return row


def _words(folder: Path, name: str, out: Path) -> list[str]:
    """The words of a command but for its tables."""
    quiet = ["--no-progress", "--device=cpu"]
    run = str(folder / "run")
    if name == "pretrain":
        return [name, "--output-dir", str(out), *SMALL_NETWORK, *quiet]
    if name == "train":
        target = ["--metadata", str(folder / "metadata.tsv"), "--metadata-column", "age", "--group-column", "subject"]
        return [name, "--learners", "network", "--output-dir", str(out), *target, *SMALL_NETWORK, *quiet]
    if name == "predict":
        return [name, "--model", run, "--output", str(out.with_suffix(".tsv")), "--allow-unfamiliar", *quiet]
    if name == "explain":
        sampled = ["--samples", f"study.sample.{0:07d},study.sample.{1:07d}", "--levels", "asv", "--methods", "removal"]
        return [name, "--model", run, "--output-dir", str(out), "--allow-unfamiliar", *sampled, *quiet]
    metric = ["--metric", "bray_curtis", "--max-samples", str(SAMPLED)]
    return [name, *metric, "--output", str(out.with_suffix(".npy")), "--no-progress"]


def _tables(folder: Path, files: int) -> Sequence[str]:
    return [word for number in range(files) for word in ("--table", str(_path(folder, number)))]


def _path(folder: Path, number: int) -> Path:
    return folder / f"part-{number}.biom"


def _what(what: str, samples: int, asvs: int, files: int) -> str:
    return f"{what}: {samples:,} samples x {asvs:,} ASVs in {files} file{'s' if files > 1 else ''}"
