"""Reads of samples drawn anew: what another sequencing of the same samples might have given.

Legend of shapes: ``N`` samples, ``A`` ASVs.
"""

from __future__ import annotations

import numpy as np
from scipy.sparse import csr_array, vstack

from aam.data.study.rarefaction import draw_rng, rarefy
from aam.data.study.study import Study

KEPT = 0.8
"""Share of the reads that are drawn where the model reads all of a sample."""


def redrawn(study: Study, rows: np.ndarray, draw: int, *, seed: int, several: bool) -> csr_array:
    """Reads of some samples, ``N x A`` without zeros.

    A sample with more reads than the model's rarefaction depth is drawn to that depth, so that what is then taken out
    of it is the only difference between two predictions. Where the model reads all reads, ``KEPT`` of them are drawn if
    several draws are asked for, and otherwise the sample stays as it is.

    Parameters
    ----------
    study, rows
        The samples.
    draw
        Which draw.
    seed
        Of the draws, which depend on the sample besides.
    several
        Whether there are several draws.
    """
    counts, depth = study.table.counts[rows], study.rarefy_depth
    if depth is None and not several:
        return counts
    return vstack(
        [_drawn(counts[[place]], study, row, draw, depth, seed) for place, row in enumerate(rows)], format="csr"
    )


def _drawn(counts: csr_array, study: Study, row: int, draw: int, depth: int | None, seed: int) -> csr_array:
    total = int(counts.sum())
    wanted = depth if depth is not None else max(1, round(KEPT * total))
    if wanted >= total:
        return counts
    drawn = rarefy(counts.data, wanted, draw_rng(seed, draw, int(study.keys[row])))
    there = drawn > 0
    ends = np.array([0, int(there.sum())])
    return csr_array((drawn[there], counts.indices[there], ends), counts.shape)
