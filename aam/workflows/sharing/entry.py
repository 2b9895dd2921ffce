"""What the index keeps of a model beside it: where it is from, and the checksums of its files."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path

from aam.config.json_dataclass import need, read_plain
from aam.errors import InputError
from aam.files.atomic import read_json, sha256_file, write_json
from aam.files.model_index import ENTRY
from aam.models.folder.paths import CARD, CONFIG, WEIGHTS

FILES = (WEIGHTS, CONFIG, CARD)
"""All that a model consists of, and all that ever travels."""


@dataclass(frozen=True, kw_only=True)
class Entry:
    """A line of the index.

    Attributes
    ----------
    source
        The folder, or ``OWNER/NAME`` on a hub.
    endpoint, revision
        Address of the hub and commit; empty for a folder.
    added
        The day (``YYYY-MM-DD``).
    files, sha256
        Names of its files and their checksums.
    """

    source: str
    endpoint: str = ""
    revision: str = ""
    added: str
    files: tuple[str, ...]
    sha256: tuple[str, ...]

    @property
    def origin(self) -> str:
        """Where it is from, in words."""
        return f"{self.endpoint}/{self.source} at {self.revision[:12]}" if self.endpoint else self.source

    def changed(self, model: Path) -> list[str]:
        """The files that are not what they were when the model was added."""
        return [name for name, sum in zip(self.files, self.sha256, strict=True) if not _has_sum(model / name, sum)]


def _has_sum(path: Path, sum: str) -> bool:
    return path.is_file() and sha256_file(path) == sum


def write_entry(folder: Path, model: Path, *, source: str, endpoint: str = "", revision: str = "") -> None:
    """Note where the model of a folder is from."""
    names = [name for name in FILES if (model / name).is_file()]
    entry = Entry(
        source=source,
        endpoint=endpoint,
        revision=revision,
        added=f"{datetime.now(UTC):%Y-%m-%d}",
        files=tuple(names),
        sha256=tuple(sha256_file(model / name) for name in names),
    )
    write_json(folder / ENTRY, asdict(entry))


def read_entry(folder: Path) -> Entry:
    """The inverse of :func:`write_entry`.

    Raises
    ------
    InputError
        If it cannot be read.
    """
    path = folder / ENTRY
    try:
        entry = read_plain(Entry, read_json(path))
        need(len(entry.files) == len(entry.sha256), "a checksum is lacking")
        need(set(entry.files) <= set(FILES), "it names other files than a model's")
    except (ValueError, OSError) as error:
        raise InputError(path, f"damaged ({error})", f"remove {folder.name} from the index and add it again") from None
    return entry


def total_bytes(model: Path, names: Sequence[str] = FILES) -> int:
    """Bytes of a model's files."""
    return sum((model / name).stat().st_size for name in names if (model / name).is_file())
