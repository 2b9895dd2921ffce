"""What must work at size, at sizes that take a second: right results, and memory that the size bounds.

Nothing is said of times here; ``python -m benchmarks.load`` measures them.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import pytest

from benchmarks.load.cases import CASES, Run, run_case
from benchmarks.load.child import ROOT, Row, call, held

PRELOADED = ["benchmarks.load.tables", "benchmarks.load.trees", "benchmarks.load.steps", "benchmarks.load.predictions"]


@pytest.fixture(scope="module")
def run() -> Iterator[Run]:
    """Calls a function in a process of its own; they come from one that has all libraries loaded already."""
    context = get_context("forkserver")
    context.set_forkserver_preload(PRELOADED)
    with ProcessPoolExecutor(1, mp_context=context, max_tasks_per_child=1) as pool:

        def in_fork(name: str, folder: Path, sizes: Mapping[str, Any]) -> Row:
            return pool.submit(call, name, folder, sizes).result()

        yield in_fork


def but_for_time(row: Row) -> bool:
    """Whether a result is right and its memory within its limits."""
    limits = {name: limit for name, limit in row["limits"].items() if name in ("own", "peak")}
    assert limits
    return held({**row, "limits": limits})


@pytest.mark.parametrize("name", ["L1", "L2", "L3", "L4", "L6", "L7-exact", "L8"])
def test_results_are_right_and_memory_is_bounded(name: str, run: Run, tmp_path: Path) -> None:
    rows = list(run_case(name, tmp_path, small=True, run=run))
    assert len(rows) == len(CASES[name].parts)
    for row in rows:
        assert but_for_time(row), row
    assert list(tmp_path.iterdir()) == []


def test_several_files_are_read_as_one_table(run: Run, tmp_path: Path) -> None:
    sizes = CASES["parts-1k"].small
    run("streaming.make_parts", tmp_path, sizes)
    for part, more in (("streaming.read", {}), ("streaming.command", {"name": "unifrac"})):
        row = run(part, tmp_path, {**sizes, **more})
        assert but_for_time(row), row


def test_predictions_stream_and_appear_whole_or_not_at_all(run: Run, tmp_path: Path) -> None:
    sizes = CASES["L10"].small
    run("predictions.make_model", tmp_path, sizes)
    assert _killed_while_predicting(tmp_path) == -signal.SIGKILL
    assert not (tmp_path / "killed.tsv").exists()
    for part, _ in CASES["L10"].parts:
        row = run(part, tmp_path, sizes)
        assert but_for_time(row), row


def _killed_while_predicting(folder: Path) -> int:
    """Exit code of a prediction that is killed when it has begun to write."""
    files = ["--model", folder / "run", "--table", folder / "table.biom", "--output", folder / "killed.tsv"]
    program = "import sys; from aam.cli.main import main; sys.exit(main(sys.argv[1:]))"
    words = [sys.executable, "-c", program, "predict", *map(str, files), "--device=cpu", "--allow-unfamiliar"]
    child = subprocess.Popen(words, cwd=ROOT, env={**os.environ, "OMP_NUM_THREADS": "1"}, stdout=subprocess.DEVNULL)
    while child.poll() is None and not any(path.stat().st_size for path in folder.glob("*killed*")):
        time.sleep(0.002)
    child.kill()
    return child.wait()
