"""Distances of some samples from their counts, and the tree that they and the clades need.

Legend: ``N`` samples of the ordination, ``A`` ASVs.
"""

from __future__ import annotations

import dataclasses
import os
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from aam.config.commands.embed import OrdinationOptions
from aam.log import say
from aam.progress import Bar
from aam.workflows.embedding.clades import NamedTree

if TYPE_CHECKING:
    from aam.data.distances.measure import Measure
    from aam.data.study.study import Study
    from aam.phylogeny.unifrac import Phylogeny

FEWEST = 3
"""Samples without which there is nothing to ordinate."""
TITLES = {
    "unifrac": "UniFrac",
    "weighted_unifrac": "weighted UniFrac",
    "generalized_unifrac": "generalised UniFrac",
    "bray_curtis": "Bray-Curtis",
    "jaccard": "Jaccard",
    "aitchison": "Aitchison",
}


@dataclass(frozen=True, eq=False)
class OnTree:
    """The samples of a study as a tree has them.

    Attributes
    ----------
    study
        The samples that have reads on the tree, with the ASVs that are tips.
    rows
        Their rows in the whole study.
    phylogeny
        The tree over these ASVs.
    named
        The tree over all ASVs of the whole study, for clades.
    """

    study: Study
    rows: np.ndarray
    phylogeny: Phylogeny
    named: NamedTree


def metric_of(options: OrdinationOptions) -> str:
    """The distance that is asked for, or that a tree allows."""
    return options.metric or ("bray_curtis" if options.tree is None else "unifrac")


def title_of(metric: str) -> str:
    """A distance as a sentence names it."""
    return TITLES.get(metric, metric)


def study_on_tree(study: Study, options: OrdinationOptions, path: Path, *, cache: bool) -> OnTree:
    """Read a tree, and find the ASVs of a study on it.

    Raises
    ------
    InputError
        If the tree cannot be used, or ASVs are no tips of it.
    """
    from aam.data.study.alignment import Alignment
    from aam.learners.clades import Clades
    from aam.phylogeny.tree import read_cached_tree, read_tree

    read = read_cached_tree if cache else read_tree
    alignment = Alignment(study.table, "the table")
    notes = len(alignment.notes)
    alignment.match_tree(read(path, options.root, options.clip_negative_branches), options.missing_tips)
    alignment.finish()
    say(*alignment.notes[notes:])
    tree, phylogeny = alignment.phylogeny()
    assert tree is not None
    assert phylogeny is not None
    place = {sequence: asv for asv, sequence in enumerate(study.table.sequences)}
    asvs = np.array([place[sequence] for sequence in alignment.table.sequences], dtype=np.int64)
    node_A, is_on = np.zeros(study.shape[1], dtype=np.int64), np.zeros(study.shape[1], dtype=bool)
    node_A[asvs], is_on[asvs] = tree.tips[phylogeny.tip_A], True
    kept = set(alignment.table.sample_ids.tolist())
    rows = np.flatnonzero([name in kept for name in study.sample_ids])
    own = dataclasses.replace(study, table=alignment.table, keys=study.keys[rows])
    named = NamedTree("tree", f"the tree {path.name}", Clades(tree.parent, node_A), is_on)
    return OnTree(own, rows, phylogeny, named)


def distances_among(study: Study, rows: np.ndarray, measure: Measure, *, seed: int, progress: bool) -> np.ndarray:
    """Distances ``N x N`` of some samples, whose reads are drawn as the study's depth says."""
    from aam.data.distances.blocks import distance_blocks, draw_once

    some = dataclasses.replace(study, table=study.table.select(rows), keys=study.keys[rows])
    counts, number = draw_once(some, seed), len(rows)
    found = np.zeros((number, number))
    blocks = distance_blocks(measure, counts, len(os.sched_getaffinity(0)))
    with Bar("distances", "pairs", number * number, wanted=progress) as bar:
        for own, others, values in blocks:
            found[own, others] = values
            found[others, own] = values.T
            bar.advance(values.size if own == others else 2 * values.size)
    return found


def depth_of(study: Study, options: OrdinationOptions) -> int | None:
    """Reads to draw from each sample: as asked for, as the model does, or so many as most samples have."""
    from aam.data.study.rarefaction import resolve_depth

    reads = np.asarray(study.table.counts.sum(axis=1)).ravel()
    asked = options.rarefy_depth if options.rarefy_depth is not None else study.rarefy_depth
    return resolve_depth("auto" if asked is None else asked, reads, study.sample_ids)
