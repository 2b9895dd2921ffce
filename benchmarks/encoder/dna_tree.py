"""A tree of many sequences from their DNA alone, so that UniFrac can be learned where studies have no tree in common.

Ward's method needs the square of the number of sequences. Hence two levels: k-means puts the sequences into boxes, and
Ward's tree is made of the boxes' centres and within each box. Branch lengths are differences of the square roots of the
nodes' heights.
"""

from __future__ import annotations

import numpy as np
from scipy.cluster.hierarchy import linkage
from scipy.sparse import csr_array
from sklearn.cluster import MiniBatchKMeans
from sklearn.decomposition import TruncatedSVD

from aam.learners.clades import kmer_frequencies

DIMENSIONS = 96
ASVS_PER_BOX = 50


def word_vectors(tokens: np.ndarray, dimensions: int = DIMENSIONS, seed: int = 0) -> np.ndarray:
    """Which words of six bases each sequence has, in few dimensions, as vectors of unit length."""
    found: csr_array = kmer_frequencies(tokens)
    found.data = np.ones_like(found.data)
    few = min(dimensions, min(found.shape) - 1)
    vectors = TruncatedSVD(few, random_state=seed).fit_transform(found)
    return np.asarray(vectors / np.maximum(1e-12, np.linalg.norm(vectors, axis=1, keepdims=True)))


def newick_of(tokens: np.ndarray, names: list[str], seed: int = 0) -> str:
    """Newick text of a tree of sequences.

    Parameters
    ----------
    tokens
        Bases of the sequences.
    names
        Their names.
    seed
        Seed of the boxes.
    """
    vectors = word_vectors(tokens, seed=seed)
    num_boxes = max(1, len(vectors) // ASVS_PER_BOX)
    box_of = MiniBatchKMeans(num_boxes, random_state=seed, n_init=1, batch_size=4096).fit_predict(vectors)
    boxes = [np.flatnonzero(box_of == box) for box in np.unique(box_of)]
    parts = [_joined(vectors[rows], [(names[row], 0.0) for row in rows]) for rows in boxes]
    centres = np.stack([vectors[rows].mean(axis=0) for rows in boxes])
    text, _ = _joined(centres, parts)
    return f"{text};\n"


def _joined(points: np.ndarray, parts: list[tuple[str, float]]) -> tuple[str, float]:
    """Text and height of Ward's tree of some points, each of which is a tree with a height already."""
    nodes = list(parts)
    if len(nodes) == 1:
        return nodes[0]
    for first, second, distance, _ in linkage(points, "ward"):
        ends = [nodes[int(first)], nodes[int(second)]]
        height = max(float(np.sqrt(distance)), *(low for _, low in ends))
        nodes.append((f"({','.join(f'{text}:{height - low:.5f}' for text, low in ends)})", height))
        nodes[int(first)] = nodes[int(second)] = ("", 0.0)
    return nodes[-1]
