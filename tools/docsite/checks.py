"""What is wrong with a site that was built: links that lead nowhere, what is fetched from elsewhere, lonely pages."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from html.parser import HTMLParser
from os.path import normpath
from pathlib import Path
from urllib.parse import unquote

FRONT = "index.html"
FETCHED = {"script": "src", "img": "src", "iframe": "src", "source": "src", "link": "href", "object": "data"}
OUTSIDE = re.compile(r"^(?:[a-z][a-z0-9+.-]*:)?//", re.IGNORECASE)
STYLE_FETCH = re.compile(r"(?:url\(\s*['\"]?|@import\s+['\"])((?:https?:)?//[^'\")]+)", re.IGNORECASE)
OF_SPHINX = ("genindex.html", "py-modindex.html", "search.html")
"""Pages that need no link from another one: browsers, and the box for searching, know them."""


@dataclass
class Page(HTMLParser):
    """What one page links to and fetches, and the places that links may name."""

    links: list[str] = field(default_factory=list)
    fetched: list[str] = field(default_factory=list)
    places: set[str] = field(default_factory=set)

    def __post_init__(self) -> None:
        super().__init__()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Called for each element."""
        values = {name: value or "" for name, value in attrs}
        self.places |= {values[name] for name in ("id", "name") if name in values}
        if tag == "a" and "href" in values:
            self.links.append(values["href"])
        elif tag in FETCHED and (source := values.get(FETCHED[tag])):
            self.fetched.append(source)


@dataclass(frozen=True)
class Site:
    """A site that was built."""

    folder: Path

    @cached_property
    def pages(self) -> Mapping[str, Page]:
        """Each page by its path."""
        found = {}
        for path in sorted(self.folder.rglob("*.html")):
            name = path.relative_to(self.folder).as_posix()
            if not name.startswith(("_static/", "_downloads/")):
                found[name] = Page()
                found[name].feed(path.read_text(encoding="utf-8"))
        return found

    def faults(self) -> list[str]:
        """Everything that is wrong, a line each."""
        return [*self.broken_links(), *self.fetched_from_elsewhere(), *self.lonely_pages()]

    def broken_links(self) -> Iterator[str]:
        """Links and pictures that lead to no file, or to no place of a page."""
        for name, page in self.pages.items():
            for link in dict.fromkeys([*page.links, *page.fetched]):
                path, place = self._target(name, link)
                if path is None:
                    continue
                if path.startswith("..") or not (self.folder / path).is_file():
                    yield f"{name}: {link} leads to no file"
                elif place and path in self.pages and place not in self.pages[path].places:
                    yield f"{name}: {link} leads to no place"

    def fetched_from_elsewhere(self) -> Iterator[str]:
        """Scripts, styles, fonts and pictures that a browser would fetch from a network."""
        for name, page in self.pages.items():
            yield from (f"{name}: fetches {source}" for source in page.fetched if OUTSIDE.match(source))
        for path in sorted(self.folder.rglob("*.css")):
            found = STYLE_FETCH.findall(path.read_text(encoding="utf-8"))
            yield from (f"{path.relative_to(self.folder)}: fetches {source}" for source in found)

    def lonely_pages(self) -> Iterator[str]:
        """Pages that no way leads to from the front page."""
        reached, to_visit = {FRONT}, [FRONT]
        while to_visit:
            name = to_visit.pop()
            near = {path for path, _ in (self._target(name, link) for link in self.pages[name].links) if path}
            new = (near & self.pages.keys()) - reached
            reached |= new
            to_visit += new
        yield from (f"{name}: no link leads there" for name in self.pages if name not in (*reached, *OF_SPHINX))

    def outside_links(self) -> dict[str, list[str]]:
        """Address -> the pages that link to it. They are listed, not visited."""
        found: dict[str, list[str]] = {}
        for name, page in self.pages.items():
            for link in dict.fromkeys(page.links):
                if OUTSIDE.match(link):
                    found.setdefault(link, []).append(name)
        return dict(sorted(found.items()))

    def _target(self, name: str, link: str) -> tuple[str | None, str]:
        """The file of the site that a link names, and the place in it; None for an address elsewhere."""
        path, _, place = link.partition("#")
        if OUTSIDE.match(link) or link.startswith(("mailto:", "data:")):
            return None, ""
        path = unquote(path.partition("?")[0])
        return (normpath((Path(name).parent / path).as_posix()) if path else name), unquote(place)
