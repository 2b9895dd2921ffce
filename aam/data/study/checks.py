"""Consistency checks of a study's inputs, each with a message on how to fix it."""

from __future__ import annotations

import numpy as np
from scipy.sparse import csr_array

from aam.data.readers.distance_matrix import Distances
from aam.data.readers.metadata import Metadata
from aam.data.readers.table import Table
from aam.errors import InputError
from aam.phylogeny.tree import Tree
from aam.phylogeny.unifrac import Phylogeny
from aam.text import shorten

COMPARED_SAMPLES = 24
FEWEST_PAIRS = 3
LEAST_CORRELATION = 0.2
LARGEST_DIFFERENCE = 0.2


def _without_zeros(sample_id: str) -> str:
    return sample_id.strip().lstrip("0")


SPELLINGS = (
    (str.strip, "are there spaces around the ids?"),
    (str.casefold, "does the case of the letters differ?"),
    (_without_zeros, "did a program drop leading zeros?"),
)


def nothing_in_common(table: Table, table_name: str, metadata: Metadata) -> InputError:
    """The error of metadata without any sample of the table: ids of both, and a likely cause."""
    ours, theirs, question = str(table.sample_ids[0]), str(metadata.sample_ids[0]), ""
    for simplify, explanation in SPELLINGS:
        sheet = {simplify(str(sample_id)): str(sample_id) for sample_id in metadata.sample_ids}
        matching = [str(sample_id) for sample_id in table.sample_ids if simplify(str(sample_id)) in sheet]
        if matching:
            ours, theirs, question = matching[0], sheet[simplify(matching[0])], explanation
            break
    ids = f"(table: '{shorten(ours)}', metadata: '{shorten(theirs)}')"
    return InputError(metadata.source, f"no sample of {table_name} is in it {ids}", question)


def sample_weights(metadata: Metadata, column: str) -> np.ndarray:
    """Weights of all samples of the metadata (float64).

    Raises
    ------
    InputError
        If one is missing, no number, or not above 0.
    """
    remedy = "give every sample a positive weight"
    weights = metadata.numeric(column, remedy=remedy)
    for wrong, what in ((np.isnan(weights), "have no weight"), (~(weights > 0), "have a weight that is not above 0")):
        if wrong.any():
            first = shorten(str(metadata.sample_ids[wrong][0]))
            raise InputError(
                metadata.source,
                f"column '{shorten(column)}': {wrong.sum()} of {len(wrong)} samples {what} (first: {first})",
                remedy,
            )
    return weights


def missing_tips_error(table: Table, found: np.ndarray, tree: Tree) -> InputError:
    """The error of a tree that lacks some of the table's ASVs, or all of them."""
    first = shorten(str(table.asv_ids[~found][0]))
    if not found.any():
        tip = shorten(str(tree.names[0]))
        return InputError(tree.source, f"none of {len(found):,} ASVs is a tip (first ASV: {first}, first tip: {tip})")
    problem = f"{(~found).sum():,} of {len(found):,} ASVs are not tips (first: {first})"
    return InputError(tree.source, problem, "--missing-tips drop leaves them out")


def check_distances_fit(distances: Distances, counts: csr_array, phylogeny: Phylogeny) -> None:
    """Refuse distances that have nothing to do with those of the tree: those of another table with the same ids.

    Any sensible distance between the same communities goes with UniFrac to some degree, whatever its kind and the
    depth it was made at; distances of other communities do not.

    Raises
    ------
    InputError
        Naming the two samples that are furthest off.
    """
    rows = np.unique(np.linspace(0, counts.shape[0] - 1, COMPARED_SAMPLES).astype(np.int64))
    pairs = np.triu_indices(len(rows), k=1)
    given = distances.among(rows).astype(np.float64)[pairs]
    if len(given) < FEWEST_PAIRS:
        return
    some = counts[rows]
    kinds = [phylogeny.unweighted_unifrac(some)[pairs]]
    kinds += [phylogeny.weighted_unifrac(some, normalized=normalized)[pairs] for normalized in (True, False)]
    if any(_agree(given, of_tree) for of_tree in kinds):
        return
    worst = np.abs(given - kinds[0]).argmax()
    first, second = (shorten(str(distances.sample_ids[rows[side[worst]]])) for side in pairs)
    raise InputError(
        distances.source,
        f"disagrees with the tree ({first},{second}: {given[worst]:.2f} vs {kinds[0][worst]:.2f})",
        "was it made from another table? Leave out --tree if it is right",
    )


def _agree(given: np.ndarray, of_tree: np.ndarray) -> bool:
    if np.abs(given - of_tree).max() <= LARGEST_DIFFERENCE:
        return True
    if np.ptp(given) == 0 or np.ptp(of_tree) == 0:
        return False
    return bool(np.corrcoef(given, of_tree)[0, 1] >= LEAST_CORRELATION)
