"""`--jobs N`: further processes on this machine that join the search."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
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
        self._files = ExitStack()
        self._started = [self._start(words) for _ in range(config.jobs.number - 1)]

    def _start(self, words: list[str]) -> tuple[subprocess.Popen[bytes], IO[bytes]]:
        errors: IO[bytes] = self._files.enter_context(tempfile.TemporaryFile())  # noqa: SIM115
        nothing = subprocess.DEVNULL
        environment = {**os.environ, HELPER: "1"}
        return subprocess.Popen(words, stdin=nothing, stdout=nothing, stderr=errors, env=environment), errors

    def wait(self) -> bool:
        """Wait for their trials; whether one of them ended badly, which is said, so that a trial is to be repeated."""
        failed = [(process, errors) for process, errors in self._started if process.wait()]
        for process, errors in failed:
            errors.seek(0)
            lines = errors.read().decode(errors="replace").strip().splitlines() or ["it was killed"]
            warn(f"a process of the search ended with exit code {process.returncode} ({lines[-1]})")
        return bool(failed)

    def stop(self) -> None:
        """End those that are left, which note that their trials were stopped."""
        for process, _ in self._started:
            if process.poll() is None:
                process.terminate()
        for process, _ in self._started:
            try:
                process.wait(GRACE_SECONDS)
            except subprocess.TimeoutExpired:
                process.kill()
        self._files.close()


@contextmanager
def helped(config: TuneConfig) -> Iterator[Helpers]:
    """Further processes, which end with the block."""
    helpers = Helpers(config)
    try:
        yield helpers
    finally:
        helpers.stop()
