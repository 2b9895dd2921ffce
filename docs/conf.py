"""How Sphinx makes the site. `make site` lays out the pages (tools/docsite) and calls it."""

from __future__ import annotations

import dataclasses
import inspect
import re
import sys
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from docutils import nodes
from pygments.lexers.shell import BashLexer
from sphinx.domains.python import PyObject

from aam.version import __version__
from tools.docsite.api import RESULTS

project = "AAM"
author = "AAM developers"
copyright = "AAM developers"
release = version = __version__

extensions = ["myst_parser", "sphinx.ext.autodoc", "sphinx.ext.autosummary", "sphinx.ext.napoleon"]
root_doc = "index"
exclude_patterns = ["files"]
nitpicky = True
# Types of other libraries and of the rooms within; those of the public API must be found.
nitpick_ignore_regex = [("py:class", r"(?!aam\.(AAM|Study|errors|files)).*"), ("py:mod", r"aam\..*")]

# Headings have the anchors that code hosts give them.
myst_heading_anchors = 6
highlight_language = "none"
pygments_style, pygments_dark_style = "friendly", "github-dark"
default_role = "literal"
smartquotes = False  # They would make one dash of the two of an option.

autodoc_typehints = "none"
autodoc_member_order = "bysource"
autosummary_generate = False
napoleon_google_docstring = False
napoleon_use_param = False
napoleon_use_rtype = False
napoleon_use_ivar = True

html_theme = "furo"
html_title = f"AAM {release}"
html_static_path = ["_static"]
html_css_files = ["site.css"]
html_copy_source = False
html_show_sourcelink = False
html_show_search_summary = False  # They are fetched, which browsers refuse pages on a disk.
html_theme_options = {"navigation_with_keys": True}

FEW = 6
"""Parameters that a signature shows; one of more shows those that are required, and a word for the others."""

HYPHENS = " -- "
PATHS = {path.rpartition(".")[2]: path for path in (*RESULTS, "aam.Study")}
RESULT = re.compile(rf"\b(?:{'|'.join(PATHS)})\b")


def short_signature(app: Any, what: str, name: str, thing: Any, options: Any, args: str, returns: str) -> Any:
    """The signature of a function of many options, as one reads it."""
    if what not in ("function", "class", "method") or not callable(thing):
        return None
    if dataclasses.is_dataclass(thing) or name.endswith("Columns"):
        return "", None  # Functions make them, readers do not.
    try:
        signature = inspect.signature(thing)
    except (TypeError, ValueError):
        return None
    if len(signature.parameters) <= FEW:
        return None
    required = [one for one in signature.parameters.values() if one.default is inspect.Parameter.empty]
    words = [one.name for one in required if one.name != "self"]
    return f"({', '.join([*(['*', *words] if words else []), '**options'])})", None


def with_dashes(app: Any, tree: nodes.document) -> None:
    """A dash between a parameter and what it is, where Sphinx puts two hyphens."""
    for text in list(tree.findall(nodes.Text)):
        if text.startswith(HYPHENS):
            text.parent.replace(text, nodes.Text(f" \N{EN DASH} {text.removeprefix(HYPHENS)}"))


def with_linked_results(app: Any, what: str, name: str, thing: Any, options: Any, lines: list[str]) -> None:
    """What a function returns as a link, before the docstring is read."""
    for place, line in enumerate(lines[:-2]):
        if line == "Returns" and lines[place + 1].startswith("---"):
            lines[place + 2] = RESULT.sub(lambda found: f":class:`~{PATHS[found[0]]}`", lines[place + 2])


def setup(app: Any) -> dict[str, bool]:
    """Called by Sphinx."""
    app.add_lexer("console", BashLexer)  # Commands stand without a prompt, which its own lexer takes for output.
    attributes = next(one for one in PyObject.doc_field_types if one.name == "variable")
    attributes.label = "Attributes"
    app.connect("doctree-read", with_dashes)
    app.connect("autodoc-process-docstring", with_linked_results, priority=100)
    app.connect("autodoc-process-signature", short_signature)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
