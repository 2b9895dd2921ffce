"""What a process that was killed left behind while it wrote a file: found by its name, and removed."""

from __future__ import annotations

import os
import re
from contextlib import suppress
from pathlib import Path

LEFTOVER = re.compile(r"\..+\.tmp-(\d+)|\.writable-(\d+)")
"""Names of :func:`aam.files.atomic.atomic_write`'s unfinished files, and of a run directory's probe."""


def is_leftover(path: Path) -> bool:
    """Whether a name is that of an unfinished file."""
    return LEFTOVER.fullmatch(path.name) is not None


def remove_leftovers(folder: Path, *, owned: bool = False) -> None:
    """Remove the unfinished files of a folder.

    Parameters
    ----------
    folder
        Need not be there.
    owned
        Whether nobody but this process writes here. Else only those are removed whose process is not running on this
        machine any more. (One with this process's own number is an earlier one's: containers give the same again.)
    """
    if not folder.is_dir():
        return
    for path in folder.iterdir():
        found = LEFTOVER.fullmatch(path.name)
        if found is None or path.is_dir():
            continue
        process = int(found[1] or found[2])
        if owned or process == os.getpid() or not is_running(process):
            with suppress(OSError):
                path.unlink(missing_ok=True)


def is_running(process: int) -> bool:
    """Whether there is a process of this number on this machine."""
    try:
        os.kill(process, 0)
    except (ProcessLookupError, OverflowError):
        return False
    except PermissionError:
        return True
    return True
