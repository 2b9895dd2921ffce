from __future__ import annotations

from pathlib import Path

import pytest

from tools.docsite.checks import Site

WHOLE = '<h1 id="top">A</h1><a href="b.html#low">B</a><a href="#top">up</a><a href="https://example.org">E</a>'


def site_of(folder: Path, front: str, other: str = '<p id="low">low</p>', style: str = "") -> Site:
    for name, text in (("index.html", front), ("b.html", other), ("style.css", style)):
        (folder / name).write_text(text)
    return Site(folder)


def test_a_whole_site_has_no_fault(tmp_path: Path) -> None:
    site = site_of(tmp_path, WHOLE, style="@font-face { src: url(font.woff2) }")
    assert site.faults() == []
    assert site.outside_links() == {"https://example.org": ["index.html"]}


@pytest.mark.parametrize(
    ("more", "fault"),
    [
        ('<a href="c.html">C</a>', "index.html: c.html leads to no file"),
        ('<img src="picture%20of.png">', "index.html: picture%20of.png leads to no file"),
        ('<a href="b.html#high">B</a>', "index.html: b.html#high leads to no place"),
        ('<a href="#deep">deep</a>', "index.html: #deep leads to no place"),
        ('<script src="https://cdn.example/a.js"></script>', "index.html: fetches https://cdn.example/a.js"),
        ('<link rel="stylesheet" href="//fonts.example/f.css">', "index.html: fetches //fonts.example/f.css"),
    ],
)
def test_faults_of_a_page_are_found(tmp_path: Path, more: str, fault: str) -> None:
    assert site_of(tmp_path, WHOLE + more).faults() == [fault]


@pytest.mark.parametrize(
    "style", ['@import "https://fonts.example/f.css";', "body { background: url('//a.example/b.png') }"]
)
def test_styles_that_fetch_are_found(tmp_path: Path, style: str) -> None:
    (fault,) = site_of(tmp_path, WHOLE, style=style).faults()
    assert fault.startswith("style.css: fetches ")


def test_a_lonely_page_is_found(tmp_path: Path) -> None:
    assert site_of(tmp_path, "<h1>A</h1>").faults() == ["b.html: no link leads there"]


def test_a_link_out_of_the_site_is_broken(tmp_path: Path) -> None:
    (tmp_path / "site").mkdir()
    (tmp_path / "secret.html").write_text("")
    site = site_of(tmp_path / "site", WHOLE + '<a href="../secret.html">S</a>')
    assert site.faults() == ["index.html: ../secret.html leads to no file"]
