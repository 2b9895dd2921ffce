"""Files that appear whole or not at all.

A file is written beside its final name, brought to the disk, and then renamed: whoever looks finds the old file or
the new one, never a part, whenever the process or the machine stops.

Everything goes through five functions, :func:`open_file`, :func:`write`, :func:`fsync`, :func:`replace` and
:func:`fsync_folder`, in which the tests let the disk fail.
"""

from __future__ import annotations

import errno
import hashlib
import io
import json
import os
import re
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO, Any

from aam.errors import InputError, RunError

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


BLOCK_BYTES = 1 << 20
WRITTEN_AT_ONCE = 1 << 16
NO_FOLDER_SYNC = {errno.EINVAL, errno.ENOTSUP}


@contextmanager
def atomic_write(path: str | os.PathLike[str], mode: str = "w") -> Iterator[IO[Any]]:
    """Give a file to write that takes its final name at the end of the ``with`` block, if nothing was raised.

    Parameters
    ----------
    path
        The final name. The folder must exist, and needs room for the old file and the new one.
    mode
        ``"w"`` for text in UTF-8 with line feeds at the ends of lines, ``"wb"`` or ``"w+b"`` for bytes.

    Raises
    ------
    InputError
        If something is there that is not a file (a folder or a device).
    RunError
        If the disk does not take the file: it is full, read-only, gone.
    """
    target = Path(path)
    if target.exists() and not target.is_file():
        raise InputError(target, "is not a file that could be replaced", "choose another name")
    temporary = unfinished(target)
    try:
        with open_file(temporary, mode) as file:
            yield file
            file.flush()
            fsync(file.fileno())
        replace(temporary, target)
        fsync_folder(target.parent)
    except OSError as error:
        # An error that names another file is the caller's own, met while the file was open.
        if error.filename not in (None, str(temporary), str(target.parent)):
            raise
        raise RunError(f"{target}: cannot be written ({error.strerror or error})") from error
    finally:
        # What cannot be removed either (no folder, a disk that is gone) is no news beside the error itself.
        with suppress(OSError):
            temporary.unlink(missing_ok=True)


def open_file(path: Path, mode: str) -> IO[Any]:
    """Open a new file, all of whose bytes go through :func:`write`; ``mode`` as in :func:`atomic_write`."""
    # The name can be guessed: a link that was put there would lead the bytes into another file.
    path.unlink(missing_ok=True)
    raw = _File(os.fspath(path), mode.replace("b", "").replace("w", "x"))
    if "+" in mode:
        return io.BufferedRandom(raw, WRITTEN_AT_ONCE)
    buffered = io.BufferedWriter(raw, WRITTEN_AT_ONCE)
    return buffered if "b" in mode else io.TextIOWrapper(buffered, encoding="utf-8", newline="\n")


def write(descriptor: int, content: Any) -> int:
    """Hand bytes to the system; returns how many it took, and the file's buffer hands over the rest."""
    return os.write(descriptor, content)


def fsync(descriptor: int) -> None:
    """Bring a file's bytes to the disk."""
    os.fsync(descriptor)


def replace(source: Path, target: Path) -> None:
    """Give a file its final name, in place of the file that has it."""
    source.replace(target)


def fsync_folder(folder: Path) -> None:
    """Bring a rename to the disk, where the file system can."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    except OSError as error:
        if error.errno not in NO_FOLDER_SYNC:
            raise
    finally:
        os.close(descriptor)


class _File(io.FileIO):
    """A file as the system has it, whose bytes go through :func:`write`."""

    def write(self, content: Any) -> int:
        return write(self.fileno(), content)


def check_output(path: Path, overwrite: bool) -> None:
    """Refuse the name of a file to write, before any work is done for it.

    Raises
    ------
    InputError
        If it is a folder or a device, is there already and may not be replaced, or its folder is not there or does not
        take the file.
    """
    if path.is_dir():
        raise InputError(path, "is a folder", "--output names a file")
    if path.exists() and not path.is_file():
        raise InputError(path, "is not a file that could be replaced", "choose another --output")
    if path.exists() and not overwrite:
        raise InputError(path, "exists already", "--overwrite or another --output")
    folder = path.absolute().parent
    if not folder.is_dir():
        raise InputError(path, f"folder {path.parent} does not exist", "create it first")
    try:
        probe = unfinished(path)
        probe.touch()
        probe.unlink()
    except OSError as error:
        problem = f"the folder {folder} cannot be written ({error.strerror})"
        raise InputError(path, problem, "choose another --output") from None


def write_text(path: str | os.PathLike[str], text: str) -> None:
    """Write a text file, whole or not at all."""
    with atomic_write(path) as file:
        file.write(text)


def write_json(path: str | os.PathLike[str], content: Any) -> None:
    """Write plain types as a JSON file, whole or not at all."""
    write_text(path, json.dumps(content, indent=1) + "\n")


def read_json(path: str | os.PathLike[str]) -> Any:
    """Read a JSON file.

    Raises
    ------
    InputError
        If it cannot be read or is not JSON.
    """
    try:
        return json.loads(Path(path).read_text(encoding="utf-8"))
    except OSError as error:
        raise InputError(path, f"cannot be read ({error.strerror})") from None
    except (ValueError, RecursionError) as error:
        raise InputError(path, f"is not JSON ({error})", "the file is damaged: use another copy") from None


def sha256_file(path: str | os.PathLike[str]) -> str:
    """SHA-256 of a file's content in hexadecimal, read in blocks."""
    digest = hashlib.sha256()
    with Path(path).open("rb") as file:
        while block := file.read(BLOCK_BYTES):
            digest.update(block)
    return digest.hexdigest()
