"""Text from files that others wrote: what it is checked for before it is parsed, and how it is quoted in messages."""

from __future__ import annotations

import csv
import os
import re
from collections import Counter
from collections.abc import Iterable, Sequence
from contextlib import suppress
from itertools import islice
from pathlib import Path

from aam.errors import InputError

SHOWN_BYTES = 12
CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]")
"""Control characters: tabs, line breaks, and what escape sequences of terminals begin with."""
# The last four are the wide forms of the first, which some spreadsheets read as them.
FORMULA_STARTS = ("=", "+", "-", "@", "\uff1d", "\uff0b", "\uff0d", "\uff20")
NUMBER = re.compile(r"[+-]?(?:inf|(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?)")
ONCE = "each may occur only once"
BYTE_ORDER_MARKS = (b"\xff\xfe", b"\xfe\xff")
PACKED = {b"\x1f\x8b": "gzip", b"BZh": "bzip2", b"\xfd7zXZ": "xz", b"\x28\xb5\x2f\xfd": "Zstandard"}


def shorten(text: str, length: int = 24) -> str:
    """A text for a message: on one line, with ``...`` where it is cut."""
    shown = text if text.isprintable() else "".join(c if c.isprintable() else "?" for c in text[: length + 1])
    return shown if len(shown) <= length else shown[: length - 3] + "..."


def printable(text: str) -> str:
    """A text that a terminal can be given: control characters, with which escape sequences begin, become ``?``."""
    return text if text.isprintable() else "".join(c if c.isprintable() or c in "\n\t" else "?" for c in text)


def spreadsheet_safe(cell: str) -> str:
    """A cell that no spreadsheet takes for a formula; numbers stay as they are.

    References
    ----------
    OWASP, CSV injection: https://owasp.org/www-community/attacks/CSV_Injection
    """
    flat = CONTROL.sub(" ", cell)
    return f"'{flat}" if flat.lstrip().startswith(FORMULA_STARTS) and not NUMBER.fullmatch(flat) else flat


def listed(items: Iterable[object], most: int = 3) -> str:
    """The first few items, comma-separated, with ``...`` where there are more."""
    shown = [shorten(str(item)) for item in islice(items, most + 1)]
    return ", ".join(shown[:most]) + (", ..." if len(shown) > most else "")


def plural(number: int, singular: str, ending: str = "s") -> str:
    """A number and what it counts: ``1 sample``, ``1,200 samples``, ``3 studies``."""
    return f"{number:,} {singular if number == 1 else many(singular, ending)}"


def many(singular: str, ending: str = "s") -> str:
    """What is counted, without a number: ``samples``, ``studies``."""
    is_y = ending == "s" and singular[-1:] == "y" and singular[-2:-1].lower() not in tuple("aeiou")
    return f"{singular[:-1]}ies" if is_y and len(singular) > 2 else f"{singular}{ending}"


def read_bytes(path: str | os.PathLike[str], limit: int | None = None) -> bytes:
    """The content of a file, or its first ``limit`` bytes.

    Raises
    ------
    InputError
        If there is no such file, it is a folder, may not be read, is empty, or is packed.
    """
    content = read_stored(path, limit)
    check_not_packed(path, content)
    return content


def read_stored(path: str | os.PathLike[str], limit: int | None = None) -> bytes:
    """The same as they are stored, packed or not."""
    check_is_file(path)
    try:
        with Path(path).open("rb") as file:
            content = file.read() if limit is None else file.read(limit)
    except OSError as error:
        raise InputError(path, f"cannot be read ({error.strerror})") from None
    if not content:
        raise InputError(path, "the file is empty")
    return content


def check_not_packed(path: str | os.PathLike[str], content: bytes) -> None:
    """Refuse content that is packed."""
    for start, name in PACKED.items():
        if content.startswith(start):
            raise InputError(path, f"is packed with {name}", "unpack it first")


def check_is_file(path: str | os.PathLike[str]) -> None:
    """Refuse what is not there, and folders, pipes and devices."""
    if Path(path).is_file():
        return
    if Path(path).exists():
        raise InputError(path, "is a folder or a pipe, not a file", "give the name of a file")
    raise InputError(path, "no such file", "is the path right? Files are read from disk only")


def decode_text(content: bytes, source: str | os.PathLike[str]) -> str:
    """Bytes as text, without a byte-order mark and with line feeds at the ends of lines.

    Raises
    ------
    InputError
        If the bytes are not UTF-8, or have NUL characters.
    """
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        looks = ": looks like UTF-16" if content.startswith(BYTE_ORDER_MARKS) else ""
        problem = f"not UTF-8 (byte 0x{content[error.start]:02x} at {error.start:,}{looks})"
        raise InputError(source, problem, "save it as UTF-8") from None
    text = text.replace("\r\n", "\n").replace("\r", "\n")
    if "\0" in text:
        line = text.count("\n", 0, text.index("\0")) + 1
        raise InputError(source, f"line {line:,} has a NUL character", "the file is damaged or is not text")
    return text


def split_cells(line: str, separator: str) -> list[str]:
    """The cells of a line, without the quotes around them; of other separators than tabs without spaces, too."""
    cells = line.split(separator)
    if '"' in line:
        with suppress(csv.Error):  # of quotes that are part of a text
            cells = next(csv.reader([line], delimiter=separator, strict=True))
    return cells if separator == "\t" else [cell.strip() for cell in cells]


def read_ids(path: str | os.PathLike[str]) -> list[str]:
    """The ids in a text file with one a line; blank lines are skipped.

    Raises
    ------
    InputError
        If the file cannot be read or an id is there twice.
    """
    ids = [line.strip() for line in decode_text(read_bytes(path), path).split("\n") if line.strip()]
    if problem := duplicates("id", ids):
        raise InputError(path, problem, ONCE)
    return ids


def duplicates(what: str, ids: Sequence[str]) -> str:
    """What to say of the first name that occurs more than once; empty where there is none."""
    if len(set(ids)) == len(ids):
        return ""
    repeated = {name: times for name, times in Counter(ids).items() if times > 1}
    name, times = next(iter(repeated.items()))
    others = f"; {len(repeated):,} such {what.split()[-1]}s" if len(repeated) > 1 else ""
    return f"duplicate {what} '{shorten(name)}' ({times:,} times{others})"


def first_bytes(content: bytes) -> str:
    """How a content starts, for a message."""
    return shorten(content[:SHOWN_BYTES].decode("ascii", "replace").replace("\ufffd", "?"), SHOWN_BYTES)


def format_bytes(size: float) -> str:
    """A size in decimal units: two digits where it is below ten of them, and always for GB."""
    if size < 1e3:
        return f"{size:.0f} bytes"
    unit, name = next(pair for pair in ((1e9, "GB"), (1e6, "MB"), (1e3, "kB")) if size >= pair[0])
    return f"{size / unit:.1f} {name}" if unit == 1e9 or size < 10 * unit else f"{size / unit:.0f} {name}"


def format_duration(seconds: float) -> str:
    """A duration in its natural unit."""
    if seconds < 100:
        return plural(round(seconds), "second")
    if seconds < 6000:
        return f"{seconds / 60:.0f} minutes"
    return f"{seconds / 3600:.1f} hours"


def format_pace(seconds: float) -> str:
    """How long one of many takes: with two digits where it is less than ten seconds."""
    return format_duration(seconds) if seconds >= 9.95 else f"{seconds:#.2g} seconds"
