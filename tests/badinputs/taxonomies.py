"""Bad taxonomies."""

from __future__ import annotations

from pathlib import Path

from aam.data.readers.taxonomy import Taxonomy, read_taxonomy
from tests.badinputs.cases import Read, bad_rows, odd_rows

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


# fmt: off
bad_rows(
    ("X1 no header",
     "t.tsv: not a taxonomy (no header with 'Feature ID' and 'Taxon'; starts with 'a?d__Bacteri'); "
     "tabs are needed between the columns", taxonomy, "a\td__Bacteria; p__Firmicutes\n"),
    ("X2 only a header", "t.tsv: no ASVs after the header", taxonomy, HEADER),
    ("X2 blank", "t.tsv: no ASVs in it: the file is blank", taxonomy, "\n \n"),
    ("X3 no lineage", "t.tsv: line 2 has no lineage; every line needs both, with a tab between them",
     taxonomy, HEADER + "a d__Bacteria\n"),
    ("X4 two lineages", "t.tsv: ASV 'a' has two lineages (line 3); each may have one",
     taxonomy, HEADER + "a\td__Bacteria\t1\na\td__Archaea\t1\n"),
    ("X5 no ASV", "t.tsv: none of 1 ASV is in it (first: b); same ids?", labels, 1, "b"),
    ("X6 level", "t.tsv: no ASV is classified at level 6; lower --taxonomy-level (the deepest lineage has 2 ranks)",
     labels, 6),
)
odd_rows(
    ("X1 a header in other words, a comment and a repeated line",
     taxonomy, "#OTU ID\ttaxonomy\n# x\na\td__Bacteria\na\td__Bacteria\n"),
)
# fmt: on
