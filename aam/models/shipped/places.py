"""Names of the encoders that lie in the package, and their folders."""

from __future__ import annotations

from pathlib import Path

from aam.errors import CheckpointError
from aam.text import listed

NAMES = ("small",)
"""The encoders that lie in the package."""
KNOWN = "known_sequences.safetensors"
"""File of the sequences that an encoder was trained on, beside its weights."""


def folder_of(name: str) -> Path:
    """The model folder of an encoder that lies in the package.

    Parameters
    ----------
    name
        One of ``NAMES``.

    Raises
    ------
    CheckpointError
        If there is no encoder of this name.
    """
    if name not in NAMES:
        raise CheckpointError(f"{name}: no encoder of this name lies in the package; there is {listed(NAMES)}")
    return Path(__file__).parent / name
