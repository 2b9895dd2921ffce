"""Taxonomy of the ASVs: which taxon each belongs to at a level."""

from __future__ import annotations

import os
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from aam.errors import InputError
from aam.files.archive import read_content
from aam.text import decode_text, first_bytes, plural, shorten, split_cells

TAXONOMY_TYPES = ("FeatureData[Taxonomy]",)
ID_NAMES = {"feature id", "featureid", "feature-id", "id", "otu id", "#otuid", "#otu id", "asv", "asv id"}
TAXON_NAMES = {"taxon", "taxonomy", "consensus lineage", "consensuslineage"}
UNKNOWN_LINEAGES = {"", "unassigned", "unclassified", "no blast hit", "unknown", "na"}

PREFIX = re.compile(r"[a-z]{1,2}\d?__", re.IGNORECASE)


@dataclass(frozen=True, eq=False)
class Taxonomy:
    """Lineages of ASVs.

    Attributes
    ----------
    source
        The file.
    lineages
        ASV id (or sequence) -> its ranks from the domain down, as written; an unknown rank is ``""``.
    """

    source: str
    lineages: dict[str, tuple[str, ...]]

    def labels(
        self, asv_ids: Sequence[str] | np.ndarray, sequences: Sequence[str] | np.ndarray, level: int
    ) -> tuple[np.ndarray, tuple[str, ...]]:
        """Taxon of each ASV at a level.

        Parameters
        ----------
        asv_ids, sequences
            The ``A`` ASVs; looked up by id, or else by sequence.
        level
            1 is the domain, 6 the genus, 7 the species.

        Returns
        -------
        tuple
            int64 ``A`` with the number of each ASV's taxon, -1 where it is not known at this level; and the taxa's
            whole lineages in ascending order.

        Raises
        ------
        InputError
            If no ASV is classified at this level.
        """
        found = [self.lineages.get(i, self.lineages.get(s, ())) for i, s in zip(asv_ids, sequences, strict=True)]
        taxa = ["; ".join(ranks[:level]) if len(ranks) >= level and ranks[level - 1] else "" for ranks in found]
        classes = sorted({taxon for taxon in taxa if taxon})
        if not any(found):
            first = shorten(str(asv_ids[0]))
            raise InputError(self.source, f"none of {plural(len(taxa), 'ASV')} is in it (first: {first})", "same ids?")
        if not classes:
            deepest = max(len(ranks) for ranks in found)
            remedy = f"lower --taxonomy-level (the deepest lineage has {plural(deepest, 'rank')})"
            raise InputError(self.source, f"no ASV is classified at level {level}", remedy)
        number_of = {"": -1, **{taxon: number for number, taxon in enumerate(classes)}}
        return np.array([number_of[taxon] for taxon in taxa], dtype=np.int64), tuple(classes)


def read_taxonomy(path: Path) -> Taxonomy:
    """Read a taxonomy: a QIIME 2 style TSV with the columns ``Feature ID`` and ``Taxon``, or an archive with one.

    Raises
    ------
    InputError
        If it is none, or an ASV is there twice with two lineages.
    """
    content = read_content(path, TAXONOMY_TYPES, ("taxonomy.tsv",))
    numbered = enumerate(decode_text(content, path).split("\n"), start=1)
    rows = [(number, split_cells(line, "\t")) for number, line in numbered if line.strip()]
    if not rows:
        raise InputError(path, "no ASVs in it: the file is blank")
    column = _taxon_column(path, [cell.strip().lower() for cell in rows[0][1]], first_bytes(content))
    lineages: dict[str, tuple[str, ...]] = {}
    for number, cells in rows[1:]:
        name = cells[0].strip()
        if name.startswith("#"):
            continue
        if not name or len(cells) <= column:
            what = "no lineage" if name else "no ASV id"
            raise InputError(path, f"line {number:,} has {what}", "every line needs both, with a tab between them")
        ranks = split_lineage(cells[column])
        if lineages.setdefault(name, ranks) != ranks:
            raise InputError(path, f"ASV '{shorten(name)}' has two lineages (line {number:,})", "each may have one")
    if not lineages:
        raise InputError(path, "no ASVs after the header")
    return Taxonomy(os.fspath(path), lineages)


def split_lineage(text: str) -> tuple[str, ...]:
    """Ranks of a lineage such as ``d__Bacteria; p__Firmicutes; c__``; a rank without a name is ``""``."""
    if text.strip().lower() in UNKNOWN_LINEAGES:
        return ()
    ranks = [rank.strip() for rank in text.split(";")]
    named = ["" if PREFIX.sub("", rank, count=1).lower() in UNKNOWN_LINEAGES else rank for rank in ranks]
    while named and not named[-1]:
        named.pop()
    return tuple(named)


def _taxon_column(path: Path, header: Sequence[str], start: str) -> int:
    column = next((i for i, name in enumerate(header) if i > 0 and name in TAXON_NAMES), None)
    if column is None or header[0] not in ID_NAMES:
        problem = f"not a taxonomy (no header with 'Feature ID' and 'Taxon'; starts with '{start}')"
        raise InputError(path, problem, "tabs are needed between the columns")
    return column
