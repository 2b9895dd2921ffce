"""The processes that work on one search, on one machine or several: which are alive, and who may decide.

A process has a file in the folder of the search, which it touches again and again. Ages are differences of times of
that disk alone, so that no clocks are compared.
"""

from __future__ import annotations

import fcntl
import os
import platform
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from types import TracebackType
from typing import Self

from aam.errors import InputError
from aam.files.atomic import is_running, read_json, write_json

FOLDER, DECIDING = "processes", ".deciding"
BEAT_SECONDS, DEAD_SECONDS = 20.0, 180.0
"""How often a process shows that it is alive, and after how long without it counts as dead on another machine."""
STARTED = 19
"""Place of the time of the start in the fields of ``/proc/PID/stat`` that follow the name."""
GONE = ("Z", "X")
"""States of a process that has ended and whose parent has not yet taken note of it."""


class Process:
    """One of the processes that work on a search: this one.

    Parameters
    ----------
    folder
        The folder of the search.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder / FOLDER
        self.name = f"{platform.node()}-{os.getpid()}-{_started(os.getpid()) or 0}"
        self._is_over = threading.Event()
        self._beats = threading.Thread(target=self._beat, daemon=True, name="alive")

    def __enter__(self) -> Self:
        try:
            self.folder.mkdir(exist_ok=True)
            write_json(self.path, {"process": os.getpid(), "started": _started(os.getpid()), "machine": _machine()})
        except OSError as error:
            raise InputError(self.folder, f"cannot be written ({error.strerror})") from None
        self._beats.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._is_over.set()
        self.path.unlink(missing_ok=True)

    @property
    def path(self) -> Path:
        """Its file."""
        return self.folder / f"{self.name}.json"

    @contextmanager
    def deciding(self) -> Iterator[None]:
        """Alone among all processes of the search."""
        with (self.folder / DECIDING).open("a") as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            yield

    def is_alive(self, name: str) -> bool:
        """Whether another process, or this one, still works."""
        path = self.folder / f"{Path(name).name}.json"
        if name == self.name:
            return True
        try:
            found = read_json(path)
            age = self._touched().st_mtime - path.stat().st_mtime
        except (InputError, OSError):
            return False
        if isinstance(found, dict) and found.get("machine") == _machine():
            number = found.get("process")
            return isinstance(number, int) and is_running(number) and _started(number) == found.get("started")
        return age < DEAD_SECONDS

    def _touched(self) -> os.stat_result:
        self.path.touch()
        return self.path.stat()

    def _beat(self) -> None:
        while not self._is_over.wait(BEAT_SECONDS):
            with suppress(OSError):
                if self.path.exists():
                    self.path.touch()


def _machine() -> str:
    """What this machine is called since its last start, and the space that its process numbers are of."""
    try:
        boot = Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip()
        return f"{platform.node()} {boot} {Path('/proc/self/ns/pid').readlink()}"
    except OSError:
        return platform.node()


def _started(process: int) -> str | None:
    """When a process of this machine began, so that a number that is used again is not taken for it; None if ended."""
    try:
        content = Path(f"/proc/{process}/stat").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return None
    fields = content.rpartition(")")[2].split()
    return None if fields[0] in GONE else fields[STARTED]
