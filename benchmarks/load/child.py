"""A measurement in a process of its own: its time, and its memory beyond what the process had before.

Nothing here imports torch, so that what is small is not hidden behind it.
"""

from __future__ import annotations

import importlib
import json
import os
import subprocess
import sys
import threading
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
CHILD = "from benchmarks.load.child import child; child()"
STATUS = Path("/proc/self/status")
PEAK_AGAIN = "5"
"""Written to ``clear_refs``, it makes Linux forget a process's peak."""
EVERY_SECONDS = 0.01
CODE_GIGABYTES = 0.02
"""What of the peak may be code that is met for the first time."""

Row = dict[str, Any]
"""What a measurement found, as JSON has it.

``seconds`` and ``processor``: by the clock, and of the processor. ``peak`` and ``own``: most GB beyond the start,
resident as the system counts it, and not mapped from files as it was seen from time to time. ``limits``: what of
these is promised. ``right``: whether what came out is right. ``what``, ``note``: words.
"""


class Meter:
    """Time and memory of a block, of this process alone."""

    def __init__(self) -> None:
        self._done = threading.Event()
        self._peak = self._own = 0

    def __enter__(self) -> Meter:
        Path("/proc/self/clear_refs").write_text(PEAK_AGAIN)
        memory = _memory()
        self._resident, self._anonymous = memory["VmRSS"], memory["RssAnon"]
        self._watch = threading.Thread(target=self._look_on, daemon=True)
        self._watch.start()
        self._started, self._used = time.perf_counter(), time.process_time()
        return self

    def __exit__(self, *_: object) -> None:
        self.seconds = time.perf_counter() - self._started
        self.processor = time.process_time() - self._used
        self._done.set()
        self._watch.join()
        self._look()

    def row(self, what: str, *, right: bool, note: str = "", **limits: float) -> Row:
        """What was measured, beside what is promised."""
        figures = {"seconds": self.seconds, "processor": self.processor}
        memory = {"peak": (self._peak - self._resident) / 1e9, "own": (self._own - self._anonymous) / 1e9}
        return {"what": what, **figures, **memory, "limits": limits, "right": bool(right), "note": note}

    def _look_on(self) -> None:
        while not self._done.wait(EVERY_SECONDS):
            self._look()

    def _look(self) -> None:
        # The run that is measured may itself make the system forget its peak, so the largest that was seen counts.
        memory = _memory()
        self._peak, self._own = max(self._peak, memory["VmHWM"]), max(self._own, memory["RssAnon"])


def _memory() -> dict[str, int]:
    """Bytes of this process as Linux tells them."""
    lines = (line.split() for line in STATUS.read_text(encoding="ascii", errors="replace").splitlines())
    return {words[0].rstrip(":"): int(words[1]) * 1024 for words in lines if words[-1] == "kB"}


def held(row: Row) -> bool:
    """Whether everything that was promised of a row came true."""
    return bool(row["right"]) and all(row[name] <= limit for name, limit in row["limits"].items())


def in_child(name: str, folder: Path, sizes: Mapping[str, Any]) -> Row:
    """Do what :func:`call` does in a new process, with one thread.

    Raises
    ------
    RuntimeError
        If it failed, with the last of what it said.
    """
    words = [name, str(folder), json.dumps(dict(sizes))]
    threads = dict.fromkeys(("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS"), "1")
    environment = {**os.environ, **threads}
    run = subprocess.run(
        [sys.executable, "-c", CHILD, *words], capture_output=True, text=True, check=False, cwd=ROOT, env=environment
    )
    if run.returncode:
        raise RuntimeError(f"{name} ended with {run.returncode}: {run.stderr.strip()[-2000:]}")
    found: Row = json.loads(run.stdout.strip().splitlines()[-1])
    return found


def child() -> None:
    """Call what the command line names, and print what it found."""
    name, folder, sizes = sys.argv[1:]
    print("\n" + json.dumps(call(name, Path(folder), json.loads(sizes))))


def call(name: str, folder: Path, sizes: Mapping[str, Any]) -> Row:
    """Call a function of this package.

    Parameters
    ----------
    name
        Its module and name.
    folder
        Its first argument: where its inputs lie. The cache of parsed inputs is there too.
    sizes
        Its other arguments.
    """
    os.environ["AAM_CACHE_DIR"] = str(folder / "cache")
    module, function = name.split(".")
    return getattr(importlib.import_module(f"benchmarks.load.{module}"), function)(folder, **sizes)
