"""A training run for hours, to see whether its memory, its open files or its folder grow.

A toy run of ``aam train`` without an end is watched from outside, told to stop in the middle by the signal of a
scheduler, gone on with, and stopped again at the end. Everything that is seen goes into ``soak.csv``.
"""

from __future__ import annotations

import argparse
import csv
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass, fields
from pathlib import Path

import numpy as np

from aam.config.commands.simulate import SimulateOptions
from aam.simulation.study import simulate_study
from benchmarks.load.child import ROOT

EVERY_SECONDS = 5.0
START_SECONDS = 120.0
END_SECONDS = 60.0
PREEMPTED = 75
GROWTH = 0.01
MOST_CHECKPOINTS = 4
TOY = {
    **{"embedding-dim": 16, "attention-heads": 2, "attention-layers": 1, "num-soft-clades": 16, "batch-size": 8},
    **{"epochs": 1_000_000, "patience": 1_000_000, "device": "cpu"},
}
PROGRAM = "import sys; from aam.cli.main import main; sys.exit(main(sys.argv[1:]))"


@dataclass(frozen=True)
class Look:
    """What is seen of the run at one moment.

    Attributes
    ----------
    seconds
        Since the soak began.
    part
        0 before the run is stopped in the middle, 1 after.
    own_bytes
        Memory of the process that is not mapped from files.
    files, threads
        Open files, and threads.
    checkpoints, folder_bytes
        Checkpoints in the folder, and all that the folder holds.
    epochs
        Epochs that are done.
    """

    seconds: float
    part: int
    own_bytes: int
    files: int
    threads: int
    checkpoints: int
    folder_bytes: int
    epochs: int


def soak(folder: Path, minutes: float) -> list[str]:
    """Run, watch, stop, go on, stop.

    Parameters
    ----------
    folder
        Takes the study, the run and ``soak.csv``.
    minutes
        How long.

    Returns
    -------
    list of str
        What is not as promised.
    """
    study, run, began = folder / "study", folder / "run", time.monotonic()
    size = {"samples": 800, "asvs": 60, "asvs_per_sample": 20.0, "reads": 1_000, "sequence_length": 60}
    simulate_study(SimulateOptions(output_dir=study, progress=False, overwrite=True, **size))
    looks: list[Look] = []
    problems: list[str] = []
    with (folder / "soak.csv").open("w", newline="") as file:
        writer = csv.DictWriter(file, [field.name for field in fields(Look)])
        writer.writeheader()
        for part in range(2):
            until = began + minutes * 30 * (part + 1)
            for look in _watched(_command(study, run, resume=part > 0), run, part, began, until, problems):
                writer.writerow(asdict(look))
                file.flush()
                looks.append(look)
    return problems + judge(looks)


def judge(looks: list[Look]) -> list[str]:
    """What is not as promised: memory, open files and checkpoints of the second half of each part."""
    problems = []
    for part in sorted({look.part for look in looks}):
        of_part = [look for look in looks if look.part == part]
        late = of_part[len(of_part) // 2 :]
        if len(late) < 4:
            problems.append(f"part {part}: {len(of_part)} looks are too few to judge by")
            continue
        problems += [f"part {part}: {problem}" for problem in _grown(late)]
    return problems


def _grown(late: list[Look]) -> Iterator[str]:
    # The medians of the first and the last third, as a single look may meet a validation or a checkpoint.
    third = max(1, len(late) // 3)
    first, last = late[:third], late[-third:]
    before, after = (float(np.median([look.own_bytes for look in some])) for some in (first, last))
    if after > before * (1 + GROWTH):
        yield f"memory grew by {after / before - 1:.1%} ({before / 1e6:.1f} to {after / 1e6:.1f} MB)"
    for name in ("files", "threads"):
        before, after = (float(np.median([getattr(look, name) for look in some])) for some in (first, last))
        if after > before:
            yield f"open {name} grew from {before:g} to {after:g}"
    most = max(look.checkpoints for look in late)
    if most > MOST_CHECKPOINTS:
        yield f"{most} checkpoints in the folder"
    if late[-1].epochs <= late[0].epochs:
        yield "no epoch was done"


def _command(study: Path, run: Path, *, resume: bool) -> list[str]:
    files = {"table": study / "table.biom", "metadata": study / "metadata.tsv", "metadata-column": "gradient"}
    options = {**files, **TOY, ("resume-from" if resume else "output-dir"): run}
    words = [word for name, value in options.items() for word in (f"--{name}", str(value))]
    return [sys.executable, "-c", PROGRAM, "train", *words, "--no-progress", "--overwrite"][: -1 if resume else None]


def _watched(
    command: list[str], run: Path, part: int, began: float, until: float, problems: list[str]
) -> Iterator[Look]:
    """Look at the run until its time is over; then stop it as a scheduler would."""
    log = run.parent / f"said-{part}.txt"
    with log.open("w") as said:
        child = subprocess.Popen(
            command, stdout=said, stderr=said, cwd=ROOT, env={**os.environ, "OMP_NUM_THREADS": "1"}
        )
    done_before, started = _epochs(run), time.monotonic()
    while child.poll() is None and time.monotonic() < until:
        if _epochs(run) > done_before:
            yield _look(child.pid, run, part, began)
        elif time.monotonic() > started + START_SECONDS:
            problems.append(f"part {part}: no epoch in {START_SECONDS:.0f} s")
            break
        time.sleep(EVERY_SECONDS)
    if child.poll() is None:
        child.send_signal(signal.SIGTERM)
    try:
        code = child.wait(END_SECONDS)
    except subprocess.TimeoutExpired:
        child.kill()
        code = child.wait()
    if code != PREEMPTED:
        problems.append(f"part {part}: ended with {code}, not {PREEMPTED}: {log.read_text()[-300:].strip()}")


def _look(pid: int, run: Path, part: int, began: float) -> Look:
    process = Path("/proc") / str(pid)
    status = dict(line.split()[:2] for line in (process / "status").read_text().splitlines() if len(line.split()) > 1)
    folders = [path for path in (run / "checkpoints").glob("*") if not path.name.startswith(".")]
    return Look(
        seconds=round(time.monotonic() - began, 1),
        part=part,
        own_bytes=int(status["RssAnon:"]) * 1024,
        files=len(list((process / "fd").iterdir())),
        threads=int(status["Threads:"]),
        checkpoints=len(folders),
        folder_bytes=sum(_bytes(path) for path in run.rglob("*")),
        epochs=_epochs(run),
    )


def _bytes(path: Path) -> int:
    """Size of a file; 0 if it is gone by now."""
    try:
        return path.lstat().st_size
    except FileNotFoundError:
        return 0


def _epochs(run: Path) -> int:
    """Epochs in the run's table of metrics."""
    metrics = run / "metrics.csv"
    return max(0, len(metrics.read_text().splitlines()) - 1) if metrics.exists() else 0


def main(given: list[str] | None = None) -> None:
    """Soak, and say what is wrong; exits with 1 if something is."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--minutes", type=float, default=60.0, help="how long (default 60)")
    parser.add_argument("--folder", type=Path, required=True, help="takes the study, the run and soak.csv")
    options = parser.parse_args(given)
    options.folder.mkdir(parents=True, exist_ok=True)
    problems = soak(options.folder, options.minutes)
    print("\n".join(problems) or f"nothing grew in {options.minutes:g} minutes; {options.folder / 'soak.csv'}")
    sys.exit(bool(problems))


if __name__ == "__main__":
    main()
