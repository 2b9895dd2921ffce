"""Pages of the site: links that hold there, their order, and an entry for each option of a command."""

from __future__ import annotations

from pathlib import PurePosixPath

import pytest

import aam
from aam.config.option import fields, flag
from aam.config.registry import COMMANDS
from tools.docsite.api import GROUPS, public_names
from tools.docsite.commands import BASE, command_pages
from tools.docsite.gallery import gallery_page
from tools.docsite.navigation import SECTIONS, front_trees, sections_with
from tools.docsite.sources import place_of, repository_pages, with_links_of_site

GUIDE, TUTORIAL, README = (
    PurePosixPath(name) for name in ("docs/guide.md", "docs/tutorials/mouse-age.md", "README.md")
)


@pytest.mark.parametrize(
    ("page", "link", "moved"),
    [
        (GUIDE, "[a](formats.md#cache)", "[a](formats.md#cache)"),
        (GUIDE, "[a](../SECURITY.md#limits)", "[a](project/security.md#limits)"),
        (GUIDE, "[a](#resuming) [b](https://semver.org/)", "[a](#resuming) [b](https://semver.org/)"),
        (TUTORIAL, "[a](../../README.md)", "[a](../project/readme.md)"),
        (README, "![a `b`](docs/images/report.png)", "![a `b`](../images/report.png)"),
        (README, "[a](CITATION.cff)", "[a](../files/CITATION.cff)"),
        (README, "the [tests](tests) of it", "the tests of it"),
        (README, "```\n[a](CITATION.cff)\n```", "```\n[a](CITATION.cff)\n```"),
        (README, "[a](no-such-file.md)", "[a](no-such-file.md)"),
    ],
)
def test_links_hold_in_the_site(page: PurePosixPath, link: str, moved: str) -> None:
    assert with_links_of_site(page, link) == moved


def test_markdown_that_pages_link_to_is_a_page() -> None:
    pages = repository_pages()
    assert {GUIDE, README, PurePosixPath("SECURITY.md"), PurePosixPath("benchmarks/README.md")} <= pages.keys()
    places = [place_of(path) for path in pages]
    assert len(places) == len(set(places))


def test_sections_name_pages_that_exist() -> None:
    made = {"gallery", "api/index", "reference"}
    known = made | {place_of(path).with_suffix("").as_posix() for path in repository_pages()}
    assert [page for own in SECTIONS.values() for page in own if page not in known] == []


def test_a_page_that_no_section_names_has_a_place() -> None:
    pages = ["index", "guide", "new-topic", "tutorials/new", "tutorials/mouse/README", "commands/train", "reference"]
    found = sections_with(pages)
    assert found["Topics"] == ["new-topic"]
    assert found["Tutorials"] == ["tutorials/new"]
    assert [page for own in found.values() for page in own if page.endswith(("README", "train"))] == []
    assert "/new-topic\n" in front_trees(pages)


@pytest.mark.parametrize("command", COMMANDS)
def test_each_option_of_a_command_has_an_entry(command: str) -> None:
    pages = command_pages()
    page, base = pages[f"commands/{command}"], pages[f"commands/{BASE}"]
    flags = [flag(field.name) for _, field, _ in fields(COMMANDS[command].config)]
    entries = page + base if f"`aam {BASE}`](train.md)" in page else page
    assert [name for name in flags if f"```{{option}} {name}" not in entries] == []
    assert f"commands/{command}.md" in pages["reference"]


def test_public_names_have_a_group() -> None:
    found = public_names()
    assert sorted(name for names in found.values() for name in names) == sorted(set(aam.__all__) - {"__version__"})
    assert [name for names in GROUPS.values() for name in names if name not in aam.__all__] == []


def test_the_gallery_shows_each_picture_once() -> None:
    text = "![A](images/a.png) and ![B](images/report.png)\n\n![B](images/report.png)"
    pages = {GUIDE: f"# Guide\n\n{text}", README: f"# R\n\n{text}", TUTORIAL: "# T\n\n![C](../images/report.png)"}
    shown = gallery_page(pages)
    assert shown.count("images/report.png") == 1
    assert "[![C](images/report.png)](tutorials/mouse-age.md)" in shown
    assert "a.png" not in shown, "no such file"
