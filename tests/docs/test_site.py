"""The site of the documents is built without a warning, is whole, and needs no network."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

import aam
from aam.config.registry import COMMANDS
from tools.docsite.checks import Site
from tools.docsite.sources import ROOT

for library in ("sphinx", "furo", "myst_parser"):
    pytest.importorskip(library, reason="the extra docs is not installed")

BROWSER = shutil.which("chromium") or shutil.which("google-chrome")


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Site:
    folder = tmp_path_factory.mktemp("docs") / "site"
    words = [sys.executable, "-m", "tools.docsite", "--output", str(folder)]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    run = subprocess.run(words, cwd=ROOT, env=environment, capture_output=True, text=True, check=False, timeout=300)
    assert run.returncode == 0, run.stdout + run.stderr
    return Site(folder)


def check_pages(site: Site) -> None:
    """Every document, command and public name has a page."""
    documents = [path.relative_to(ROOT / "docs").with_suffix(".html") for path in (ROOT / "docs").rglob("*.md")]
    names = [f"api/{name}.html" for name in aam.__all__ if not name.startswith("_")]
    project = [f"project/{name}.html" for name in ("readme", "changelog", "contributing", "security")]
    wanted = [*map(str, documents), *names, *project, *(f"commands/{name}.html" for name in COMMANDS)]
    assert [name for name in wanted if name not in site.pages] == []


def check_signatures(site: Site) -> None:
    """A function of many options has a signature of a line."""
    page = (site.folder / "api" / "train.html").read_text()
    signature = page.partition('<dt class="sig')[2].partition("</dt>")[0]
    assert 100 < len(signature) < 4000
    assert all(name in signature for name in ("table", "output_dir", "options"))
    assert "blend_pull" not in signature
    assert "blend_pull" in page


def check_dashes(site: Site) -> None:
    """No option has one dash of its two."""
    texts = {name: (site.folder / name).read_text() for name in site.pages}
    lost = {name: re.findall(r"(?<![\w\u2013])\u2013[a-z]\w+", text) for name, text in texts.items()}
    assert {name: found for name, found in lost.items() if found} == {}


def check_search(site: Site) -> None:
    """Words and names are found."""
    text = (site.folder / "searchindex.js").read_text().removeprefix("Search.setIndex(").removesuffix(")")
    index = json.loads(text)
    assert len(index["docnames"]) == len(set(index["docnames"])) > 60
    found = [index[kind]["unifrac"] for kind in ("terms", "titleterms")]
    names = {index["docnames"][place] for one in found for place in (one if isinstance(one, list) else [one])}
    assert {"guide", "commands/unifrac"} <= names
    assert "train" in str(index["objects"]["aam"])


def check_addresses(site: Site) -> None:
    """They are listed (``python -m tools.docsite --links``), not visited."""
    addresses = site.outside_links()
    assert "https://semver.org/" in addresses
    assert [address for address in addresses if not address.startswith("https://")] == []


def test_the_site_is_whole(site: Site) -> None:
    """In one test, since each worker of a parallel run would build a site of its own."""
    assert site.faults() == []
    for check in (check_pages, check_signatures, check_dashes, check_search, check_addresses):
        check(site)


@pytest.mark.slow
@pytest.mark.skipif(BROWSER is None, reason="no browser")
def test_a_browser_searches_from_disk(site: Site, tmp_path: Path) -> None:
    assert BROWSER is not None
    address = f"file://{site.folder / 'search.html'}?q=unifrac"
    words = ["--headless", "--no-sandbox", f"--user-data-dir={tmp_path}", "--virtual-time-budget=5000", "--dump-dom"]
    run = subprocess.run([BROWSER, *words, address], capture_output=True, text=True, check=True, timeout=120)
    assert "commands/unifrac.html" in run.stdout
