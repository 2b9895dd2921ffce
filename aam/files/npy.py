"""Arrays in NumPy's own format that someone else wrote."""

from __future__ import annotations

import tokenize
import warnings
from pathlib import Path

import numpy as np

from aam.errors import InputError
from aam.text import shorten

# What the library raises for headers that are not as they should be, or that promise more than there is.
DAMAGE = (
    ValueError,
    OSError,
    EOFError,
    SyntaxError,
    TypeError,
    OverflowError,
    MemoryError,
    RecursionError,
    tokenize.TokenError,
)


def map_npy(path: Path) -> np.ndarray:
    """Map a ``.npy`` file into memory; it cannot be written.

    Raises
    ------
    InputError
        If it is damaged, or holds Python objects.
    """
    try:
        # Sizes that overflow are refused, and a header of Python 2 is as good as one of Python 3.
        with warnings.catch_warnings(action="ignore"), np.errstate(all="ignore"):
            values: np.ndarray = np.load(path, mmap_mode="r", allow_pickle=False)
    except DAMAGE as error:
        raise InputError(path, f"not a usable .npy file ({shorten(str(error), 60)})", "save plain numbers") from None
    if not isinstance(values, np.ndarray):  # an archive of arrays under another name
        raise InputError(path, "not an .npy file but an archive of several arrays (.npz)", "save the one array alone")
    return values
