"""How much the readers take from a file of someone else: every limit, in one place.

A small file can ask for more memory or time than there is: a zip file that expands a millionfold, a declared array of
a terabyte, a name of a gigabyte. What no honest file needs is refused before it is read. An honest file that is larger
is let in by the environment variable ``AAM_LIMITS``: ``AAM_LIMITS="tree_tips=30000000 archive_bytes=50000000000"``.
"""

from __future__ import annotations

import dataclasses
import os
from dataclasses import dataclass

from aam.errors import ConfigError

VARIABLE = "AAM_LIMITS"


@dataclass(frozen=True, kw_only=True)
class Limits:
    """The most that is accepted.

    Attributes
    ----------
    archive_members
        Members of a QIIME 2 archive; those of real ones are hundreds, most of them provenance.
    archive_bytes
        Bytes of the one member that is read, or of a file packed with gzip, as it is in memory.
    archive_note_bytes
        Bytes of its notes (``metadata.yaml``, ``checksums.md5``).
    archive_ratio
        Bytes that a member, or what gzip packed, has for each byte that it takes; deflate reaches 1,032.
    archive_small_bytes
        What a member may expand to, whatever the ratio.
    hdf5_ratio
        Bytes that a dataset of an HDF5 file has for each byte that is stored of it.
    hdf5_small_bytes
        What a dataset may expand to, whatever the ratio.
    tree_tips
        Tips of a tree.
    name_characters
        Characters of the name of a tip, a sample or an ASV.
    sequence_bases
        Bases of a sequence; ``--max-bp`` may lower it.
    condition_steps
        Steps of SQLite's machine for the condition of ``--where``; the default is about ten seconds.
    config_bytes
        Bytes of the file of ``--config``.
    model_header_bytes
        Bytes of the header of a model's weights; the library that loads them has the same limit.
    hub_bytes
        Bytes of the weights that `aam pull` takes from a model hub.
    """

    archive_members: int = 100_000
    archive_bytes: int = 20 << 30
    archive_note_bytes: int = 16 << 20
    archive_ratio: int = 1_000
    archive_small_bytes: int = 16 << 20
    hdf5_ratio: int = 2_000
    hdf5_small_bytes: int = 64 << 20
    tree_tips: int = 25_000_000
    name_characters: int = 10_000
    sequence_bases: int = 10_000
    condition_steps: int = 500_000_000
    config_bytes: int = 1 << 20
    model_header_bytes: int = 100 << 20
    hub_bytes: int = 4 << 30


NAMES = tuple(field.name for field in dataclasses.fields(Limits))


def limits() -> Limits:
    """The limits that hold, with those that the environment variable changes.

    Raises
    ------
    ConfigError
        If the variable names no limit, or sets one to anything but a whole number above 0.
    """
    changed: dict[str, int] = {}
    for word in os.environ.get(VARIABLE, "").split():
        name, _, value = word.partition("=")
        if name not in NAMES:
            raise ConfigError(f"{VARIABLE}: unknown limit '{name}'; limits: {', '.join(NAMES)}")
        if not value.isdecimal() or int(value) == 0:
            raise ConfigError(f"{VARIABLE}: {name} must be a whole number above 0, got '{value}'")
        changed[name] = int(value)
    return Limits(**changed)
