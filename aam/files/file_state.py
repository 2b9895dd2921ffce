"""Whether a file is still as it was: what is cheap to ask, where a checksum takes another reading."""

from __future__ import annotations

import stat
import time
from pathlib import Path
from typing import NamedTuple

from aam.files.atomic import sha256_file

RECENT_NS = 2_000_000_000
"""Dates of files are this coarse at worst: what is written twice within it may have one date."""


class FileState(NamedTuple):
    """What changes when a file is written to, or another takes its place.

    The number of the file itself is left out: some network file systems give it another one now and then. The checksum
    is that of a file that was written only just now, and None for any other.
    """

    bytes: int
    modified_ns: int
    sha256: str | None


def file_state(path: Path) -> FileState | None:
    """The state of a file at this moment; None where there is none, or what is there is no file."""
    try:
        found = path.stat()
        if not stat.S_ISREG(found.st_mode):
            return None
        is_recent = abs(time.time_ns() - found.st_mtime_ns) < RECENT_NS
        return FileState(found.st_size, found.st_mtime_ns, sha256_file(path) if is_recent else None)
    except OSError:
        return None


def is_as_it_was(path: Path, before: FileState | None) -> bool:
    """Whether a file is still in the state that it had; what was not there never is.

    Asked after a file was read, and after its checksum was taken, it tells that the checksum is of what was read.
    """
    if before is None:
        return False
    try:
        found = path.stat()
        same_date = (found.st_size, found.st_mtime_ns) == (before.bytes, before.modified_ns)
        return same_date and (before.sha256 is None or sha256_file(path) == before.sha256)
    except OSError:
        return False
