"""How the figures look, and how they get into the page.

A figure is drawn in stand-in colours for what the page's light and dark themes colour differently (ink, grid, ...).
In the page's SVG they become CSS variables, so that one drawing reads well on a screen of either theme and on paper.
"""

from __future__ import annotations

import io
import re
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

import matplotlib as mpl
import numpy as np
from matplotlib.axes import Axes
from matplotlib.backends.backend_svg import FigureCanvasSVG
from matplotlib.colors import to_hex, to_rgb
from matplotlib.figure import Figure
from matplotlib.ticker import LogLocator

from aam.evaluation.catalogue import ELLIPSIS, metric

INK, MUTED, GRID, PAPER = "#1b2733", "#5b6876", "#dfe4e9", "#fefdfc"
MODEL, FOREST, GUESS = "#1f77c9", "#c96a1b", "#8a94a0"
VARIABLES = {
    INK: "--ink",
    MUTED: "--muted",
    GRID: "--grid",
    PAPER: "--card",
    MODEL: "--model",
    FOREST: "--forest",
    GUESS: "--guess",
}
# Okabe and Ito's colours, which colour-blind readers can tell apart, without black and with yellow darkened
CATEGORIES = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#b8a000", "#56b4e9", "#e69f00", "#7a5cc0")
SEQUENTIAL = "viridis"
MOST_VECTOR_POINTS = 600
RASTER_DPI = 180
WIDE, HALF = 9.6, 4.0
SMALL = 8.0
"""Size of the smallest text in points: 9 pixels where a figure of half width fills a screen of 400."""
TONES = (0.0, 0.45, -0.35)
# whether panels stand below each other, for a narrow screen
_STACKED: ContextVar[bool] = ContextVar("stacked", default=False)
RC: dict[Any, Any] = {
    "svg.fonttype": "none",
    "svg.hashsalt": "aam",
    "font.family": "sans-serif",
    "font.size": 8.5,
    "axes.titlesize": 9.5,
    "axes.titleweight": "bold",
    "axes.titlelocation": "left",
    "axes.titlecolor": INK,
    "axes.labelcolor": MUTED,
    "axes.edgecolor": MUTED,
    "axes.linewidth": 0.7,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "axes.axisbelow": True,
    "axes.facecolor": "none",
    "grid.color": GRID,
    "grid.linewidth": 0.6,
    "text.color": INK,
    "xtick.color": MUTED,
    "ytick.color": MUTED,
    "xtick.major.size": 0,
    "ytick.major.size": 0,
    "xtick.minor.size": 0,
    "ytick.minor.size": 0,
    "legend.frameon": False,
    "legend.labelcolor": INK,
    "figure.facecolor": "none",
    "text.parse_math": False,
    "axes.formatter.use_mathtext": False,
    "axes.unicode_minus": True,
    # room for letters that are wider in a browser than here
    "figure.constrained_layout.w_pad": 0.08,
    "figure.constrained_layout.h_pad": 0.06,
}


@contextmanager
def styled() -> Iterator[None]:
    """Draw in the report's style; matplotlib's own settings are as before afterwards."""
    with mpl.rc_context(RC), warnings.catch_warnings():
        # a browser has the letters that matplotlib's own font lacks
        warnings.filterwarnings("ignore", message="Glyph .* missing from font")
        yield


@contextmanager
def stacked() -> Iterator[None]:
    """Draw the panels of a figure below each other, for a narrow screen."""
    token = _STACKED.set(True)
    try:
        yield
    finally:
        _STACKED.reset(token)


def is_stacked() -> bool:
    """Whether panels stand below each other, so that none shares the labels of its neighbour."""
    return _STACKED.get()


def class_colours(classes: Sequence[str]) -> dict[str, str]:
    """The colour of each class, the same in every figure of a page; those beyond 24 share colours."""
    colours = [_toned(colour, tone) for tone in TONES for colour in CATEGORIES]
    return {name: colours[code % len(colours)] for code, name in enumerate(classes)}


def _toned(colour: str, tone: float) -> str:
    """A colour mixed with white (above 0) or black (below)."""
    end = 1.0 if tone > 0 else 0.0
    red, green, blue = ((1 - abs(tone)) * part + abs(tone) * end for part in to_rgb(colour))
    return to_hex((red, green, blue))


def grid_of_axes(
    rows: int, columns: int, height: float, width: float = WIDE, *, share: bool = False
) -> tuple[Figure, list[Axes]]:
    """A figure of ``rows x columns`` panels of a height in inches, and its panels row by row."""
    if is_stacked():
        rows, columns, width = rows * columns, 1, HALF
    figure = Figure(figsize=(width, rows * height), dpi=RASTER_DPI, layout="constrained")
    axes = figure.subplots(rows, columns, squeeze=False, sharex=share, sharey=share)
    return figure, list(np.ravel(axes))


def tidy_log_axis(axes: Axes) -> None:
    """A logarithmic x axis with plain numbers."""
    axes.set_xscale("log")
    axes.xaxis.set_major_locator(LogLocator(subs=(1, 2, 5), numticks=8))
    axes.xaxis.set_major_formatter(lambda value, _: f"{value / 1000:g}k" if value >= 1000 else f"{value:g}")
    axes.xaxis.set_minor_formatter("")


def shorten_middle(text: str, length: int = 22) -> str:
    """A label that fits into a figure."""
    return text if len(text) <= length else f"{text[: length - 9]}{ELLIPSIS}{text[-8:]}"


def is_wide(figure: Figure) -> bool:
    """Whether a figure needs a wide screen."""
    return figure.get_figwidth() > (WIDE + HALF) / 2


def title_of(name: str) -> str:
    """What a panel calls a metric: in few words where panels stand below each other."""
    return metric(name).name if is_stacked() else metric(name).label


def to_svg(figure: Figure, size: str = "") -> str:
    """A figure as SVG that can stand in an HTML page and takes the page's colours and font.

    Parameters
    ----------
    figure
        The figure.
    size
        The class of the drawing in the style sheet; by the figure's width if omitted.
    """
    buffer = io.StringIO()
    size = size or ("wide" if is_wide(figure) else "half")
    # identifiers within the drawings of one page must differ where their contents do
    with styled(), mpl.rc_context({"svg.hashsalt": f"aam {size}"}):
        FigureCanvasSVG(figure).print_svg(buffer, metadata=dict.fromkeys(("Creator", "Date", "Format", "Type")))
    svg = buffer.getvalue()
    svg = svg[svg.index("<svg") :]
    svg = re.sub(r'<svg .*?viewBox="([^"]*)".*?>', rf'<svg class="{size}" viewBox="\1">', svg, count=1, flags=re.DOTALL)
    for clutter in (
        r"<metadata>.*?</metadata>",
        r"<style .*?</style>",
        r' id="[A-Za-z.]+_\d+"',
        r"font-family: [^;\"]*;? ?",
    ):
        svg = re.sub(clutter, "", svg, flags=re.DOTALL)
    for colour, variable in VARIABLES.items():
        svg = svg.replace(f": {colour}", f": var({variable})")
    return svg
