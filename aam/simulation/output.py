"""The folder of a simulated study: its files appear together, whole, or not at all."""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from aam.errors import InputError, RunError
from aam.files.atomic import is_running
from aam.text import format_bytes

TABLE, TREE, METADATA, TRUTH, README = "table.biom", "tree.nwk", "metadata.tsv", "truth.tsv", "README.txt"
FILES = (TREE, METADATA, TRUTH, README, TABLE)
STAGING = ".simulate.tmp-"


@contextmanager
def staged_output(output_dir: Path, *, overwrite: bool, expected_bytes: int) -> Iterator[Path]:
    """Give a folder to write to, whose files move to the output folder at the end if nothing went wrong.

    Files of an earlier study are removed first, all of them, so that a crash never leaves files of two studies.

    Parameters
    ----------
    output_dir
        The folder; made if it is not there.
    overwrite
        Replace the files of an earlier simulation; other files of the folder stay.
    expected_bytes
        Room that the files will need, roughly.

    Raises
    ------
    InputError
        If the folder cannot be made, is not empty (without ``overwrite``), has files of the same names that are not
        a simulation's, or another simulation is writing to it.
    RunError
        If the disk has no room, at the start or later.
    """
    existed = output_dir.exists()
    staging = output_dir / f"{STAGING}{os.getpid()}"
    try:
        output_dir.mkdir(parents=True, exist_ok=True)
        _remove_leftovers(output_dir)
        _check_content(output_dir, overwrite)
        staging.mkdir()
    except OSError as error:
        raise InputError(output_dir, f"the output directory cannot be written ({error.strerror})") from None
    try:
        _check_room(output_dir, expected_bytes)
        yield staging
        _publish(staging, output_dir)
    except OSError as error:
        raise RunError(f"{output_dir}: cannot write: {_reason(error)}") from error
    finally:
        shutil.rmtree(staging, ignore_errors=True)
        if not existed and not any(output_dir.iterdir()):
            output_dir.rmdir()


def _remove_leftovers(output_dir: Path) -> None:
    """Remove what simulations that were killed have left."""
    for leftover in output_dir.glob(f"{STAGING}*"):
        process = leftover.name.removeprefix(STAGING)
        if process != str(os.getpid()) and process.isdecimal() and is_running(int(process)):
            remedy = f"wait for it, or remove {leftover.name} if it is not a simulation"
            raise InputError(output_dir, f"process {process} is writing a simulation here", remedy)
        shutil.rmtree(leftover)


def _check_content(output_dir: Path, overwrite: bool) -> None:
    content = sorted(path.name for path in output_dir.iterdir())
    if content and not overwrite:
        problem = f"the folder is not empty ({len(content)} items, first {content[0]})"
        raise InputError(output_dir, problem, "give --overwrite or another --output-dir")
    if TRUTH not in content and (taken := [name for name in FILES if name in content]):
        problem = f"holds {taken[0]}, which is not from a simulation (there is no {TRUTH})"
        raise InputError(output_dir, problem, "choose another --output-dir")


def _check_room(output_dir: Path, expected_bytes: int) -> None:
    free = shutil.disk_usage(output_dir).free
    if free < expected_bytes:
        needs = f"about {format_bytes(expected_bytes)} are needed, {format_bytes(free)} are free"
        raise RunError(f"{output_dir}: not enough disk space: {needs}")


def _publish(staging: Path, output_dir: Path) -> None:
    for name in FILES:
        descriptor = os.open(staging / name, os.O_RDONLY)
        os.fsync(descriptor)
        os.close(descriptor)
    for name in FILES:
        (output_dir / name).unlink(missing_ok=True)
    for name in FILES:
        (staging / name).replace(output_dir / name)


def _reason(error: OSError) -> str:
    """Say in a few words what failed; the HDF5 library hides the system's error number in a long text."""
    hidden = re.search(r"errno = (\d+)", str(error))
    number = int(hidden[1]) if hidden else error.errno
    return os.strerror(number) if number else str(error)[:100]
