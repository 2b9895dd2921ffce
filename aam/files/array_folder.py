"""Arrays and plain facts as a folder of ``.npy`` files that can be mapped into memory, with a checksum of each."""

from __future__ import annotations

import json
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

CONTENTS = "contents.json"
BLOCK_BYTES = 1 << 20
SEPARATOR = "\0"
# What reading a folder that is not as it was written can end in.
DAMAGE = (OSError, ValueError, KeyError, TypeError, AttributeError, EOFError, SyntaxError, RecursionError)


@dataclass(frozen=True)
class Parsed:
    """What was read from files, in plain types.

    Attributes
    ----------
    arrays
        Arrays of numbers by name; those that come from a folder are mapped from it, and writing never reaches it.
    facts
        Whatever JSON can hold.
    """

    arrays: Mapping[str, np.ndarray]
    facts: Mapping[str, Any]


def write_folder(folder: Path, parsed: Parsed) -> None:
    """Write everything into an empty folder; :class:`OSError` where the disk does not take it."""
    files = {}
    for name, values in parsed.arrays.items():
        path = folder / f"{name}.npy"
        np.save(path, values, allow_pickle=False)
        files[path.name] = {"bytes": path.stat().st_size, "crc32": _file_sum(path)}
    contents = {"files": files, "facts": dict(parsed.facts)}
    (folder / CONTENTS).write_text(json.dumps({"crc32": _sum_of(contents), **contents}), encoding="utf-8")


def read_folder(folder: Path, writable: bool = False) -> Parsed:
    """Map what :func:`write_folder` wrote.

    Parameters
    ----------
    folder
        Stays as it is, whatever is done to the arrays.
    writable
        Whether the arrays may be changed in memory; else they cannot be written.

    Raises
    ------
    ValueError
        If a byte is not as it was written. Other kinds of damage raise one of :data:`DAMAGE`.
    """
    contents = json.loads((folder / CONTENTS).read_text(encoding="utf-8"))
    if contents.pop("crc32") != _sum_of(contents):
        raise ValueError(f"checksum of {CONTENTS} differs")
    arrays = {}
    for name, expected in contents["files"].items():
        if Path(name).name != name:
            raise ValueError(f"unsafe name {name}")
        path = folder / name
        if path.stat().st_size != expected["bytes"]:
            raise ValueError(f"{name} has {path.stat().st_size:,} of {expected['bytes']:,} bytes")
        if _file_sum(path) != expected["crc32"]:
            raise ValueError(f"checksum of {name} differs")
        arrays[path.stem] = np.load(path, mmap_mode="c" if writable else "r", allow_pickle=False)
    return Parsed(arrays, contents["facts"])


def pack_texts(texts: Sequence[str] | np.ndarray) -> np.ndarray:
    """Texts as one array of bytes; no text may be without characters or have a NUL, which separates them."""
    joined = SEPARATOR.join(texts)
    assert joined.count(SEPARATOR) == max(0, len(texts) - 1), "a text has a NUL character"
    return np.frombuffer(joined.encode(), dtype=np.uint8)


def unpack_texts(packed: np.ndarray) -> list[str]:
    """The texts of :func:`pack_texts`."""
    return packed.tobytes().decode().split(SEPARATOR) if len(packed) else []


def _sum_of(contents: Any) -> int:
    return zlib.crc32(json.dumps(contents, sort_keys=True).encode())


def _file_sum(path: Path) -> int:
    total = 0
    with path.open("rb") as file:
        while block := file.read(BLOCK_BYTES):
            total = zlib.crc32(block, total)
    return total
