"""What is shown of an explanation: its page, the figures of the page as files, and files for iTOL."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from aam.explanation.groups import RANKS
from aam.explanation.results.explanation import Explanation
from aam.report.explanation.data import view_of
from aam.report.explanation.page import explanation_page
from aam.report.figure_files import write_page
from aam.report.html import Page
from aam.report.itol import itol_files, write_itol

ITOL = "itol"
COLOURED = ("family", "order", "class", "phylum", "domain")
"""Ranks whose taxa may colour the tips of a tree, in the order of preference."""
MOST_TAXA = 24
"""Taxa that can be told apart by colours."""


def write_shown(folder: Path, page: Page, explanation: Explanation) -> None:
    """Write the page, its figures, and files for iTOL where there is a tree.

    Parameters
    ----------
    folder
        Where to.
    page
        Of :func:`page_of`.
    explanation
        What was found.
    """
    write_page(page, folder)
    if explanation.clades is not None:
        (folder / ITOL).mkdir()
        write_itol(folder / ITOL, itol_of(explanation, explanation.asvs.labels))


def page_of(explanation: Explanation, model: str, command: str, options: Sequence[tuple[str, str]]) -> Page:
    """The page of an explanation; ``model``, ``command`` and ``options`` say of what and how it was made."""
    return explanation_page(view_of(explanation, model, command, options))


def itol_of(explanation: Explanation, labels: Sequence[str]) -> dict[str, str]:
    """Name of each file for iTOL -> its text."""
    assert explanation.clades is not None
    asvs = explanation.asvs
    return itol_files(explanation.clades, asvs.names, explanation.effects, labels, coloured_taxa(asvs.taxa))


def coloured_taxa(lineages: Sequence[str]) -> list[str]:
    """The taxon of each ASV at the lowest rank with no more taxa than colours; empty where it is not known."""
    ranks = [line.split("; ") for line in lineages]
    found: list[str] = []
    for rank in COLOURED:
        depth = RANKS.index(rank)
        found = [one[depth] if len(one) > depth else "" for one in ranks]
        if 0 < len({*found} - {""}) <= MOST_TAXA:
            return found
    return found
