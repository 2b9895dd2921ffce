"""All distances between many samples, one block of pairs at a time, so that the memory stays small.

Legend: ``N`` samples, ``A`` ASVs of the study, ``B`` samples of a block's rows, ``C`` of its columns.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from itertools import islice
from typing import NamedTuple

import numpy as np
from scipy.sparse import csr_array
from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]

from aam.data.distances.measure import Measure
from aam.data.study.rarefaction import draw_rng, rarefy
from aam.data.study.study import Study

LARGEST_BLOCK = 512
SMALLEST_BLOCK = 64
FEWEST_SIDES = 2
"""Blocks along a side, where there are samples enough: the unit that threads share and that progress counts."""
DENSE_VALUES = 1 << 24
"""Samples times ASVs that are held dense at most."""


class Block(NamedTuple):
    """Distances ``B x C`` of some samples from others."""

    rows: slice
    columns: slice
    values: np.ndarray


def block_size(measure: Measure, num_samples: int, num_asvs: int) -> int:
    """Samples of a block's side. It depends on the table alone, so that all numbers do too."""
    size = min(LARGEST_BLOCK, max(SMALLEST_BLOCK, -(-num_samples // FEWEST_SIDES)))
    is_dense = measure.distance.of_counts is not None
    return min(size, max(1, DENSE_VALUES // (2 * num_asvs))) if is_dense else size


def distance_blocks(measure: Measure, counts_NA: csr_array, n_jobs: int) -> Iterator[Block]:
    """The blocks of a matrix of distances on and above its diagonal; below it are their mirror images.

    Parameters
    ----------
    measure
        The distance.
    counts_NA
        Reads of each sample.
    n_jobs
        Blocks that are computed at the same time, each by one thread.
    """
    num_samples = counts_NA.shape[0]
    size = block_size(measure, *counts_NA.shape)
    sides = [slice(start, min(start + size, num_samples)) for start in range(0, num_samples, size)]
    pairs = ((rows, columns) for place, rows in enumerate(sides) for columns in sides[place:])

    def compute(rows: slice, columns: slice) -> Block:
        others = None if rows == columns else counts_NA[columns]
        return Block(rows, columns, measure.between(counts_NA[rows], others))

    with threadpool_limits(1), ThreadPoolExecutor(n_jobs) as pool:
        pending: deque[Future[Block]] = deque()
        try:
            # No more blocks are ahead of the reader than keep the threads busy.
            pending.extend(pool.submit(compute, *pair) for pair in islice(pairs, 2 * n_jobs))
            while pending:
                block = pending.popleft().result()
                pending.extend(pool.submit(compute, *pair) for pair in islice(pairs, 1))
                yield block
        finally:
            pool.shutdown(wait=True, cancel_futures=True)


def draw_once(study: Study, seed: int) -> csr_array:
    """The counts of a study's samples, each rarefied once if the study has a depth: the draw of a run's first epoch.

    Samples with fewer reads give all that they have.
    """
    counts = study.table.counts
    if study.rarefy_depth is None:
        return counts
    drawn = counts.copy()
    for row, key in enumerate(study.keys):
        own = slice(counts.indptr[row], counts.indptr[row + 1])
        depth = min(study.rarefy_depth, int(counts.data[own].sum()))
        drawn.data[own] = rarefy(counts.data[own], depth, draw_rng(seed, 0, int(key)))
    drawn.eliminate_zeros()
    return drawn
