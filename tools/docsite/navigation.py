"""The order of the site: what a reader wants to do, and the pages for it."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping, Sequence

FRONT = "index"
SECTIONS: Mapping[str, Sequence[str]] = {
    "Start": ("project/readme", "tutorials/1-first-model", "faq", "accuracy", "gallery"),
    "Tutorials": (),
    "Guide": ("guide", "learners", "certainty", "evaluate", "explanations", "embed", "compare"),
    "Topics": (
        *("targets", "supervised", "studies", "longitudinal", "tune", "tracking", "benchmark", "memory", "cluster"),
        "augmentation",
    ),
    "Python API": ("python", "api/index"),
    "Reference": ("reference", "formats", "bad-inputs", "faults", "determinism", "project/security"),
    "Development": (
        *("concepts", "project/contributing", "project/changelog", "migrating", "benchmarks/index"),
        "project/small-encoder",
    ),
}
FOLDERS = {"tutorials": "Tutorials", "project": "Development", "": "Topics"}
"""Where a page goes that no section names: by its folder, ``""`` for those of none."""
PARENTS = {"benchmarks/": "benchmarks/index", "commands/": "reference", "api/": "api/index"}
"""Pages below another one, which need no place in a section."""
TITLES = {
    "project/readme": "What AAM is",
    "tutorials/mouse-age": "Five minutes on the command line",
    "benchmark": "Benchmarks on your studies",
    "benchmarks/index": "Measurements",
    "reference": "Commands and options",
    "api/index": "Functions and classes",
}
"""Words of the sidebar where the page's title says too little there."""


def is_beside(page: str) -> bool:
    """Whether a page describes files of a tutorial, which leads to it."""
    return page.startswith("tutorials/") and page.endswith("/README")


def sections_with(pages: Collection[str]) -> dict[str, list[str]]:
    """Each section with those of its pages that exist, and those that no section names."""
    found = {name: [page for page in own if page in pages] for name, own in SECTIONS.items()}
    named = {page for own in found.values() for page in own} | {FRONT}
    for page in sorted(set(pages) - named):
        folder = page.rpartition("/")[0]
        if not is_beside(page) and not any(page.startswith(prefix) for prefix in PARENTS):
            found[FOLDERS.get(folder.partition("/")[0], "Topics")].append(page)
    return found


def front_trees(pages: Collection[str]) -> str:
    """The tables of contents behind the text of the front page; the sidebar is made of them."""
    trees = [_tree(own, name) for name, own in sections_with(pages).items() if own]
    return "\n" + "\n".join(trees)


def tree_below(parent: str, pages: Collection[str]) -> str:
    """The table of contents of a page that has others below it; empty where it has none."""
    prefixes = [prefix for prefix, above in PARENTS.items() if above == parent]
    own = sorted(page for page in pages if page != parent and any(page.startswith(prefix) for prefix in prefixes))
    return "\n" + _tree(own) if own else ""


def _tree(pages: Sequence[str], caption: str = "") -> str:
    options = [":hidden:", ":maxdepth: 1", *([f":caption: {caption}"] if caption else [])]
    lines = [f"{TITLES[page]} </{page}>" if caption and page in TITLES else f"/{page}" for page in pages]
    return "\n".join(["```{toctree}", *options, "", *lines, "```", ""])


def title_of(text: str) -> str:
    """The title of a page of Markdown."""
    found = re.search(r"^# (.+)$", text, re.MULTILINE)
    return found[1] if found else ""
