"""Which tip of a tree each ASV is."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection

import numpy as np

from aam.data.readers.table import Table
from aam.phylogeny.tree import Tree
from aam.text import plural


def tips_of(table: Table, tree: Tree) -> tuple[np.ndarray, tuple[str, ...]]:
    """Find the tip of each ASV: named by its id, by its sequence, or by its id with blanks for underscores.

    Newick has no blanks in names without quotes, so programs write underscores for them, and some read these as blanks
    again. An id that several ASVs have (in merged tables) names none of them.

    Returns
    -------
    tuple
        Name of each ASV's tip, or None; and a note where underscores were read as blanks.
    """
    names, repeated = set(tree.names), Counter(table.asv_ids)
    tips = np.empty(len(table.asv_ids), dtype=object)
    for column, (asv_id, sequence) in enumerate(zip(table.asv_ids, table.sequences, strict=True)):
        if asv_id in names and repeated[asv_id] == 1:
            tips[column] = asv_id
        elif sequence in names:
            tips[column] = sequence
    absent = [column for column, tip in enumerate(tips) if tip is None and repeated[table.asv_ids[column]] == 1]
    spelled = _unique_spellings(names) if absent else {}
    found = {column: spelled[key] for column in absent if (key := _blank(table.asv_ids[column])) in spelled}
    tips[list(found)] = list(found.values())
    if not found:
        return tips, ()
    return tips, (f"{plural(len(found), 'ASV')} found by reading _ in names as a blank, as in Newick",)


def _blank(name: str) -> str:
    return name.replace("_", " ")


def _unique_spellings(names: Collection[str]) -> dict[str, str]:
    """Each name by its form with blanks, where no other has the same."""
    times = Counter(map(_blank, names))
    return {_blank(name): name for name in names if times[_blank(name)] == 1}
