"""Windows of neighbouring places in sequences."""

from __future__ import annotations

from dataclasses import dataclass

POSITION = "position"
"""The level of things that are places in sequences."""


@dataclass(frozen=True, kw_only=True)
class Windows:
    """Windows of neighbouring places, from the first base on.

    Attributes
    ----------
    length
        Bases of the longest sequence.
    width
        Bases of a window; the last may be shorter.
    """

    length: int
    width: int

    def __len__(self) -> int:
        return -(-self.length // self.width)

    @property
    def slices(self) -> tuple[slice, ...]:
        """Columns of each."""
        return tuple(slice(start, min(start + self.width, self.length)) for start in range(0, self.length, self.width))

    @property
    def names(self) -> tuple[str, ...]:
        """First and last base, from 1 on; of a single base its place."""
        ends = [(one.start + 1, one.stop) for one in self.slices]
        return tuple(str(first) if first == last else f"{first}-{last}" for first, last in ends)
