"""Small and read-only disks: file systems in memory, which root may mount; elsewhere such tests are left out."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest


@contextmanager
def disk(folder: Path, size: int) -> Iterator[Path]:
    """A disk of so many bytes at a folder."""
    folder.mkdir()
    _mount("-t", "tmpfs", "-o", f"size={size}", "tmpfs", folder)
    try:
        yield folder
    finally:
        subprocess.run(["umount", "--lazy", str(folder)], check=True)


def make_read_only(folder: Path) -> None:
    """Let a disk take no more writing."""
    _mount("-o", "remount,ro", folder)


def fill(folder: Path, free: int) -> None:
    """Leave so many bytes free on the disk of a folder."""
    used = os.statvfs(folder)
    with (folder / "filler").open("ab") as file:
        os.posix_fallocate(file.fileno(), 0, max(1, used.f_bavail * used.f_frsize - free))


def _mount(*words: object) -> None:
    done = subprocess.run(["mount", *map(str, words)], capture_output=True, text=True, check=False)
    if done.returncode:
        pytest.skip(f"no disk can be mounted here: {done.stderr.strip()}")
