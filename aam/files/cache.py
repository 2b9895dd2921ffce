"""The cache: what was read from a file or computed once is mapped into memory at the next start.

An entry is found by the SHA-256 of all that it was made from, so that a file that changed under the same name is read
anew whatever its date. What cannot be kept, or is damaged, costs time and nothing else.
"""

from __future__ import annotations

import errno
import functools
import hashlib
import json
import os
import re
import shutil
import stat
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Generic, NamedTuple, TypeVar

from aam.files.array_folder import CONTENTS, DAMAGE, Parsed, read_folder, write_folder
from aam.files.atomic import sha256_file
from aam.log import warn
from aam.version import __version__

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


def is_unchanged(path: Path, before: FileState | None) -> bool:
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


LAYOUT = 1
FEWEST_BYTES = 1 << 20
"""Files that have fewer together are read about as fast anew."""
MOST_BYTES = 20 << 30
"""What the folder may hold; the entries that were not used for the longest time go first."""
MAPPED_BYTES = 64 << 20
"""Results that take as much are mapped from their entry once it is there, so that they are on the disk once."""
KEY_LETTERS = 40
ENTRY = re.compile(rf"[a-z]+-[0-9a-f]{{{KEY_LETTERS}}}")
UNFINISHED, REMOVED = ".aam-new-", ".aam-old-"
ABANDONED_SECONDS = 24 * 3600
PACKAGE = Path(__file__).parents[1]
READING_CODE = ("alphabet.py", "data", "files", "phylogeny", "text.py")

T = TypeVar("T")


@dataclass(frozen=True)
class CacheCodec(Generic[T]):
    """How one kind of input is kept.

    Attributes
    ----------
    kind
        Its name: the first part of the names of its entries.
    pack, unpack
        From what was read to plain arrays and facts, and back.
    code
        Files and folders of the package whose code, at any depth, decides on the result.
    writable
        Whether arrays are mapped so that they may be changed in memory, which never reaches the file: torch takes no
        others.
    """

    kind: str
    pack: Callable[[T], Parsed]
    unpack: Callable[[Parsed], T]
    code: tuple[str, ...] = READING_CODE
    writable: bool = False


def read_through_cache(
    form: CacheCodec[T], sources: Sequence[Path], options: Mapping[str, Any], read: Callable[[], T]
) -> T:
    """What ``read`` gives, from the cache where these files were read before with these options.

    Parameters
    ----------
    form
        How the result is kept.
    sources
        All files that ``read`` looks at.
    options
        Everything else that its result depends on, as JSON has it; names of files, if the result holds them.
    read
        Reads the files. Its errors pass through, and nothing is kept of them.
    """
    folder, before = cache_folder(), [file_state(path) for path in sources]
    key = None if folder is None else _key(form.code, sources, options)
    if folder is None or key is None:
        return read()
    entry = folder / f"{form.kind}-{key}"
    found = find_entry(entry, form)
    if found is not None:
        return found
    result = read()
    # What was read is what the name says only if no file changed in the meantime.
    if all(is_unchanged(path, state) for path, state in zip(sources, before, strict=True)):
        kept = keep_entry(entry, form, result)
        if kept >= MAPPED_BYTES:
            # What lies on the disk for this process alone gives way to the entry.
            return find_entry(entry, form) or result
    return result


def entry_of(form: CacheCodec[T], cache_key: Mapping[str, Any]) -> Path | None:
    """Where something computed is kept; None where there is no cache.

    Parameters
    ----------
    form
        How it is kept.
    cache_key
        All that it depends on but the code, as JSON has it: checksums of what is large.
    """
    folder = cache_folder()
    if folder is None:
        return None
    return folder / f"{form.kind}-{_hash([LAYOUT, __version__, _code_sum(form.code), dict(cache_key)])}"


def cache_folder() -> Path | None:
    """The folder of the cache: ``$AAM_CACHE_DIR``, or ``aam`` in the user's folder for such; None if there is none."""
    own, shared = os.environ.get("AAM_CACHE_DIR", ""), os.environ.get("XDG_CACHE_HOME", "")
    if own:
        return Path(own).absolute()
    if Path(shared).is_absolute():
        return Path(shared) / "aam"
    try:
        home = Path.home()
    except RuntimeError:
        return None
    return home / ("Library/Caches" if sys.platform == "darwin" else ".cache") / "aam"


