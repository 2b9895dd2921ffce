"""The run directory: one run, owned by one process, with everything that the run was told and found."""

from __future__ import annotations

import fcntl
import json
import os
import shlex
import socket
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from importlib import metadata
from pathlib import Path
from typing import IO, Any

import yaml

from aam.errors import CheckpointError, ConfigError, InputError
from aam.files.atomic import atomic_write, remove_leftovers
from aam.log import warn
from aam.runs.continuing import REPEAT, is_resumable
from aam.runs.layout import BASELINE, CHECKPOINTS, CONFIG, FINISHED, LOCK, LOG, METRICS, MODEL, check_room, clear
from aam.version import __version__

ENDED = {"stopped": "ended: ", "failed": "failed: "}
"""How the log says why a run came to no good end: a signal, or an error."""
REFUSALS = (InputError, ConfigError, CheckpointError)
"""Errors of what a run was told: where it has written nothing yet, it leaves nothing."""


class InUseError(InputError):
    """A run directory that another process works in."""


def resume_command(command: str, path: Path) -> str:
    """The command that resumes a run."""
    return f"aam {command} --resume-from {shlex.quote(str(path))}"


def resume_hint(command: str, path: Path) -> str:
    """The advice after an interrupted run: resume, or start again where nothing was saved."""
    run = RunDirectory(path)
    if run.config.exists() and not run.is_finished:
        return f"resume with: {resume_command(command, path)}" if is_resumable(run.config) else REPEAT
    return "no checkpoint was saved: start it again"


class RunDirectory:
    """Names and writes the files of a run; every file appears whole or not at all.

    Parameters
    ----------
    path
        The folder.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.model = path / MODEL
        self.baseline = path / BASELINE
        self.checkpoints = path / CHECKPOINTS
        self.log = path / LOG
        self.config = path / CONFIG
        self.metrics = path / METRICS

    @property
    def is_finished(self) -> bool:
        """Whether a run came to its end here."""
        return (self.path / FINISHED).exists()

    def write_config(self, command: str, flat: Mapping[str, Any]) -> None:
        """Write the resolved configuration, so that ``aam COMMAND --config`` repeats the run."""
        with atomic_write(self.config) as file:
            yaml.safe_dump({"command": command, **flat}, file, sort_keys=False, allow_unicode=True)

    def write_json(self, name: str, content: Mapping[str, Any]) -> None:
        """Write a JSON file of the run."""
        with atomic_write(self.path / name) as file:
            json.dump(content, file, indent=1)
            file.write("\n")

    def write_lines(self, name: str, lines: Sequence[str]) -> None:
        """Write a text file of the run, one item a line."""
        with atomic_write(self.path / name) as file:
            file.writelines(f"{line}\n" for line in lines)

    def clear(self) -> None:
        """Remove the run that is there, but for its log; :func:`open_run` has looked whether that may be."""
        clear(self.path)

    def finish(self, content: Mapping[str, Any]) -> None:
        """Mark the run as whole."""
        self.write_json(FINISHED, content)


@contextmanager
def open_run(path: Path, *, resume: bool, overwrite: bool, inputs: Iterable[Path] = ()) -> Iterator[RunDirectory]:
    """Take a run directory for this process; another process that tries is refused until it is given back.

    Parameters
    ----------
    path
        The folder; made if it is not there, and removed again if the run is refused before it has written anything.
    resume
        Continue the run that is there.
    overwrite
        The run that is there may be removed. It is left in place: :meth:`RunDirectory.clear` removes it, as soon as
        the new run is known to be one.
    inputs
        Files and folders that a new run reads: none may lie in a run that is to be removed.

    Raises
    ------
    InputError
        If the folder cannot be written, is in use, has no room for a new run (see
        :func:`~aam.runs.layout.check_room`), or (with ``resume``) holds none.
    """
    run = RunDirectory(path)
    if resume and not run.config.exists():
        raise InputError(path, f"there is no run to resume ({CONFIG} is missing)")
    if resume and run.is_finished:
        raise InputError(path, "the run is finished", "nothing is left to resume")
    with _folder_of_run(path) as is_new, _locked(path):
        if not resume:
            check_room(path, overwrite=overwrite, inputs=inputs)
        _remove_leftovers(run)
        try:
            yield run
        except REFUSALS:
            if is_new and {item.name for item in path.iterdir()} <= {LOG, LOCK}:
                run.log.unlink(missing_ok=True)
            raise


@contextmanager
def _folder_of_run(path: Path) -> Iterator[bool]:
    """Make the folder; it goes again where the run is refused and it is empty. Gives whether it was made."""
    made = [folder for folder in (path, *path.parents) if not os.path.lexists(folder)]
    _make_writable(path)
    try:
        yield bool(made)
    except REFUSALS:
        with suppress(OSError):
            for folder in made:
                folder.rmdir()
        raise


def _make_writable(path: Path) -> None:
    try:
        path.mkdir(parents=True, exist_ok=True)
        probe = path / f".writable-{os.getpid()}"
        probe.touch()
        probe.unlink()
    except OSError as error:
        raise InputError(path, f"the output directory cannot be written ({error.strerror})") from None


def _remove_leftovers(run: RunDirectory) -> None:
    """Remove what killed processes have left; `aam predict` may be writing its output into the run's own folder."""
    remove_leftovers(run.path)
    for folder in (run.model, run.checkpoints):
        remove_leftovers(folder, owned=True)


@contextmanager
def _locked(path: Path) -> Iterator[None]:
    lock_path = path / LOCK
    if lock_path.is_symlink():
        raise InputError(path, f"{LOCK} in it is a link, not the lock of a run", "choose another --output-dir")
    try:
        opened = lock_path.open("a+")
    except FileNotFoundError:
        raise InUseError(path, "is being removed by another process", "try again") from None
    with opened as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise InUseError(path, f"is in use by {_owner(file)}", "choose another --output-dir") from None
        except OSError as error:
            problem = f"cannot be locked ({error.strerror})"
            raise InputError(path, problem, "choose an --output-dir on another disk") from None
        if not _is_same(file, lock_path):
            raise InUseError(path, "is being released by another process", "try again")
        if before := _content(file):
            warn(f"{path} was locked by {before}, which is no longer running; taking over the lock")
        try:
            file.truncate(0)
            now = datetime.now(UTC).strftime("%Y-%m-%d %H:%M UTC")
            file.write(f"pid {os.getpid()} on {socket.gethostname()} since {now}")
            file.flush()
            yield
        finally:
            lock_path.unlink(missing_ok=True)


def _is_same(file: IO[str], path: Path) -> bool:
    """Whether an open file still has its name: its last owner may have removed it since it was opened."""
    try:
        return os.path.samestat(os.fstat(file.fileno()), path.stat())
    except FileNotFoundError:
        return False


def _owner(file: IO[str]) -> str:
    return _content(file) or "another process"


def _content(file: IO[str]) -> str:
    file.seek(0)
    return file.read().strip()


def environment() -> dict[str, str]:
    """Versions that a result depends on, for the record."""
    names = ("torch", "lightning", "numpy", "scipy", "h5py")
    versions = {name: metadata.version(name) for name in names}
    return {"aam": __version__, "python": sys.version.split()[0], **versions}
