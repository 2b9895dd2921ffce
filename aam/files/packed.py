"""Files that may be packed with gzip, unpacked in memory: sizes are limited (:mod:`aam.files.limits`)."""

from __future__ import annotations

import gzip
import io
import os
import zlib

from aam.errors import InputError
from aam.files.limits import limits
from aam.text import check_not_packed, read_stored

GZIP_START = b"\x1f\x8b"
BLOCK_BYTES = 1 << 20


def is_packed(path: str | os.PathLike[str]) -> bool:
    """Whether a file is packed with gzip."""
    return read_stored(path, len(GZIP_START)) == GZIP_START


def read_unpacked(path: str | os.PathLike[str], limit: int | None = None) -> bytes:
    """The content of a file, or its first ``limit`` bytes; unpacked where it is packed with gzip.

    Raises
    ------
    InputError
        If there is no such file, it cannot be read or is empty; is damaged, packed otherwise, or expands beyond reason.
    """
    if is_packed(path):
        content = _unpack(path, read_stored(path), limit)
        if not content:
            raise InputError(path, "the file is empty", "it is packed, and nothing is in it")
    else:
        content = read_stored(path, limit)
    check_not_packed(path, content)
    return content


def _unpack(path: str | os.PathLike[str], packed: bytes, limit: int | None) -> bytes:
    most = limits()
    largest = min(most.archive_bytes, max(most.archive_small_bytes, most.archive_ratio * len(packed)))
    content, wanted = bytearray(), largest + 1 if limit is None else min(limit, largest + 1)
    try:
        with gzip.GzipFile(fileobj=io.BytesIO(packed)) as file:
            while len(content) < wanted and (block := file.read(BLOCK_BYTES)):
                content += block
    except (OSError, EOFError, zlib.error) as error:
        raise InputError(path, f"damaged gzip file ({error})", "copy it again") from None
    if len(content) > largest:
        raise InputError(path, f"expands to more than {largest:,} bytes from {len(packed):,}", "it is not read")
    return bytes(content if limit is None else content[:limit])
