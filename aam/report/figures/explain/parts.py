"""What the figures of an explanation have in common: a table of effects by name, and colours of a sign."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import to_rgba

from aam.explanation.effects import Effects
from aam.report.style import FOREST, GUESS, INK, MODEL, is_stacked, shorten_middle

RAISES, LOWERS, UNCLEAR = FOREST, MODEL, GUESS
LONGEST, LONGEST_STACKED = 44, 24
NUMBER_OF_ASVS = re.compile(r" \([\d,]+ ASVs?\)$")
FLOOR = 1e-4
"""Share below which groups look alike on a logarithmic axis: one read in ten thousand."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Series:
    """The effects of one method and one learner on one output, under the title of a panel."""

    title: str
    effects: Effects
    output: int = 0

    @property
    def place_of(self) -> dict[str, int]:
        """Name of a thing -> its place."""
        return {name: place for place, name in enumerate(self.effects.names)}

    def value(self, name: str) -> tuple[float, float, float]:
        """Effect of a thing and the ends of its interval; NaN where this series lacks it."""
        place = self.place_of.get(name)
        if place is None:
            return np.nan, np.nan, np.nan
        found, output = self.effects, self.output
        columns = (found.effect_GO, found.low_GO, found.high_GO)
        value, low, high = (float(column[place, output]) for column in columns)
        return value, low, high


def colour_of(low: float, high: float) -> str:
    """The colour of an effect: neutral where its interval holds 0 or there is none."""
    return RAISES if low > 0 else LOWERS if high < 0 else UNCLEAR


def sign_words(*effects: Effects) -> tuple[str, str]:
    """What the colours of a clear effect say: raises, lowers; of others, what the error or which side of 0 tells."""
    if all(one.is_change for one in effects):
        return "raises", "lowers"
    return (
        ("is worse without", "is better without") if all(one.is_increase for one in effects) else ("above 0", "below 0")
    )


def row_label(label: str, detail: str = "") -> str:
    """A label of a row with what follows it in full; on a narrow screen without the number of ASVs of a clade."""
    room = max(12, (LONGEST_STACKED if is_stacked() else LONGEST) - len(detail))
    name = label if len(label) <= room else NUMBER_OF_ASVS.sub("", label)
    return f"{shorten_middle(name, room)}{detail}"


def name_rows(axes: Axes, labels: Sequence[str], *, named: bool = True) -> None:
    """Rows from above, with labels in the ink of the page."""
    axes.set_yticks(range(len(labels)), list(labels) if named else [""] * len(labels))
    axes.set_ylim(len(labels) - 0.4, -0.6)
    axes.grid(visible=False, axis="y")
    axes.spines.left.set_visible(False)
    axes.tick_params(axis="y", labelcolor=INK)


def by_sign(values: np.ndarray, scale: float) -> np.ndarray:
    """A colour for each value: the stronger, the more opaque, so that 0 shows the page; ``... x 4``."""
    colours = np.empty((*values.shape, 4))
    colours[...] = to_rgba(RAISES)
    colours[values < 0] = to_rgba(LOWERS)
    strength = np.clip(np.abs(np.nan_to_num(values)) / (scale or 1.0), 0, 1)
    colours[..., 3] = strength
    return colours


def logged(shares: np.ndarray) -> np.ndarray:
    """Base-10 logarithm of shares; those below ``FLOOR``, and 0, lie half a unit below it."""
    return np.where(shares < FLOOR, np.log10(FLOOR) - 0.5, np.log10(np.maximum(shares, FLOOR)))


def share_ticks(axes: Axes) -> None:
    """A vertical axis of :func:`logged` shares in percent."""
    axes.set_yticks([np.log10(FLOOR) - 0.5, -4, -3, -2, -1, 0], ["none", "0.01 %", "0.1 %", "1 %", "10 %", "100 %"])
