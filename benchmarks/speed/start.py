"""Seconds of a start: whole processes, from the shell's call to the end, or to the first training step.

Each command runs without the cache of parsed inputs, with an empty one, and with what that run left in it, in turn.
What the system keeps of files in memory is not emptied in between. Public studies are small: what the cache is for is
in the last table, of a simulated one.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from statistics import median
from typing import Any

from benchmarks.accuracy.folds import STUDIES
from benchmarks.speed import common
from benchmarks.speed.common import Measured, number
from benchmarks.speed.large_study import load_in_child, write_large_study

TITLE = "Seconds of a start"
COMMANDS = {"aam --help": ["--help"], "aam train --help": ["train", "--help"]}
WAYS = ("without", "cold", "warm")
PROGRAM = "import sys; from aam.cli.main import main; sys.exit(main(sys.argv[1:]))"
FIRST_STEP = """
import os, sys
from aam.cli.main import main
from aam.training.step.module import TrainingModule

TrainingModule.training_step = lambda *_: os._exit(0)
main(sys.argv[1:])
sys.exit("no step was taken")
"""
PROGRAMS = {"aam check": PROGRAM, "aam train": FIRST_STEP}


def seconds_of(program: str, words: Sequence[str], cache: Path, threads: int) -> float:
    """Seconds of a whole process.

    Parameters
    ----------
    program
        Python code.
    words
        Its arguments.
    cache
        Folder of the cache of parsed inputs.
    threads
        Threads of the linear algebra.
    """
    environment = {**os.environ, "AAM_CACHE_DIR": str(cache), "OMP_NUM_THREADS": str(threads)}
    started = time.perf_counter()
    done = subprocess.run(
        [sys.executable, "-c", program, *words],
        capture_output=True,
        text=True,
        check=False,
        cwd=common.ROOT,
        env=environment,
    )
    seconds = time.perf_counter() - started
    if done.returncode:
        raise SystemExit(f"aam {' '.join(words)}: {done.stderr.strip()[-500:]}")
    return seconds


def measure_study(name: str, data: Path, repeats: int, threads: int) -> dict[str, Measured]:
    """Median seconds of ``aam check``, and of ``aam train`` up to its first step, each way."""
    seconds: dict[str, dict[str, list[float]]] = {name: {way: [] for way in WAYS} for name in PROGRAMS}
    for _ in range(repeats):
        for command, program in PROGRAMS.items():
            with tempfile.TemporaryDirectory() as folder:
                words = [command.split()[1], *_words(name, data)]
                words += ["--learners", "network"]
                words += ["--output-dir", f"{folder}/run", "--overwrite"] if command == "aam train" else []
                for way in WAYS:
                    more = ["--no-cache"] if way == "without" else []
                    took = seconds_of(program, [*words, *more], Path(folder) / "cache", threads)
                    seconds[command][way].append(took)
    return {command: {way: median(found) for way, found in ways.items()} for command, ways in seconds.items()}


def measure_large(size: tuple[int, int, int], repeats: int) -> dict[str, Measured]:
    """Medians of reading a simulated study of that many samples, ASVs, and ASVs of each sample, each way."""
    found: dict[str, list[Measured]] = {way: [] for way in WAYS}
    with tempfile.TemporaryDirectory() as folder, tempfile.TemporaryDirectory() as cache:
        write_large_study(Path(folder), *size)
        for repeat in range(repeats):
            os.environ["AAM_CACHE_DIR"] = f"{cache}/{repeat}"
            for way in WAYS:
                found[way].append(load_in_child(Path(folder), cache=way != "without"))
    return {way: {name: median(run[name] for run in runs) for name in runs[0]} for way, runs in found.items()}


def _words(name: str, data: Path) -> list[str]:
    study, folder = STUDIES[name], data.resolve() / name
    files = {"table": "table.biom", "tree": "tree.nwk", "metadata": "metadata.tsv"}
    words = [word for option, file in files.items() for word in (f"--{option}", str(folder / file))]
    words += ["--metadata-column", study.target, "--group-column", study.group]
    words += ["--where", study.where] if study.where else []
    return words + (["--classifier"] if study.classifier else [])


def command_table(records: dict[str, Any]) -> str:
    """The commands as Markdown."""
    rows = [["", name, number(seconds), "", ""] for name, seconds in records["commands"].items()]
    for study, commands in records["studies"].items():
        for name, ways in commands.items():
            shown = f"{name}, up to the first step" if name == "aam train" else name
            rows.append([study, shown, *(number(ways[way]) for way in WAYS)])
    return common.markdown_table(("study", "command", "without cache, s", "cold cache, s", "warm cache, s"), rows)


def large_table(found: dict[str, Measured]) -> str:
    """The large study as Markdown."""
    header = ("cache", "seconds", "of the processor", "peak memory, GB", "own memory at the end, GB")
    names = ("seconds", "processor", "peak", "own")
    return common.markdown_table(header, [[way, *(number(found[way][name]) for name in names)] for way in WAYS])


def arguments(given: list[str] | None = None) -> argparse.Namespace:
    """The program's options."""
    made = common.parser(__doc__, "start")
    made.add_argument("--data", type=Path, required=True, help="folder with the public studies")
    made.add_argument("--study", action="append", choices=sorted(STUDIES), help="one of them alone (default: all)")
    made.add_argument("--repeats", type=int, default=3, help="runs of each; the median counts (default 3)")
    made.add_argument(
        "--large",
        nargs=3,
        type=int,
        metavar=("SAMPLES", "ASVS", "EACH"),
        default=(100_000, 100_000, 200),
        help="size of the simulated study, and ASVs of each sample",
    )
    return made.parse_args(given)


def main(given: list[str] | None = None) -> None:
    """Measure, and write the tables."""
    options = arguments(given)
    facts, none = common.conditions(options), Path(os.devnull)
    help_seconds = {
        name: median(seconds_of(PROGRAM, words, none, options.threads) for _ in range(options.repeats))
        for name, words in COMMANDS.items()
    }
    records: dict[str, Any] = {"commands": help_seconds, "studies": {}}
    for name in options.study or STUDIES:
        records["studies"][name] = measure_study(name, options.data, options.repeats, options.threads)
        print(name, records["studies"][name], flush=True)
    records["large"] = measure_large(tuple(options.large), options.repeats)
    samples, asvs, each = options.large
    said = f"Reading {samples:,} samples of {asvs:,} ASVs, {samples * each:,} counts, with tree and metadata:"
    words = [(__doc__ or "").strip(), f"Medians of {options.repeats}.", command_table(records)]
    common.write_results(options.output, TITLE, [*words, said, large_table(records["large"])], facts, records)


if __name__ == "__main__":
    main()
