"""The figures of a report as files for a paper: the drawings of the page, with print colours on white."""

from __future__ import annotations

import io
import os
import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import matplotlib as mpl
import numpy as np
from matplotlib.collections import Collection
from matplotlib.colors import to_hex, to_rgb
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch
from matplotlib.text import Text

from aam.errors import InputError
from aam.files.atomic import atomic_write, write_text
from aam.report.html import Page, Picture, render
from aam.report.style import GRID, GUESS, INK, MUTED, PAPER, styled
from aam.runs.layout import REPORT
from aam.text import plural

FIGURES = "figures"
DPI = 300
PRINT = {INK: "#000000", MUTED: "#3d3d3d", GRID: "#dcdcdc", PAPER: "#ffffff", GUESS: "#7f7f7f"}
"""Stand-in colour of the page -> colour on paper; all others stay."""
# letters as TrueType fonts, which programs can edit and journals accept; outlines in SVG, which no program can embed
EMBEDDED: dict[Any, Any] = {"pdf.fonttype": 42, "svg.fonttype": "path"}
NO_DATE: dict[str, dict[str, Any]] = {"pdf": {"CreationDate": None}, "svg": {"Date": None}}


def write_figures(page: Page, folder: Path, formats: Sequence[str], *, overwrite: bool) -> list[Path]:
    """Write every figure of a page.

    Parameters
    ----------
    page
        The report.
    folder
        Where to write; made if it is not there.
    formats
        Of ``pdf``, ``svg``, ``png``; a file each.
    overwrite
        Whether files that are there may be replaced.

    Returns
    -------
    list
        The files, named by what they show.

    Raises
    ------
    InputError
        If the folder cannot be written, or a file is there already.
    """
    named = [(picture, folder / f"{name}.{ending}") for name, picture in _named(page) for ending in formats]
    _check_room(folder, [path for _, path in named], overwrite)
    folder.mkdir(parents=True, exist_ok=True)
    for picture, path in named:
        with atomic_write(path, "wb") as file:
            file.write(figure_bytes(picture.draw(), path.suffix[1:]))
    return [path for _, path in named]


def write_page(page: Page, folder: Path, formats: Sequence[str] = ("pdf",)) -> None:
    """Write a page as ``report.html`` into a new folder, and the figures that it has into ``figures/``."""
    write_text(folder / REPORT, render(page))
    if any(section.pictures for section in page.sections):
        write_figures(page, folder / FIGURES, formats, overwrite=False)


def figures_of(page: Page) -> dict[str, Figure]:
    """Every figure of a page by its name, drawn anew."""
    return {name: picture.draw() for name, picture in _named(page)}


def figures_on_white(page: Page) -> dict[str, Figure]:
    """The same on white, for a notebook."""
    found = figures_of(page)
    for figure in found.values():
        figure.set_facecolor("white")
    return found


def figure_bytes(figure: Figure, ending: str) -> bytes:
    """A figure in print colours on white, in one of the formats."""
    buffer = io.BytesIO()
    with styled(), mpl.rc_context(EMBEDDED):
        figure.draw_without_rendering()
        _recolour(figure)
        figure.savefig(buffer, format=ending, dpi=DPI, facecolor="white", metadata=NO_DATE.get(ending))
    return buffer.getvalue()


def _named(page: Page) -> Iterator[tuple[str, Picture]]:
    """The pictures with names of files of their own."""
    taken: dict[str, int] = {}
    for picture in (picture for section in page.sections for picture in section.pictures):
        name = re.sub(r"[^\w.-]+", "-", picture.name).strip("-.")
        taken[name] = taken.get(name, 0) + 1
        yield (name if taken[name] == 1 else f"{name}-{taken[name]}"), picture


def _check_room(folder: Path, paths: Sequence[Path], overwrite: bool) -> None:
    nearest = next(place for place in (folder, *folder.absolute().parents) if os.path.lexists(place))
    if not nearest.is_dir():
        raise InputError(nearest, "is not a folder", "--figures names a folder")
    if not os.access(nearest, os.W_OK | os.X_OK):
        raise InputError(nearest, "the folder cannot be written", "choose another --figures")
    there = [path for path in paths if os.path.lexists(path)]
    if there and not overwrite:
        raise InputError(
            folder, f"holds {plural(len(there), 'figure')} already (first: {there[0].name})", "--overwrite"
        )


def _recolour(figure: Figure) -> None:
    """Give all that is drawn in a stand-in colour its colour on paper."""
    for artist in figure.findobj(include_self=False):
        if isinstance(artist, Text | Line2D):
            artist.set_color(_on_paper(artist.get_color()))
        if isinstance(artist, Line2D):
            artist.set_markerfacecolor(_on_paper(artist.get_markerfacecolor()))
            artist.set_markeredgecolor(_on_paper(artist.get_markeredgecolor()))
        if isinstance(artist, Patch | Collection):
            _recolour_area(artist, "facecolor")
            _recolour_area(artist, "edgecolor")


def _recolour_area(artist: Patch | Collection, part: str) -> None:
    before = np.atleast_2d(getattr(artist, f"get_{part}")())
    after = [_with_opacity(colour) for colour in before]
    if len(before) and not np.array_equal(before, after):
        getattr(artist, f"set_{part}")(after if isinstance(artist, Collection) else after[0])


def _on_paper(colour: Any) -> Any:
    return colour if isinstance(colour, str) and colour == "none" else PRINT.get(to_hex(colour), colour)


def _with_opacity(colour: np.ndarray) -> tuple[float, ...]:
    """A colour with its opacity on paper."""
    red, green, blue, opacity = map(float, colour)
    found = PRINT.get(to_hex((red, green, blue)))
    return (*(to_rgb(found) if found else (red, green, blue)), opacity)
