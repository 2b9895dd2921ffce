"""Encoders that lie in the package, and how well they know the sequences of a study."""

from __future__ import annotations

from aam.models.shipped.known import PREFIX_BASES, familiar_reads, known_asvs, prefix_hashes, write_known
from aam.models.shipped.places import KNOWN, NAMES, folder_of

__all__ = [
    "KNOWN",
    "NAMES",
    "PREFIX_BASES",
    "familiar_reads",
    "folder_of",
    "known_asvs",
    "prefix_hashes",
    "write_known",
]
