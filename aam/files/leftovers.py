"""What a process that was killed left behind while it wrote a file or folder: found by its name, and removed."""

from __future__ import annotations

import os
import re
import shutil
from contextlib import suppress
from pathlib import Path

LEFTOVER = re.compile(r"\..+\.tmp-(\d+)|\.writable-(\d+)")
"""Names that :func:`unfinished` gives, and of a run directory's probe."""


def unfinished(target: Path) -> Path:
    """The name, beside the final one, of what this process has not finished."""
    return target.with_name(f".{target.name}.tmp-{os.getpid()}")


def is_leftover(path: Path) -> bool:
    """Whether a name is that of an unfinished file or folder."""
    return LEFTOVER.fullmatch(path.name) is not None


def remove_leftovers(folder: Path, *, owned: bool = False) -> None:
    """Remove the unfinished files of a folder, and its unfinished folders where nobody else may be at work.

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
        if found is None:
            continue
        if path.is_dir() and not path.is_symlink():
            if owned:
                shutil.rmtree(path, ignore_errors=True)
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
