"""QIIME 2 archives (``.qza``): the one member that is needed.

Nothing is ever extracted under a name, so that names of members cannot lead anywhere: a member is read into memory, or
a large one into a file without a name. Sizes are limited (:mod:`aam.files.limits`).
"""

from __future__ import annotations

import hashlib
import lzma
import mmap
import os
import re
import stat
import struct
import zipfile
import zlib
from collections.abc import Iterator, Sequence
from pathlib import PurePosixPath

from aam.errors import InputError
from aam.files.limits import limits
from aam.files.packed import read_unpacked
from aam.files.scratch import IN_MEMORY_BYTES, new_file
from aam.text import listed, read_stored, shorten

BLOCK_BYTES = 1 << 20

ZIP_STARTS = (b"PK\x03\x04", b"PK\x05\x06")
ENCRYPTED = 0x1
# What the zip library raises for files that are not as they should be.
DAMAGE = (
    zipfile.BadZipFile,
    zlib.error,
    lzma.LZMAError,
    struct.error,
    EOFError,
    OSError,
    NotImplementedError,
    RuntimeError,
    ValueError,
)


def is_archive(path: str | os.PathLike[str]) -> bool:
    """Whether a file is a zip file, as ``.qza`` are.

    Raises
    ------
    InputError
        If the file cannot be read or is empty.
    """
    return read_stored(path, 4).startswith(ZIP_STARTS)


def read_content(path: str | os.PathLike[str], types: Sequence[str], suffixes: Sequence[str]) -> bytes:
    """The bytes of a plain file (which may be gzipped), or of the member of an archive (see :func:`read_member`)."""
    return read_member(path, types, suffixes) if is_archive(path) else read_unpacked(path)


def read_member(path: str | os.PathLike[str], types: Sequence[str], suffixes: Sequence[str]) -> bytes:
    """The data file of a QIIME 2 archive, in memory.

    Parameters
    ----------
    path
        The archive.
    types
        Semantic types that are accepted, such as ``FeatureTable[Frequency]``.
    suffixes
        How the name of the wanted member of the archive's ``data`` folder ends.

    Raises
    ------
    InputError
        If it is not a QIIME 2 archive, of another type, damaged (by its own checksums), has names that lead out of
        it, or expands beyond reason.
    """
    content = _read(path, types, suffixes)
    assert isinstance(content, bytes)
    return content


def read_large_member(path: str | os.PathLike[str], types: Sequence[str], suffixes: Sequence[str]) -> bytes | mmap.mmap:
    """As :func:`read_member`; a large member lies on the disk and is mapped into memory."""
    return _read(path, types, suffixes, on_disk=True)


def _read(
    path: str | os.PathLike[str], types: Sequence[str], suffixes: Sequence[str], *, on_disk: bool = False
) -> bytes | mmap.mmap:
    try:
        with zipfile.ZipFile(path) as archive:
            return _Archive(archive, path).read(types, suffixes, on_disk=on_disk)
    except DAMAGE as error:
        raise InputError(path, f"damaged zip file ({shorten(str(error), 60)})", "copy it again") from None


def archive_type(path: str | os.PathLike[str]) -> str:
    """The semantic type of a QIIME 2 archive, such as ``Phylogeny[Rooted]``; raises as :func:`read_member` does."""
    try:
        with zipfile.ZipFile(path) as archive:
            return _Archive(archive, path).type()
    except DAMAGE as error:
        raise InputError(path, f"damaged zip file ({shorten(str(error), 60)})", "copy it again") from None


