"""Which removals there are, each once."""

from __future__ import annotations

import numpy as np
from scipy.sparse import csr_array

from aam.explain.groups import AsvGroups
from aam.explain.removal import removals


def groups(level, rows):
    members = csr_array(np.array(rows, dtype=np.int64))
    names = tuple(f"{level}{place}" for place in range(len(rows)))
    return AsvGroups(level=level, names=names, labels=names, members=members)


def test_each_set_of_a_sample_is_removed_once():
    counts = csr_array(np.array([[5, 3, 0, 1], [0, 4, 2, 0]], dtype=np.int64))
    singles, clades = groups("asv", np.eye(4, dtype=int)), groups("clade", [[1, 0, 1, 0], [1, 1, 0, 0], [0, 1, 1, 0]])
    found = removals(counts, (singles, clades))
    left = found.left(counts).toarray()
    # Sample 0 without A (also the first clade), B (also the third), D, and A with B; sample 1 without B and without C.
    assert found.sample_V.tolist() == [0, 0, 0, 0, 1, 1]
    assert left.tolist() == [[0, 3, 0, 1], [5, 0, 0, 1], [5, 3, 0, 0], [0, 0, 0, 1], [0, 0, 2, 0], [0, 4, 0, 0]]
    assert (found.variant[0].toarray() - 1).tolist() == [[0, 1, -1, 2], [-1, 4, 5, -1]]
    # The last clade is all that sample 1 has: nothing would be left.
    assert (found.variant[1].toarray() - 1).tolist() == [[0, 3, 1], [5, 4, -1]]
