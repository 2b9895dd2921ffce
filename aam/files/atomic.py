"""Files that appear whole or not at all.

A file is written beside its final name, brought to the disk, and then renamed: whoever looks finds the old file or
the new one, never a part, whenever the process or the machine stops.
"""

from __future__ import annotations

import errno
import hashlib
import json
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO, Any

from aam.errors import InputError, RunError

BLOCK_BYTES = 1 << 20
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
    temporary = target.with_name(f".{target.name}.tmp-{os.getpid()}")
    try:
        with _open(temporary, mode) as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(target)
        _sync_folder(target.parent)
    except OSError as error:
        # An error that names another file is the caller's own, met while the file was open.
        if error.filename not in (None, str(temporary), str(target.parent)):
            raise
        raise RunError(f"{target}: cannot be written ({error.strerror or error})") from error
    finally:
        # What cannot be removed either (no folder, a disk that is gone) is no news beside the error itself.
        with suppress(OSError):
            temporary.unlink(missing_ok=True)


def check_output(path: Path, overwrite: bool) -> None:
    """Refuse the name of a file to write, before any work is done for it.

    Raises
    ------
    InputError
        If it is a folder, or is there already and may not be replaced.
    """
    if path.is_dir():
        raise InputError(path, "is a folder", "--output names a file")
    if path.exists() and not overwrite:
        raise InputError(path, "exists already", "--overwrite or another --output")


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


def _open(path: Path, mode: str) -> IO[Any]:
    # The name can be guessed: a link that was put there would lead the bytes into another file.
    path.unlink(missing_ok=True)
    mode = mode.replace("w", "x")
    if "b" in mode:
        return path.open(mode)
    return path.open(mode, encoding="utf-8", newline="\n")


def _sync_folder(folder: Path) -> None:
    """Bring a rename to the disk, where the file system can."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    except OSError as error:
        if error.errno not in NO_FOLDER_SYNC:
            raise
    finally:
        os.close(descriptor)