class _Archive:
    """An open archive whose members' names have been checked."""

    def __init__(self, archive: zipfile.ZipFile, path: str | os.PathLike[str]) -> None:
        self.archive = archive
        self.path = path
        self.limits = limits()
        self.members = self._checked_members()
        self.root = self._find_root()

    def read(self, types: Sequence[str], suffixes: Sequence[str], *, on_disk: bool) -> bytes | mmap.mmap:
        found = self.type()
        if found not in types:
            needed = f"a {types[0]} is needed" if len(types) == 1 else f"one of {', '.join(types)} is needed"
            raise InputError(self.path, f"holds {shorten(found, 40)}, {needed}")
        folder = f"{self.root}/data/"
        names = [n for n in self.members if n.startswith(folder) and n.endswith(tuple(suffixes))]
        if len(names) != 1:
            problem = f"{len(names)} data files {' or '.join(suffixes)} in it, 1 is needed"
            raise InputError(self.path, problem + (f" ({listed(map(_short, names))})" if names else ""))
        is_large = on_disk and self.members[names[0]].file_size > IN_MEMORY_BYTES
        read = self._mapped if is_large else self._content
        content = read(names[0], self.limits.archive_bytes)
        self._check_sum(names[0], content)
        if not content:
            raise InputError(self.path, f"{_short(names[0])} in it is empty")
        return content

    def _checked_members(self) -> dict[str, zipfile.ZipInfo]:
        entries = self.archive.infolist()
        if len(entries) > (most := self.limits.archive_members):
            raise InputError(self.path, f"has {len(entries):,} members, {most:,} at most are accepted")
        members: dict[str, zipfile.ZipInfo] = {}
        for entry in entries:
            name = entry.orig_filename
            if _is_unsafe(entry):
                raise InputError(
                    self.path, f"unsafe member name '{shorten(name, 60)}'", "this is not a QIIME 2 archive"
                )
            if name in members:
                raise InputError(self.path, f"member '{shorten(name, 60)}' occurs twice", "use another copy")
            members[name] = entry
        return members

    def _find_root(self) -> str:
        roots = sorted({name.split("/")[0] for name in self.members})
        if len(roots) != 1:
            raise InputError(self.path, f"not a QIIME 2 archive ({len(roots)} folders at its top, 1 is needed)")
        for needed in ("VERSION", "metadata.yaml"):
            if f"{roots[0]}/{needed}" not in self.members:
                raise InputError(self.path, f"not a QIIME 2 archive (no {needed} in it)")
        return roots[0]

    def type(self) -> str:
        """The semantic type that the archive says it has."""
        name = f"{self.root}/metadata.yaml"
        content = self._content(name, self.limits.archive_note_bytes)
        self._check_sum(name, content)
        found = re.search(r"^type:[ \t]*(.+?)[ \t]*$", content.decode("utf-8", "replace"), re.MULTILINE)
        if found is None:
            raise InputError(self.path, "not a QIIME 2 archive (metadata.yaml names no type)")
        return found[1].strip("'\"").split(" %")[0]

    def _content(self, name: str, most: int) -> bytes:
        return b"".join(self._blocks(name, most))

    def _mapped(self, name: str, most: int) -> mmap.mmap:
        """A member's bytes in a file without a name."""
        blocks = self._blocks(name, most)
        first = next(blocks)  # what must not be read is refused before any room is taken
        content = new_file(self.members[name].file_size)
        content.write(first)
        for block in blocks:
            content.write(block)
        return content

    def _blocks(self, name: str, most: int) -> Iterator[bytes]:
        """A member's bytes, some at a time; reading stops as soon as there are more than announced or accepted."""
        entry = self.members[name]
        short = _short(name)
        if entry.flag_bits & ENCRYPTED:
            raise InputError(self.path, f"{short} in it is encrypted", "save it without a password")
        if entry.file_size > most:
            raise InputError(self.path, f"{short} in it expands to {entry.file_size:,} bytes ({most:,} at most)")
        ratio = self.limits.archive_ratio
        if entry.file_size > max(self.limits.archive_small_bytes, ratio * entry.compress_size):
            raise InputError(self.path, f"{short} in it expands more than {ratio:,}-fold", "it is not read")
        with self.archive.open(entry) as file:
            left = entry.file_size
            while left >= 0 and (block := file.read(BLOCK_BYTES)):
                left -= len(block)
                if left >= 0:
                    yield block
        if left:
            raise InputError(self.path, f"{short} in it does not have the declared size", "copy it again")

    def _check_sum(self, name: str, content: bytes | mmap.mmap) -> None:
        sums = self._sums()
        inner = name.removeprefix(f"{self.root}/")
        if sums and sums.get(inner) != hashlib.md5(content, usedforsecurity=False).hexdigest():
            raise InputError(self.path, f"checksum of {_short(name)} differs", "copy it again")

    def _sums(self) -> dict[str, str]:
        """MD5 of each member by name, as the archive itself says (since version 5 of the format)."""
        name = f"{self.root}/checksums.md5"
        if name not in self.members:
            return {}
        lines = self._content(name, self.limits.archive_note_bytes).decode("utf-8", "replace").splitlines()
        pairs = (line.split("  ", 1) for line in lines if "  " in line)
        return {inner.strip(): digest.strip() for digest, inner in pairs}


def _short(name: str) -> str:
    return shorten(PurePosixPath(name).name, 40)


def _is_unsafe(entry: zipfile.ZipInfo) -> bool:
    """Whether a member's name leads out of the archive, or it is a link."""
    name = entry.orig_filename
    parts = name.rstrip("/").split("/")
    is_link = stat.S_ISLNK(entry.external_attr >> 16)
    return is_link or "\\" in name or "\0" in name or not name or any(part in ("", ".", "..") for part in parts)
