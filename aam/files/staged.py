"""A folder whose files appear together or not at all: they are written beside their place and moved at the end."""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

from aam.errors import InputError, RunError
from aam.files.atomic import is_running
from aam.text import format_bytes

STAGING = ".aam.tmp-"


@contextmanager
def staged_folder(
    output_dir: Path,
    check: Callable[[], None],
    old_files: Callable[[], Iterable[str]],
    *,
    expected_bytes: int = 0,
    last: str = "",
) -> Iterator[Path]:
    """Give a folder to write to, whose files move to the output folder at the end if nothing went wrong.

    Files of an earlier output are removed first, all of them, so that a crash never leaves files of two.

    Parameters
    ----------
    output_dir
        The folder; made if it is not there.
    check
        Raises an :class:`~aam.errors.InputError` where what is in the folder may not be replaced.
    old_files
        Files of an earlier output, relative to the folder; the first is removed first.
    expected_bytes
        Room that the files will need, roughly.

    last
        The file that moves last: where it is, all are.

    Raises
    ------
    InputError
        If the folder cannot be made, or another process is writing to it.
    RunError
        If the disk has no room, at the start or later.
    """
    existed = output_dir.exists()
    staging = output_dir / f"{STAGING}{os.getpid()}"
    try:
        output_dir.mkdir(parents=True, exist_ok=True)
        _remove_leftovers(output_dir)
        check()
        staging.mkdir()
    except OSError as error:
        raise InputError(output_dir, f"the output directory cannot be written ({error.strerror})") from None
    try:
        _check_room(output_dir, expected_bytes)
        yield staging
        _publish(staging, output_dir, old_files(), last)
    except OSError as error:
        raise RunError(f"{output_dir}: cannot write: {_reason(error)}") from error
    finally:
        shutil.rmtree(staging, ignore_errors=True)
        if not existed and not any(output_dir.iterdir()):
            output_dir.rmdir()


def staged_files(staging: Path) -> list[str]:
    """All files that were written to a folder, relative to it, in order."""
    return sorted(str(path.relative_to(staging)) for path in staging.rglob("*") if path.is_file())


def _remove_leftovers(output_dir: Path) -> None:
    """Remove what processes that were killed have left."""
    for leftover in output_dir.glob(f"{STAGING}*"):
        process = leftover.name.removeprefix(STAGING)
        if process != str(os.getpid()) and process.isdecimal() and is_running(int(process)):
            remedy = f"wait for it, or remove {leftover.name} if that process is another program"
            raise InputError(output_dir, f"process {process} is writing here", remedy)
        shutil.rmtree(leftover)


def _check_room(output_dir: Path, expected_bytes: int) -> None:
    free = shutil.disk_usage(output_dir).free
    if free < expected_bytes:
        needs = f"about {format_bytes(expected_bytes)} are needed, {format_bytes(free)} are free"
        raise RunError(f"{output_dir}: not enough disk space: {needs}")


def _publish(staging: Path, output_dir: Path, old_files: Iterable[str], last: str) -> None:
    names = sorted(staged_files(staging), key=last.__eq__)
    for name in names:
        descriptor = os.open(staging / name, os.O_RDONLY)
        os.fsync(descriptor)
        os.close(descriptor)
    for name in old_files:
        (output_dir / name).unlink(missing_ok=True)
    for name in names:
        (output_dir / name).parent.mkdir(parents=True, exist_ok=True)
        (staging / name).replace(output_dir / name)


def _reason(error: OSError) -> str:
    """Say in a few words what failed; the HDF5 library hides the system's error number in a long text."""
    hidden = re.search(r"errno = (\d+)", str(error))
    number = int(hidden[1]) if hidden else error.errno
    return os.strerror(number) if number else str(error)[:100]
