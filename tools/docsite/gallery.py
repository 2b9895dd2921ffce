"""The gallery: every picture of the documents, with its words and the page that it stands on."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import PurePosixPath

from tools.docsite.navigation import title_of
from tools.docsite.sources import Link, links_of, place_of

INTRODUCTION = """\
# Gallery

Figures that AAM made, those of the tutorials first. A picture leads to the page that says how it was made;
`aam report RUN --figures FOLDER` writes those of your own run.
"""


def gallery_page(pages: Mapping[PurePosixPath, str]) -> str:
    """The text of the gallery, from the pages of the repository; a picture of several pages is there once."""
    parts, shown = [INTRODUCTION], set()
    for page in sorted((page for page in pages if page.name != "README.md"), key=_order):
        found = {link.path: link for link in links_of(page, pages[page]) if link.is_picture and link.path not in shown}
        if found:
            parts.append(f"## {title_of(pages[page])}\n")
            parts += [_picture(link, page) for link in found.values()]
            shown |= found.keys()
    return "\n".join(parts)


def _order(page: PurePosixPath) -> tuple[int, str]:
    return (0 if "tutorials" in page.parts else 1, page.as_posix())


def _picture(link: Link, page: PurePosixPath) -> str:
    return f"[![{link.words}]({place_of(link.path)})]({place_of(page)})\n\n{link.words}\n"
