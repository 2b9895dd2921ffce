"""What to type to go on with a run that was stopped."""

from __future__ import annotations

import shlex
from pathlib import Path

from aam.files.run_directory import RunDirectory


def resume_words(command: str, path: Path) -> str:
    """What to type to go on with a run."""
    return f"aam {command} --resume-from {shlex.quote(str(path))}"


def how_to_go_on(command: str, path: Path) -> str:
    """What to do after a run has ended too early: go on, or begin again where nothing was saved."""
    run = RunDirectory(path)
    if run.config.exists() and not run.is_finished:
        return f"go on with: {resume_words(command, path)}"
    return "it had not begun to train: start it again"
