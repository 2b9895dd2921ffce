"""The codes of the letters of DNA, and those of padding and of masked bases.

NumPy is imported where it is needed: commands that answer at once estimate the sizes of models from these numbers.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np

PAD, A, C, G, T, N, MASK = range(7)
VOCABULARY = 7
NUM_BASES = 4

LETTERS = b"\0ACGTN?"  # MASK has no letter of its own; '?' stands for it where codes are shown
UNKNOWN = 255


@cache
def _codes() -> np.ndarray:
    """Code of each byte."""
    import numpy as np

    codes = np.full(256, UNKNOWN, dtype=np.uint8)
    codes[np.frombuffer(LETTERS[:MASK], dtype=np.uint8)] = np.arange(MASK, dtype=np.uint8)
    return codes


def encode(sequences: Sequence[str]) -> np.ndarray:
    """Codes of sequences over ACGTN.

    Parameters
    ----------
    sequences
        ``A`` sequences, of any lengths.

    Returns
    -------
    numpy.ndarray
        uint8 ``A x L`` with ``L`` the longest length; shorter sequences are padded at the end with PAD.
    """
    import numpy as np

    longest = max(map(len, sequences), default=0)
    if longest == 0:
        return np.zeros((len(sequences), 0), dtype=np.uint8)
    letters = np.array(sequences, dtype=f"S{longest}").view(np.uint8).reshape(len(sequences), longest)
    codes: np.ndarray = _codes()[letters]
    assert codes.max() < MASK, "sequences must be over ACGTN"
    return codes


def encode_names(names: Sequence[str]) -> np.ndarray:
    """The bytes of names (UTF-8, without NUL) in the form of :func:`encode`: uint8, padded at the end with PAD."""
    import numpy as np

    letters = np.array([name.encode() for name in names])
    return letters.view(np.uint8).reshape(len(names), -1)


def decode(codes: np.ndarray) -> str:
    """The sequence of one row of codes, without its padding."""
    import numpy as np

    codes = np.asarray(codes)
    return np.frombuffer(LETTERS, dtype=np.uint8)[codes[codes != PAD]].tobytes().decode("ascii")
