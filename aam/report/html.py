"""The report as one page that needs nothing else: no scripts, no network, every word from outside escaped."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup
from matplotlib.figure import Figure

from aam.report.style import is_wide, stacked, to_svg
from aam.version import __version__


@dataclass(frozen=True)
class Picture:
    """A figure with what it shows (for those who cannot see it) and how to read it.

    Attributes
    ----------
    name
        What is in it, as the name of a file.
    draw
        Draws it.
    alt, caption
        What it shows, and how to read it.
    is_large
        It cannot be made narrow: on a narrow screen one moves it within its box.
    hover
        The same as a plotly figure in plain JSON types, for a page on which one can point at things.
    """

    name: str
    draw: Callable[[], Figure]
    alt: str
    caption: str
    is_large: bool = False
    hover: Callable[[], dict[str, Any]] | None = None

    @property
    def svgs(self) -> list[Markup]:
        """The drawing, and one with stacked panels for narrow screens; texts were escaped when they were written."""
        figure = self.draw()
        if self.is_large or not is_wide(figure):
            return [Markup(to_svg(figure, "large" if self.is_large else "half"))]
        with stacked():
            return [Markup(to_svg(figure)), Markup(to_svg(self.draw(), "narrow"))]


@dataclass(frozen=True)
class Cell:
    """A cell of a table: what counts, and small print below it."""

    text: str
    small: str = ""


@dataclass(frozen=True)
class Table:
    """A table; ``numeric`` are the columns to align to the right."""

    header: Sequence[str]
    rows: Sequence[Sequence[Cell]]
    caption: str = ""
    numeric: frozenset[int] = frozenset()


@dataclass(frozen=True)
class Bar:
    """One step of the flow of samples: how many went on, of how many at first, and what became of the others."""

    label: str
    share: float
    kept: str
    dropped: str = ""


@dataclass(frozen=True)
class Share:
    """One part of the samples in the bar of all parts."""

    label: str
    share: float
    part: str


@dataclass(frozen=True)
class Section:
    """A part of the page; what is left empty is not shown."""

    anchor: str
    title: str
    text: Sequence[str] = ()
    bars: Sequence[Bar] = ()
    shares: Sequence[Share] = ()
    pictures: Sequence[Picture] = ()
    tables: Sequence[Table] = ()
    code: str = ""
    options: Sequence[tuple[str, str]] = ()


@dataclass(frozen=True)
class Tile:
    """A number to see at a glance."""

    value: str
    label: str
    small: str = ""


def footer(version: str = __version__) -> str:
    """The last line of a page that is made now, of results of a version."""
    day = datetime.now(UTC)
    return f"AAM {version}, {day.day} {day:%B %Y}. This page is self-contained."


@dataclass(frozen=True)
class Page:
    """All that the page says."""

    kicker: str
    title: str
    headline: str
    verdicts: Sequence[str]
    tiles: Sequence[Tile]
    sections: Sequence[Section]
    footer: str = field(default_factory=footer)


def _unbroken(value: object) -> object:
    """Text whose per cent signs stay with their numbers."""
    return value.replace(" %", "\u00a0%") if type(value) is str else value


def render(page: Page) -> str:
    """The page as HTML.

    Its content security policy lets the page load nothing and run nothing: no script, no style but its own, which is
    named by its hash (the attributes of the drawings need styles, which cannot be named). So whatever got into the
    page, unescaped by some mistake, would stay words.

    References
    ----------
    https://www.w3.org/TR/CSP3/
    """
    return _render(page, POLICY, (), {})


POLICY = "default-src 'none'; {style}; img-src data:; base-uri 'none'; form-action 'none'"
"""Of a page without scripts."""
ONLY_STYLE = "style-src-elem '{digest}'; style-src-attr 'unsafe-inline'; style-src 'unsafe-inline'"


@dataclass(frozen=True)
class Script:
    """A script of an interactive page, or data for one: its content, and attributes of its tag."""

    content: str
    attributes: str = ""


def render_with_scripts(page: Page, scripts: Sequence[Script], plots: Mapping[str, str]) -> str:
    """The page with scripts, which are named by their hashes so that no other runs; nothing is loaded.

    Parameters
    ----------
    page
        The page.
    scripts
        Those with attributes are data and do not run.
    plots
        Name of each picture that a script draws -> the id of its place.
    """
    digests = " ".join(f"'{digest_of(one.content)}'" for one in scripts if not one.attributes)
    policy = f"default-src 'none'; script-src {digests}; style-src 'unsafe-inline'; img-src data: blob:; "
    return _render(page, f"{policy}base-uri 'none'; form-action 'none'", scripts, plots)


def digest_of(content: str) -> str:
    """The hash of a script or style, as a content security policy names it."""
    return f"sha256-{base64.b64encode(hashlib.sha256(content.encode()).digest()).decode()}"


def _render(page: Page, policy: str, scripts: Sequence[Script], plots: Mapping[str, str]) -> str:
    environment = Environment(
        loader=PackageLoader("aam.report"),
        autoescape=True,
        undefined=StrictUndefined,
        finalize=_unbroken,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    style = environment.get_template("report.css").render()
    own_style = ONLY_STYLE.format(digest=digest_of(style))
    template = environment.get_template("report.html.j2")
    return template.render(
        page=page,
        style=Markup(style),
        policy=Markup(policy.format(style=own_style)),
        scripts=[(Markup(one.content), Markup(one.attributes)) for one in scripts],
        plots=plots,
    )
