"""Starts runs of several processes that fail on purpose, and looks at what is left of them."""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
import time
import uuid
from pathlib import Path
from typing import NamedTuple

from tests.program import SMALL

ROOT = Path(__file__).resolve().parents[2]
STEP = "aam.training.step.module TrainingModule training_step"
LOSS = "aam.training.step.module TrainingModule _part_of_loss"
SAVE = "aam.training.checkpoints.checkpoint AtomicCheckpointIO save_checkpoint"
KEEP = "aam.training.checkpoints.checkpoint SaveCheckpoints save"
READ = "aam.data.batches.loaders StudyDataModule __init__"
END = "aam.runs.directory RunDirectory finish"
EPOCHS = 3  # of 4 steps each


class Ended(NamedTuple):
    """How a run ended."""

    code: int
    output: str
    errors: str
    seconds: float
    pid: int


def arguments(study: Path, folder: Path) -> list[str]:
    """A run that learns something: its best model is not the start."""
    flags = {
        "--table": study / "table.biom",
        "--tree": study / "tree.nwk",
        "--metadata": study / "metadata.tsv",
        "--metadata-column": "gradient",
        "--learners": "network",
        "--output-dir": folder,
        "--encoder-type": "unifrac",
        "--nuc-penalty": "0.5",
        "--count-penalty": "0.5",
        "--lr": "0.01",
        **SMALL,
        "--epochs": EPOCHS,
        "--batch-size": "12",
        "--device": "cpu",
    }
    return ["train", *(str(word) for pair in flags.items() for word in pair), "--no-forest-baseline", "--no-report"]


class SharedRun:
    """A command of the program in a session of its own, as a terminal starts it.

    Parameters
    ----------
    words
        What follows ``aam``.
    faults
        Lines of ``injected/sitecustomize.py``.
    launcher
        What starts the program, where it is not the program itself.
    """

    def __init__(self, words: list[object], *faults: str, launcher: tuple[str, ...] = (sys.executable,)) -> None:
        self.mark = uuid.uuid4().hex
        self.started = time.monotonic()
        paths = [*([str(ROOT / "tests/faults/injected")] if faults else []), str(ROOT)]
        told = {"FAULTS": ";".join(faults), "MARK": self.mark, "OMP_NUM_THREADS": "1", "PYTHONPATH": ":".join(paths)}
        self.process = subprocess.Popen(
            [*launcher, "-m", "aam", *map(str, words)],
            env={**os.environ, **told},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )

    def end(self, timeout: float = 240) -> Ended:
        """Wait for its end; nothing of it may be left then."""
        try:
            output, errors = self.process.communicate(timeout=timeout)
        finally:
            self.process.kill()
        deadline = time.monotonic() + 5  # a killed process takes a moment to vanish
        while (left := self.processes()) and time.monotonic() < deadline:
            time.sleep(0.1)
        assert left == []
        seconds = time.monotonic() - self.started
        return Ended(self.process.returncode, output, errors, seconds, self.process.pid)

    def processes(self) -> list[int]:
        """The processes that belong to the run and have not ended."""
        found = []
        for folder in Path("/proc").glob("[0-9]*"):
            try:
                if f"MARK={self.mark}".encode() in (folder / "environ").read_bytes():
                    found.append(int(folder.name))
            except OSError:
                continue
        return sorted(found)


def run(words: list[object], *faults: str, launcher: tuple[str, ...] = (sys.executable,)) -> Ended:
    """Run a command to its end."""
    return SharedRun(words, *faults, launcher=launcher).end()


def metrics_of(folder: Path) -> list[dict[str, float]]:
    """The epochs' metrics, but for the seconds."""
    header, *rows = [line.split(",") for line in (folder / "metrics.csv").read_text().splitlines()]
    cells = [dict(zip(header, row, strict=True)) for row in rows]
    return [{name: float(value) for name, value in row.items() if name != "seconds" and value} for row in cells]


def fingerprint(folder: Path) -> dict[str, str]:
    """What must be the same to the bit: weights, predictions, vectors and metrics."""
    names = ("model/model.safetensors", "val_predictions.tsv", "sample_embeddings.tsv")
    found = {name: hashlib.sha256((folder / name).read_bytes()).hexdigest() for name in names}
    return found | {"metrics.csv": repr(metrics_of(folder))}
