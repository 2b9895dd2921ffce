"""What to say of a name that no column has."""

from __future__ import annotations

import difflib
from collections.abc import Iterable

from aam.text import shorten

MOST_SHOWN = 70


def suggestion(name: str, columns: Iterable[str]) -> str:
    """The column whose name is nearest, if one is near, and the names of the columns."""
    names = list(columns)
    folded = {n.casefold(): n for n in names}
    near = difflib.get_close_matches(name.casefold(), folded, n=1, cutoff=0.6)
    shown = ", ".join(names)
    listing = f"columns: {shown if len(shown) <= MOST_SHOWN else shown[: MOST_SHOWN - 3] + '...'}"
    return f"did you mean '{shorten(folded[near[0]])}'? {listing}" if near else listing
