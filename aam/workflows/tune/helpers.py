"""`--jobs N`: further processes on this machine that join the search."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from typing import IO

from aam.config import TuneConfig
from aam.log import warn

HELPER = "AAM_TUNE_HELPER"
"""Set for a process that only runs trials."""
GRACE_SECONDS = 30.0
"""How long a process may take to note that its trial was stopped."""


def is_helper() -> bool:
    """Whether this process only runs trials: another one writes the results."""
    return HELPER in os.environ


class Helpers:
    """Processes that run trials of the same search.

    Parameters
    ----------
    config
        The search.
    """

    def __init__(self, config: TuneConfig) -> None:
        words = [sys.executable, "-m", "aam", "tune", "--resume-from", str(config.run.output_dir)]
        words += ["--jobs", "1", "--no-progress"]
        for name in ("trials", "minutes"):
            value = getattr(config.search, name)
            words += [] if value is None else [f"--{name}", str(value)]
        self._started: list[tuple[subprocess.Popen[bytes], IO[bytes]]] = []
        for _ in range(config.search.jobs - 1):
            errors = tempfile.TemporaryFile()
            process = subprocess.Popen(
                words,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=errors,
                env={**os.environ, HELPER: "1"},
            )
            self._started.append((process, errors))

    def wait(self) -> None:
        """Wait for their trials; one that ended badly is told, and its trial is repeated when the search goes on."""
        for process, errors in self._started:
            if process.wait():
                errors.seek(0)
                lines = errors.read().decode(errors="replace").strip().splitlines() or ["no reason is known"]
                warn(f"a process of the search ended with exit code {process.returncode} ({lines[-1]})")

    def stop(self) -> None:
        """End those that are left, which note that their trials were stopped."""
        for process, _ in self._started:
            if process.poll() is None:
                process.terminate()
        for process, errors in self._started:
            try:
                process.wait(GRACE_SECONDS)
            except subprocess.TimeoutExpired:
                process.kill()
            errors.close()


@contextmanager
def helped(config: TuneConfig) -> Iterator[Helpers]:
    """Further processes, which end with the block."""
    helpers = Helpers(config)
    try:
        yield helpers
    finally:
        helpers.stop()
