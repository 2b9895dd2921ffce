"""Build the site: ``python -m tools.docsite`` (or ``make site``). Pages are laid out in ``build/site-pages``.

Only what has changed is written, so that a second build takes seconds. Notebooks are not run: a tutorial is here as the
Markdown and the pictures that stand in ``docs/tutorials``.
"""

from __future__ import annotations

import argparse
import shutil
import sys
from pathlib import Path, PurePosixPath

from tools.docsite.api import api_pages
from tools.docsite.checks import Site
from tools.docsite.commands import command_pages
from tools.docsite.gallery import gallery_page
from tools.docsite.navigation import FRONT, PARENTS, front_trees, is_beside, tree_below
from tools.docsite.sources import ROOT, links_of, place_of, repository_pages, with_links_of_site

FEW = 4
"""Pages that are named beside an address."""


def site_files() -> dict[str, bytes | Path]:
    """Every file that Sphinx reads: its place -> its content, or the file that it is a copy of."""
    read = repository_pages()
    pages = {place_of(path).with_suffix("").as_posix(): with_links_of_site(path, text) for path, text in read.items()}
    pages |= {**command_pages(), "gallery": gallery_page(read)}
    made = api_pages()
    names = {*pages, *made}
    pages[FRONT] += front_trees(names)
    pages |= {name: f"---\norphan: true\n---\n\n{text}" for name, text in pages.items() if is_beside(name)}
    for parent in set(PARENTS.values()) & pages.keys():
        pages[parent] += tree_below(parent, names)
    copies: dict[str, bytes | Path] = {
        place_of(link.path).as_posix(): ROOT / link.path
        for path, text in read.items()
        for link in links_of(path, text)
        if link.path.suffix != ".md"
    }
    texts: dict[str, bytes | Path] = {f"{name}.md": text.encode() for name, text in pages.items()}
    return copies | texts | {f"{name}.rst": text.encode() for name, text in made.items()}


def lay_out(folder: Path) -> None:
    """Write what has changed, and remove what is no longer there."""
    files = site_files()
    for name, content in files.items():
        path, new = folder / name, content.read_bytes() if isinstance(content, Path) else content
        if not path.is_file() or path.read_bytes() != new:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(new)
    for path in sorted(folder.rglob("*")):
        if path.is_file() and PurePosixPath(path.relative_to(folder)).as_posix() not in files:
            path.unlink()


def build(output: Path, pages: Path, *, quiet: bool = False) -> int:
    """Build the site; a warning is an error. Returns the exit status."""
    from sphinx.cmd.build import main as sphinx_build

    lay_out(pages)
    words = ["-b", "html", "-W", "--keep-going", "-c", str(ROOT / "docs"), "-d", str(_read(pages))]
    status = sphinx_build([*words, *(["-q"] if quiet else []), str(pages), str(output)])
    if status != 0:
        shutil.rmtree(_read(pages), ignore_errors=True)  # Pages that were read once are not warned of again.
    return status


def _read(pages: Path) -> Path:
    """Where Sphinx keeps what it has read, for the next build."""
    return pages.with_name(f"{pages.name}-read")


def _where(pages: list[str]) -> str:
    return ", ".join(pages) if len(pages) <= FEW else f"{len(pages)} pages"


def main() -> int:
    """Build, and say where the front page is."""
    parser = argparse.ArgumentParser(prog="python -m tools.docsite", description="Build the documentation site.")
    parser.add_argument("--output", type=Path, default=ROOT / "build" / "site", help="folder of the site")
    parser.add_argument("--anew", action="store_true", help="read every page anew, as after a change of docs/conf.py")
    parser.add_argument("--links", action="store_true", help="list the addresses elsewhere that pages link to")
    given = parser.parse_args()
    pages = given.output.with_name(f"{given.output.name}-pages")
    if given.anew:
        for folder in (given.output, pages, _read(pages)):
            shutil.rmtree(folder, ignore_errors=True)
    status = build(given.output, pages, quiet=True)
    site = Site(given.output)
    faults = site.faults() if status == 0 else ["see above"]
    if given.links:
        print(*(f"{address}  ({_where(where)})" for address, where in site.outside_links().items()), sep="\n")
    if faults:
        print("the site has faults:", *faults, sep="\n", file=sys.stderr)
        return 1
    print(f"the site: {given.output / 'index.html'}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
