"""Seconds of an epoch, and time and size of a checkpoint, of runs by one process and by several.

The same pre-training run, whole processes as a user starts them (`aam pretrain --devices N`): the samples of a step are
the same, shared by the processes. On a CPU one process with all cores stands beside several with a share of them. The
seconds are those of the fastest epoch after the first, from `metrics.csv`: training and validation.
"""

from __future__ import annotations

import argparse
import csv
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from aam.config.commands.simulate import SimulateOptions
from aam.simulation.study import simulate_study
from benchmarks.speed import common
from benchmarks.speed.common import Measured, number

TITLE = "Scaling over processes"
HEADER = ("processes", "threads each", "how", "seconds an epoch", "of one process, one thread", "checkpoint, ms", "MB")
SAMPLES = 256
PROGRAM = """
import os, sys, time
import aam.training.checkpoints.checkpoint as checkpoint
from aam.cli.main import main

save = checkpoint.SaveCheckpoints.save

def timed(self, trainer, *words):
    started = time.perf_counter()
    save(self, trainer, *words)
    newest = checkpoint.find_checkpoints(self.folder)[-1]
    files = [newest] if newest.is_file() else list(newest.iterdir())
    seconds = time.perf_counter() - started
    if os.environ.get("RANK", "0") == "0":
        with open(os.environ["CHECKPOINTS"], "a") as file:
            file.write(f"{seconds} {sum(part.stat().st_size for part in files)}\\n")

checkpoint.SaveCheckpoints.save = timed
sys.exit(main(sys.argv[1:]))
"""


def measure(study: Path, processes: int, threads: int, epochs: int, how: tuple[str, ...]) -> Measured:
    """One run.

    Parameters
    ----------
    study
        Folder of a simulated study.
    processes, threads
        Processes, and threads of each.
    epochs
        Epochs of the run.
    how
        Further flags.
    """
    with tempfile.TemporaryDirectory() as folder:
        noted = Path(folder) / "checkpoints.txt"
        inputs = ["--table", str(study / "table.biom"), "--tree", str(study / "tree.nwk")]
        sizes = ["--epochs", str(epochs), "--patience", str(epochs), "--batch-size", "32", "--no-auto-batch-size"]
        words = ["pretrain", *inputs, *sizes, *how, "--output-dir", f"{folder}/run", "--no-progress"]
        environment = {**os.environ, "OMP_NUM_THREADS": str(threads), "CHECKPOINTS": str(noted)}
        started = time.perf_counter()
        codes = _run(words, processes, environment)
        if any(codes):
            return {"failed": f"exit {codes}"}
        rows = list(csv.DictReader((Path(folder) / "run" / "metrics.csv").read_text().splitlines()))
        saved = [line.split() for line in noted.read_text().splitlines()]
    return {
        "seconds": min(float(row["seconds"]) for row in rows[1:]),
        "whole": time.perf_counter() - started,
        "val_loss": float(rows[-1]["val_loss"]),
        "save": min(float(seconds) for seconds, _ in saved),
        "bytes": int(saved[-1][1]),
    }


def _run(words: list[str], processes: int, environment: dict[str, str]) -> list[int]:
    """Exit codes of the processes, started as torchrun would."""
    if processes > 1:
        words = [*words, "--distributed"]
    places = [_place(rank, processes) for rank in range(processes)]
    started = [
        subprocess.Popen([sys.executable, "-c", PROGRAM, *words], env={**environment, **place}, cwd=common.ROOT)
        for place in places
    ]
    return [process.wait() for process in started]


def _place(rank: int, processes: int) -> dict[str, str]:
    if processes == 1:
        return {}
    place = {"RANK": rank, "LOCAL_RANK": rank, "WORLD_SIZE": processes, "LOCAL_WORLD_SIZE": processes}
    return {name: str(value) for name, value in place.items()} | {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": "29513"}


def measure_all(options: argparse.Namespace) -> list[Measured]:
    """All rows, on one simulated study."""
    sharded = ("--fsdp", "--fsdp-sharded-checkpoint")
    cases = [(1, 1, ()), (1, common.CORES, ()), (2, 1, ()), (2, 1, ("--fsdp",)), (2, 1, sharded)]
    rows = []
    with tempfile.TemporaryDirectory() as folder:
        sizes = {"samples": SAMPLES, "asvs": 2000, "asvs_per_sample": 100.0, "reads": 5000}
        simulate_study(SimulateOptions(output_dir=Path(folder), progress=False, overwrite=True, **sizes))
        for processes, threads, how in cases:
            found = measure(Path(folder), processes, threads, options.epochs, how)
            rows.append({"processes": processes, "threads": threads, "how": " ".join(how) or "DDP", **found})
            print(rows[-1], flush=True)
    return rows


def table(rows: list[Measured]) -> str:
    """The rows as Markdown."""
    lines = []
    first = rows[0].get("seconds")
    for row in rows:
        how = "" if row["processes"] == 1 else row["how"]
        cells = [str(row["processes"]), str(row["threads"]), how]
        if "failed" in row:
            lines.append([*cells, row["failed"], "", "", ""])
            continue
        ratio = None if first is None else first / row["seconds"]
        size = number(row["bytes"] / 1e6, 1)
        lines.append([*cells, number(row["seconds"], 2), number(ratio, 2), number(1000 * row["save"], 0), size])
    return common.markdown_table(HEADER, lines)


def main(words: list[str] | None = None) -> None:
    """Measure, and write the table."""
    made = common.parser(__doc__, "scaling")
    made.add_argument("--epochs", type=int, default=4, help="epochs of each run (default 4)")
    options = made.parse_args(words)
    facts = common.conditions(options)
    rows = measure_all(options)
    sections = [(__doc__ or "").strip(), table(rows)]
    common.write_results(options.output, TITLE, sections, facts, {"rows": rows})


if __name__ == "__main__":
    main()
