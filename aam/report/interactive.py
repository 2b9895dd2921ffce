"""The report as one page on which one can point at things: plotly.js inside it once, nothing loaded, no other script.

Figures that have something to point at are drawn by plotly.js from data within the page; all others are the drawings
of the page without scripts.
"""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path
from typing import Any

from aam.errors import ConfigError
from aam.files.atomic import write_text
from aam.report.html import Page, Script, render_with_scripts
from aam.runs.layout import INTERACTIVE_REPORT

DATA = ' type="application/json" id="plots"'
DRAW = """
const css = name => getComputedStyle(document.documentElement).getPropertyValue(name).trim();
const coloured = (key, value) =>
  typeof value === "string" && /^var\\(--[a-z]+\\)$/.test(value) ? css(value.slice(4, -1)) : value;
const plots = JSON.parse(document.getElementById("plots").textContent, coloured);
for (const [place, plot] of Object.entries(plots)) {
  Plotly.newPlot(place, plot.data, plot.layout, {responsive: true, displaylogo: false});
}
"""
"""Draws each figure in its place, in the colours of the page: ``var(--ink)`` stands for one of them."""


def check_interactive() -> None:
    """Find out whether an interactive page can be made.

    Raises
    ------
    ConfigError
        If plotly is not installed.
    """
    _plotly_js()


def render_interactive(page: Page) -> str:
    """The page as HTML with plotly.js.

    Its content security policy lets run what it names by hash, plotly.js and the few lines that call it, and nothing
    else; it lets load nothing. Names from outside are escaped where plotly would take them for markup.

    Raises
    ------
    ConfigError
        If plotly is not installed.

    References
    ----------
    https://www.w3.org/TR/CSP3/
    """
    library = _plotly_js()
    drawn: dict[str, Any] = {}
    names, sections = {}, []
    for section in page.sections:
        pictures = []
        for picture in section.pictures:
            if picture.hover is None:
                pictures.append(picture)
                continue
            place = f"plot-{len(drawn)}"
            drawn[place] = picture.hover()
            names[place] = place
            pictures.append(dataclasses.replace(picture, name=place))
        sections.append(dataclasses.replace(section, pictures=pictures))
    scripts = [Script(within_script(drawn), DATA), Script(library), Script(DRAW)]
    return render_with_scripts(dataclasses.replace(page, sections=sections), scripts, names)


def write_interactive(folder: Path, page: Page) -> Path:
    """Write the page into a folder that is there."""
    path = folder / INTERACTIVE_REPORT
    write_text(path, render_interactive(page))
    return path


def within_script(content: Any) -> str:
    """JSON that no browser takes for the end of its script, or for a comment in it."""
    return json.dumps(content, allow_nan=False).replace("<", "\\u003c").replace(">", "\\u003e")


def _plotly_js() -> str:
    try:
        from plotly.offline import get_plotlyjs
    except ImportError:
        raise ConfigError(
            "--interactive needs plotly, which is not installed: pip install 'aam[interactive]'"
        ) from None
    return str(get_plotlyjs())
