"""What the speed benchmarks share: a measurement in a process of its own, medians, and tables with their conditions.

It needs nothing beyond torch and NumPy, as the GPU benchmark runs where nothing else is installed.
"""

from __future__ import annotations

import argparse
import importlib
import json
import os
import resource
import subprocess
import sys
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from statistics import median
from typing import Any

import torch

from aam.files.atomic import write_text
from benchmarks import machine
from benchmarks.machine import CORES

ROOT = Path(__file__).resolve().parents[2]
RESULTS = ROOT / "benchmarks" / "results" / "speed"
CHILD = "from benchmarks.speed.common import child; child()"

Measured = dict[str, Any]
"""What a measurement found, as JSON has it; ``failed`` says why there is nothing."""


def in_child(function: Callable[..., Measured], case: Mapping[str, Any], threads: int) -> Measured:
    """Measure in a process of its own, so that neither memory nor warmed caches are another measurement's.

    Parameters
    ----------
    function
        Found again by its module and name.
    case
        Its arguments, as JSON has them.
    threads
        Threads of the linear algebra.
    """
    variables = {name: str(threads) for name in ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS")}
    words = [_module_of(function), function.__qualname__, json.dumps(dict(case))]
    run = subprocess.run(
        [sys.executable, "-c", CHILD, *words],
        capture_output=True,
        text=True,
        check=False,
        cwd=ROOT,
        env={**os.environ, **variables},
    )
    if run.returncode:
        last = (run.stderr.strip().splitlines() or ["killed, most likely for its memory"])[-1]
        return {"failed": f"exit {run.returncode}: {last[:200]}"}
    found: Measured = json.loads(run.stdout.strip().splitlines()[-1])
    return found


def _module_of(function: Callable[..., Any]) -> str:
    """Where a function can be imported from, also if its module is the program that runs."""
    spec = sys.modules[function.__module__].__spec__
    return function.__module__ if spec is None else spec.name


def child() -> None:
    """Run a measurement that the command line names, and print what it found with the process's peak memory."""
    module, name, case = sys.argv[1:]
    torch.set_num_threads(int(os.environ["OMP_NUM_THREADS"]))
    arguments = json.loads(case)
    found = getattr(importlib.import_module(module), name)(**arguments)
    print(json.dumps({"gigabytes": peak_bytes(arguments.get("device", "cpu")) / 1e9, **found}))


def peak_bytes(device: str = "cpu") -> int:
    """Most memory taken so far: of the GPU where that is the device, else of this process."""
    if device == "cuda":
        return int(torch.cuda.max_memory_allocated())
    status = Path("/proc/self/status")
    # The usual figure of a process counts what its parent had when it was started; this one does not.
    if status.exists():
        lines = status.read_text(encoding="ascii", errors="replace").splitlines()
        return next(int(line.split()[1]) * 1024 for line in lines if line.startswith("VmHWM"))
    unit = 1 if sys.platform == "darwin" else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit


def median_seconds(
    action: Callable[[], Any], repeats: int, *, device: str = "cpu", warm_up: int = 1, enough: float = 1e9
) -> Measured:
    """Median seconds of an action, and of how many.

    Parameters
    ----------
    action
        What is measured.
    repeats
        How often, after the warm-up.
    device
        Waited for before the clock is read.
    warm_up
        Runs that do not count.
    enough
        Seconds after which no further run is begun.
    """
    for _ in range(warm_up):
        action()
    seconds: list[float] = []
    while not seconds or (len(seconds) < repeats and sum(seconds) < enough):
        wait_for(device)
        started = time.perf_counter()
        action()
        wait_for(device)
        seconds.append(time.perf_counter() - started)
    return {"seconds": median(seconds), "runs": len(seconds)}


def wait_for(device: str) -> None:
    """Until a GPU has done what it was given."""
    if device == "cuda":
        torch.cuda.synchronize()


def arithmetic(precision: str, device: str) -> AbstractContextManager[Any]:
    """The context in which a model computes at a precision: ``none`` (float32) or ``bf16``."""
    return torch.autocast(device, dtype=torch.bfloat16) if precision == "bf16" else nullcontext()


def parser(description: str | None, name: str, *, precision: str | None = None) -> argparse.ArgumentParser:
    """A program's options that all programs have.

    Parameters
    ----------
    description
        The program's docstring.
    name
        Name of its results.
    precision
        Default of ``--precision``; None for a program that has no such option.
    """
    made = argparse.ArgumentParser(description=description, formatter_class=argparse.RawDescriptionHelpFormatter)
    made.add_argument("--device", choices=("cpu", "cuda"), default="cpu")
    made.add_argument("--threads", type=int, default=CORES, help="threads of the linear algebra (default: all cores)")
    made.add_argument("--output", type=Path, default=RESULTS / f"{name}.md", help="table; its JSON goes beside it")
    if precision is not None:
        made.add_argument("--precision", choices=("none", "bf16"), default=precision, help="of the arithmetic")
        made.add_argument("--compile", action="store_true", help="compile the product's layers")
    return made


def conditions(options: argparse.Namespace) -> dict[str, str]:
    """Date, commit, machine and options of a program's run, in words."""
    chosen = {name: getattr(options, name) for name in ("device", "threads", "precision") if name in options}
    if getattr(options, "compile", False):
        chosen["compiled"] = "yes"
    if options.device == "cuda":
        chosen["card"] = torch.cuda.get_device_name()
    return machine.conditions() | {name: str(value) for name, value in chosen.items()}


def markdown_table(header: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A table as Markdown."""
    lines = [header, ["---"] * len(header), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def write_results(
    path: Path, title: str, words: Sequence[str], facts: Mapping[str, str], records: Mapping[str, Any]
) -> None:
    """Write what a program found: for people as Markdown, and beside it as JSON.

    Parameters
    ----------
    path
        The Markdown file.
    title
        Its heading.
    words
        Its paragraphs and tables.
    facts
        The conditions, taken before the measurements.
    records
        What was measured.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    said = ", ".join(f"{name} {value}" for name, value in facts.items())
    write_text(path, "\n\n".join([f"# {title}", f"Conditions: {said}.", *words]) + "\n")
    write_text(path.with_suffix(".json"), json.dumps({"conditions": dict(facts), **records}, indent=1) + "\n")
    print(f"wrote {path}")


def number(value: float | None, digits: int = 2) -> str:
    """A figure for a table; empty where there is none."""
    return "" if value is None else f"{value:,.{digits}f}"