def _key(code: tuple[str, ...], sources: Sequence[Path], options: Mapping[str, Any]) -> str | None:
    """What tells an entry from all others; None where the files are small, or one is for the reader to refuse."""
    try:
        if not all(path.is_file() for path in sources) or sum(p.stat().st_size for p in sources) < FEWEST_BYTES:
            return None
        sums = [sha256_file(path) for path in sources]
    except OSError:
        return None
    return _hash([LAYOUT, __version__, _code_sum(code), sums, dict(options)])


def _hash(parts: list[Any]) -> str:
    return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()[:KEY_LETTERS]


@functools.cache
def _code_sum(names: tuple[str, ...]) -> str:
    """A checksum of the code that makes an entry, sub-folders included, so that no other code's entry is used."""
    digest = hashlib.sha256()
    for path in sorted(path for name in names for path in [PACKAGE / name, *(PACKAGE / name).rglob("*.py")]):
        if path.is_dir():
            continue
        digest.update(f"{path.relative_to(PACKAGE).as_posix()}\n{sha256_file(path)}\n".encode())
    return digest.hexdigest()


def find_entry(entry: Path, form: CacheCodec[T]) -> T | None:
    """What an entry holds. One of another user, who alone can answer for it, is none to us."""
    try:
        if not entry.is_dir() or entry.stat().st_uid != os.geteuid():
            return None
        found = form.unpack(read_folder(entry, form.writable))
    except DAMAGE as error:
        warn(f"the cache entry {entry} cannot be used ({error}): it is rebuilt")
        with suppress(OSError):
            _remove(entry)
        return None
    with suppress(OSError):  # a cache that is read-only is of use too
        os.utime(entry / CONTENTS)
    return found


def keep_entry(entry: Path, form: CacheCodec[T], value: T) -> int:
    """Store an entry, and tell its bytes; what another process stored under its name in the meantime is as good."""
    parsed = form.pack(value)
    size = sum(values.nbytes for values in parsed.arrays.values())
    if size > MOST_BYTES:
        return 0
    try:
        entry.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        with _unfinished(entry.parent) as folder:
            write_folder(folder, parsed)
            if not entry.exists():
                folder.rename(entry)
        _make_room(entry)
        return size
    except OSError as error:
        # A folder that has the name by now, or one that is gone, is the work of another process.
        if error.errno not in (errno.ENOTEMPTY, errno.EEXIST, errno.ENOENT):
            _warn_once(f"parsed files and vectors could not be cached: {entry.parent}: {error.strerror or error}")
        return 0


@functools.cache
def _warn_once(line: str) -> None:
    warn(line)


@contextmanager
def _unfinished(parent: Path) -> Iterator[Path]:
    """A folder to fill and then rename; removed if that does not happen."""
    folder = Path(tempfile.mkdtemp(prefix=UNFINISHED, dir=parent))
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _remove(entry: Path) -> None:
    """Remove an entry in one step for whoever looks, if it is there."""
    grave = entry.with_name(f"{REMOVED}{os.getpid()}-{entry.name}")
    with suppress(FileNotFoundError):
        entry.rename(grave)
        shutil.rmtree(grave, ignore_errors=True)


def _make_room(newest: Path) -> None:
    """Remove the entries that were not used for the longest time while there are too many, and what was left behind."""
    found = []
    for folder in newest.parent.iterdir():
        if ENTRY.fullmatch(folder.name) and folder.is_dir():
            size = sum(path.stat().st_size for path in folder.iterdir())
            found.append((_last_use(folder), size, folder))
        elif folder.name.startswith((UNFINISHED, REMOVED)) and _age(folder) > ABANDONED_SECONDS:
            shutil.rmtree(folder, ignore_errors=True)
    total = sum(size for _, size, _ in found)
    for _, size, folder in sorted(found):
        if total > MOST_BYTES and folder != newest:
            _remove(folder)
            total -= size


def _last_use(entry: Path) -> float:
    contents = entry / CONTENTS
    return contents.stat().st_mtime if contents.exists() else 0.0


def _age(path: Path) -> float:
    return time.time() - path.stat().st_mtime
