"""Which Markdown files of the repository are pages of the site, and their text with links that hold there.

A link of the repository leads to a file of the repository. In the site ``docs/`` is the top, and other files have a
place of their own: pages below ``project/`` and ``benchmarks/``, anything else below ``files/``, to download.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from pathlib import Path, PurePosixPath
from typing import NamedTuple

ROOT = Path(__file__).resolve().parents[2]
DOCS = PurePosixPath("docs")
OF_PROJECT = ("README.md", "CHANGELOG.md", "CONTRIBUTING.md", "SECURITY.md", "CODE_OF_CONDUCT.md", "RELEASING.md")
PLACES = {
    "benchmarks/README.md": "benchmarks/index.md",
    "aam/models/shipped/small/README.md": "project/small-encoder.md",
    **{name: f"project/{name.lower()}" for name in OF_PROJECT},
}
"""Pages whose place in the site is not that in the repository (or, of ``docs``, in ``docs``)."""

LINK = re.compile(r"(?P<text>!?\[(?:[^\[\]]|\[[^\]]*\])*\])\((?P<target>[^)\s]+)\)")
FENCE = re.compile(r"^```.*?^```", re.MULTILINE | re.DOTALL)


def place_of(path: PurePosixPath) -> PurePosixPath:
    """Where a file of the repository is in the site."""
    if placed := PLACES.get(path.as_posix()):
        return PurePosixPath(placed)
    if path.is_relative_to(DOCS):
        return path.relative_to(DOCS)
    return path if path.suffix == ".md" else "files" / path


def repository_pages() -> dict[PurePosixPath, str]:
    """Each page by its path in the repository, with its text: ``docs``, and Markdown that these pages link to."""
    first = [*(ROOT / "docs").rglob("*.md"), *(ROOT / name for name in OF_PROJECT)]
    to_read = sorted(PurePosixPath(path.relative_to(ROOT)) for path in first if path.is_file())
    found: dict[PurePosixPath, str] = {}
    while to_read:
        path = to_read.pop(0)
        found[path] = (ROOT / path).read_text(encoding="utf-8")
        linked = [link.path for link in links_of(path, found[path]) if link.path.suffix == ".md"]
        to_read += [target for target in dict.fromkeys(linked) if target not in found and target not in to_read]
    return found


class Link(NamedTuple):
    """A link of a page to a file of the repository, or a picture."""

    words: str
    path: PurePosixPath
    is_picture: bool


def links_of(page: PurePosixPath, text: str) -> Iterator[Link]:
    """Links of a page to files of the repository, outside of its code."""
    for link in LINK.finditer(FENCE.sub("", text)):
        path = _target(page, link["target"])
        if path is not None and (ROOT / path).is_file():
            words = " ".join(link["text"].lstrip("!")[1:-1].split())
            yield Link(words, path, link["text"].startswith("!"))


def with_links_of_site(page: PurePosixPath, text: str) -> str:
    """The text of a page with links that hold in the site; a link to a folder becomes plain text."""
    here = place_of(page).parent

    def moved(link: re.Match[str]) -> str:
        path = _target(page, link["target"])
        if path is None or not (ROOT / path).exists():
            return link[0]
        if (ROOT / path).is_dir():
            return link["text"][1:-1]
        _, sign, anchor = link["target"].partition("#")
        return f"{link['text']}({os.path.relpath(place_of(path), here)}{sign}{anchor})"

    parts, end = [], 0
    for fence in FENCE.finditer(text):
        parts += [LINK.sub(moved, text[end : fence.start()]), fence[0]]
        end = fence.end()
    return "".join([*parts, LINK.sub(moved, text[end:])])


def _target(page: PurePosixPath, target: str) -> PurePosixPath | None:
    """The file that a link names, from the top of the repository; None for an address, or a place on the page."""
    name = target.partition("#")[0]
    if not name or "://" in name or name.startswith("mailto:"):
        return None
    path = PurePosixPath(os.path.normpath(page.parent / name))
    return None if path.parts[0] == ".." else path
