"""Bad taxonomies."""

from __future__ import annotations

from pathlib import Path

from aam.data.readers.taxonomy import Taxonomy, read_taxonomy
from tests.badinputs.cases import Read, bad, odd

HEADER = "Feature ID\tTaxon\tConfidence\n"


def taxonomy(folder: Path, content: str) -> Read:
    (folder / "t.tsv").write_text(content)
    return lambda: read_taxonomy(folder / "t.tsv")


def labels(folder: Path, level: int, asv: str = "a") -> Read:
    read = taxonomy(folder, HEADER + "a\td__Bacteria; p__Firmicutes\t1\n")

    def act() -> object:
        found = read()
        assert isinstance(found, Taxonomy)
        return found.labels([asv], ["ACGT"], level)

    return act


@bad(
    "X1 no header",
    "t.tsv: not a taxonomy (no header with 'Feature ID' and 'Taxon'; starts with 'a?d__Bacteri'); "
    "tabs are needed between the columns",
)
def _(folder: Path) -> Read:
    return taxonomy(folder, "a\td__Bacteria; p__Firmicutes\n")


@bad("X2 only a header", "t.tsv: no ASVs after the header")
def _(folder: Path) -> Read:
    return taxonomy(folder, HEADER)


@bad("X2 blank", "t.tsv: no ASVs in it: the file is blank")
def _(folder: Path) -> Read:
    return taxonomy(folder, "\n \n")


@bad("X3 no lineage", "t.tsv: line 2 has no lineage; every line needs both, with a tab between them")
def _(folder: Path) -> Read:
    return taxonomy(folder, HEADER + "a d__Bacteria\n")


@bad("X4 two lineages", "t.tsv: ASV 'a' has two lineages (line 3); each may have one")
def _(folder: Path) -> Read:
    return taxonomy(folder, HEADER + "a\td__Bacteria\t1\na\td__Archaea\t1\n")


@bad("X5 no ASV", "t.tsv: none of 1 ASV is in it (first: b); same ids?")
def _(folder: Path) -> Read:
    return labels(folder, 1, "b")


@bad("X6 level", "t.tsv: no ASV is known at level 6; lower --taxonomy-level (the deepest lineage has 2 ranks)")
def _(folder: Path) -> Read:
    return labels(folder, 6)


@odd("X1 a header in other words, a comment and a repeated line")
def _(folder: Path) -> Read:
    return taxonomy(folder, "#OTU ID\ttaxonomy\n# x\na\td__Bacteria\na\td__Bacteria\n")
