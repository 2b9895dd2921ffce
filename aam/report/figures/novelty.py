"""Figure of how new samples are to a model. Data in, figure out."""

from __future__ import annotations

import numpy as np
from matplotlib.figure import Figure
from matplotlib.ticker import PercentFormatter

from aam.report.style import INK, MODEL, grid_of_axes, styled

BINS = 24
FARTHEST = 3.0
"""Novelty beyond which samples are drawn in the last bar."""


def novelty_chart(novelty_N: np.ndarray, familiar_N: np.ndarray) -> Figure:
    """Histograms of novelty, with a line at its limit of 1, and of the share of familiar reads.

    Parameters
    ----------
    novelty_N, familiar_N
        Of each sample; NaN where unknown.
    """
    with styled():
        figure, (new, known) = grid_of_axes(1, 2, 2.3)
        values = np.minimum(novelty_N[np.isfinite(novelty_N)], FARTHEST)
        top = max(1.2, float(values.max())) if len(values) else 1.2
        new.hist(values, bins=np.linspace(0, top, BINS + 1).tolist(), color=MODEL, alpha=0.75, rwidth=0.92)
        new.axvline(1, color=INK, linewidth=1, linestyle="--")
        new.set(title="Novelty", xlabel="1 is the limit", ylabel="samples")
        shares = familiar_N[np.isfinite(familiar_N)]
        known.hist(shares, bins=np.linspace(0, 1, BINS + 1).tolist(), color=MODEL, alpha=0.75, rwidth=0.92)
        known.xaxis.set_major_formatter(PercentFormatter(1, decimals=0, symbol=" %"))
        known.set(title="Familiar reads", xlabel="share of reads", ylabel="samples")
        for axes in (new, known):
            axes.grid(visible=False, axis="x")
    return figure
