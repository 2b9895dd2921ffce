"""Large and deep trees, and UniFrac of a batch on one."""

from __future__ import annotations

from pathlib import Path
from statistics import median
from time import perf_counter

import numpy as np
from scipy.sparse import csr_array

from aam.phylogeny.tree import Tree, read_tree
from aam.phylogeny.unifrac import Phylogeny
from benchmarks.load import make
from benchmarks.load.child import CODE_GIGABYTES, Meter, Row

TREE = "tree.nwk"
SECONDS_OF_A_TIP = 10 / 1e6
BYTES_OF_A_TIP = 200
BYTES_OF_A_LADDER_TIP = 600
BATCH, ASVS_EACH, REPEATS = 128, 200, 9
BATCH_SECONDS = 0.05
AGREEMENT = 1e-6


def make_bush(folder: Path, tips: int) -> None:
    """Write a tree whose depth grows with the logarithm of its tips."""
    make.write_tree(folder / TREE, make.tip_names(tips), tips, make.at_random)


def make_ladder(folder: Path, tips: int) -> None:
    """Write a tree that is as deep as it has tips."""
    make.write_tree(folder / TREE, make.tip_names(tips), tips, make.as_ladder)


def read(folder: Path, tips: int) -> Row:
    """Read the tree; memory is that beyond its text, which is held while it is parsed."""
    text = (folder / TREE).stat().st_size
    with Meter() as meter:
        tree = read_tree(folder / TREE)
    right = len(tree.names) == tips and len(tree.parent) == 2 * tips - 1 and _is_postorder(tree)
    row = meter.row(
        f"{tips:,} tips, {text / 1e6:,.0f} MB of text: read",
        right=right,
        note=f"{(meter.row('', right=True)['peak'] * 1e9 - text) / tips:,.0f} bytes a tip beyond the text",
        processor=SECONDS_OF_A_TIP * tips,
        peak=CODE_GIGABYTES + (text + BYTES_OF_A_TIP * tips) / 1e9,
    )
    return row


def climb(folder: Path, tips: int) -> Row:
    """Read a ladder, cut off every other tip, and measure distances at its two ends."""
    text = (folder / TREE).stat().st_size
    with Meter() as meter:
        tree = read_tree(folder / TREE)
        pruned = tree.prune(tree.names[::2])
        phylogeny = Phylogeny(pruned, pruned.names)
        last = len(pruned.names) - 1
        ends = csr_array((np.ones(2), ([0, 1], [0, last])), shape=(2, last + 1))
        distance = float(phylogeny.unweighted_unifrac(ends)[0, 1])
    whole = float(tree.root_distances()[tree.tips].max())
    depths = phylogeny.depth_T
    right = distance == 1.0 and len(pruned.names) == -(-tips // 2) and depths.max() <= whole * (1 + 1e-12)
    return meter.row(
        f"ladder of depth {tips:,}: read, pruned, UniFrac",
        right=right,
        processor=2 * SECONDS_OF_A_TIP * tips,
        peak=CODE_GIGABYTES + (text + BYTES_OF_A_LADDER_TIP * tips) / 1e9,
    )


def batch(folder: Path, tips: int, pool: int, exact: bool) -> Row:
    """Unweighted UniFrac of a batch on the whole tree: the median of several.

    Parameters
    ----------
    folder
        Holds the tree.
    tips
        Of the tree.
    pool
        Tips that the samples of a batch share among them, as those of a study do.
    exact
        Whether the last batch is compared with scikit-bio.
    """
    tree = read_tree(folder / TREE)
    phylogeny = Phylogeny(tree, tree.names)
    rng = np.random.default_rng(0)
    batches = [_counts(rng, tips, min(pool, tips)) for _ in range(REPEATS)]
    seconds = []
    with Meter() as meter:
        for counts_BA in batches:
            started = perf_counter()
            found_BB = phylogeny.unweighted_unifrac(counts_BA)
            seconds.append(perf_counter() - started)
    row = meter.row(
        f"UniFrac of {BATCH} samples of {ASVS_EACH} of {min(pool, tips):,} ASVs, tree of {tips:,} tips",
        right=not exact or _agrees(folder, tree, counts_BA, found_BB),
        note="median of a batch" + ("; equal to scikit-bio" if exact else ""),
        peak=BYTES_OF_A_TIP * tips / 1e9 + 0.1,
    )
    row["seconds"], row["processor"] = median(seconds), row["processor"] / REPEATS
    row["limits"]["processor"] = BATCH_SECONDS
    return row


def _counts(rng: np.random.Generator, tips: int, pool: int) -> csr_array:
    each, shared = min(ASVS_EACH, pool), np.sort(rng.choice(tips, pool, replace=False))
    columns = np.concatenate([shared[np.sort(rng.choice(pool, each, replace=False))] for _ in range(BATCH)])
    pointers = np.arange(BATCH + 1) * each
    return csr_array((rng.integers(1, 50, len(columns)), columns, pointers), shape=(BATCH, tips))


def _agrees(folder: Path, tree: Tree, counts_BA: csr_array, found_BB: np.ndarray) -> bool:
    import skbio

    reference = skbio.TreeNode.read(str(folder / TREE), convert_underscores=False)
    dense = counts_BA.toarray()
    expected = skbio.diversity.beta_diversity(
        "unweighted_unifrac", dense, taxa=list(tree.names), tree=reference, validate=False
    )
    return bool(np.abs(expected.data - found_BB).max() < AGREEMENT)


def _is_postorder(tree: Tree) -> bool:
    return bool((tree.parent[:-1] > np.arange(len(tree.parent) - 1)).all()) and tree.parent[-1] == -1
