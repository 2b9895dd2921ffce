"""Runs below a folder, the state of each, and what it takes in time and space."""

from __future__ import annotations

import os
import platform
import re
import shlex
from collections.abc import Iterable, Iterator
from datetime import datetime
from pathlib import Path
from typing import NamedTuple

from aam.errors import InputError
from aam.files.atomic import is_running
from aam.runs.directory import ENDED
from aam.runs.layout import CONFIG, DATA, FINISHED, FOLDS, LOCK, LOG, MEMBERS, is_run_directory
from aam.runs.result_folder import RECORDS

FINISHED_RUN, RUNNING, STOPPED, FAILED, UNREADABLE = STATES = ("finished", "running", "stopped", "failed", "unreadable")
OWNER = re.compile(r"pid (\d+) on (\S+) since ")
STAMP = re.compile(r"(\d{4}-\d\d-\d\d \d\d:\d\d:\d\d) ?(.*)")
TIME = "%Y-%m-%d %H:%M:%S"
LONGEST_LINE = 2_000


class Times(NamedTuple):
    """When a run began, how long it was at work in all its starts, and how the last one ended, as its log has it."""

    began: datetime | None
    seconds: float
    ended: str


def find_runs(folders: Iterable[Path], *, children: bool) -> Iterator[Path]:
    """The runs below some folders, and the folders themselves where they are runs, each once.

    Links are not followed. What lies in a run is a part of it: folds and members are found only if asked.

    Raises
    ------
    InputError
        If a folder is not there.
    """
    seen: set[Path] = set()
    for folder in folders:
        if not folder.is_dir():
            raise InputError(folder, "is a file" if folder.exists() else "no such folder", "give folders with runs")
        for run in _below(folder, children):
            if (place := run.resolve()) not in seen:
                seen.add(place)
                yield run


def _below(folder: Path, children: bool) -> Iterator[Path]:
    for name, inner, files in os.walk(folder):
        inner.sort()
        if not _looks_like_a_run(files):
            continue
        yield Path(name)
        inner[:] = [one for one in inner if children and one in (FOLDS, MEMBERS)]


def _looks_like_a_run(files: list[str]) -> bool:
    return CONFIG in files and any(name in files for name in (DATA, FINISHED, LOG))


def is_search(folder: Path) -> bool:
    """Whether a folder holds the results of `aam tune`, which are not those of a run."""
    return any(command == "aam tune" and (folder / name).is_file() for name, command in RECORDS.items())


def check_run(path: Path) -> None:
    """Refuse a folder that has the files of a run, but whose options name no command.

    Raises
    ------
    InputError
        Saying so.
    """
    if not is_run_directory(path):
        raise InputError(path / CONFIG, "damaged: it names neither train nor pretrain as its command")


def state_of(path: Path, times: Times) -> str:
    """Whether a run is finished, at work, was stopped or failed; one that was killed counts as stopped."""
    if (path / FINISHED).exists():
        return FINISHED_RUN
    if _is_at_work(path / LOCK):
        return RUNNING
    return FAILED if times.ended.startswith(ENDED["failed"]) else STOPPED


def _is_at_work(lock: Path) -> bool:
    """Whether the process that a lock names is running; of another machine that cannot be seen, and is believed."""
    try:
        owner = OWNER.match(lock.read_text(encoding="utf-8", errors="replace"))
    except OSError:
        return False
    return owner is not None and (owner[2] != platform.node() or is_running(int(owner[1])))


def times_of(path: Path) -> Times:
    """The times of a run by its log, which an earlier run in the same folder may have begun.

    Raises
    ------
    InputError
        If the log cannot be read.
    """
    began = first = last = None
    seconds, ended = 0.0, ""
    for when, said in _lines(path / LOG):
        if said.startswith("$ ") and (first is None or not _is_of_a_part(said, path)):
            if first is not None and last is not None:
                seconds += (last - first).total_seconds()
            if "--resume-from" not in said:
                began, seconds = when, 0.0
            first, ended = when, ""
        last = when
        if said.startswith(tuple(ENDED.values())):
            ended = said
    if first is not None and last is not None:
        seconds += (last - first).total_seconds()
    return Times(began or first, seconds, ended)


def _is_of_a_part(said: str, path: Path) -> bool:
    """Whether a command line in the log of a run is that of one of its folds or members, which log there too."""
    try:
        words = shlex.split(said)
    except ValueError:  # the line was cut
        return False
    if words[1:4] != ["aam", "train", "--config"] or words[5:] != ["--output-dir", "RUN"]:
        return False
    part = Path(words[4]).parent
    return part.parent.name in (FOLDS, MEMBERS) and part.name != path.resolve().name


def _lines(log: Path) -> Iterator[tuple[datetime, str]]:
    """Time and text of the lines that have a time."""
    try:
        with log.open(encoding="utf-8", errors="replace") as file:
            yield from filter(None, map(_stamped, iter(lambda: file.readline(LONGEST_LINE), "")))
    except FileNotFoundError:
        return
    except OSError as error:
        raise InputError(log, f"cannot be read ({error.strerror})") from None


def _stamped(line: str) -> tuple[datetime, str] | None:
    found = STAMP.match(line)
    if found is None:
        return None
    try:
        return datetime.strptime(found[1], TIME), found[2].rstrip("\n")
    except ValueError:
        return None


def size_of(path: Path) -> int:
    """Bytes of all files of a run; what goes meanwhile counts nothing."""
    total = 0
    for name, _, files in os.walk(path):
        for file in files:
            try:
                total += Path(name, file).lstat().st_size
            except OSError:
                continue
    return total
