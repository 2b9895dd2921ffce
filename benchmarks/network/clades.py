"""What the blend's kernels read, given to the network: log abundances of the DNA clades, as principal components."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.sparse import csr_array

from aam.learners.clades import Clades, clade_counts, log_abundances, totals
from aam.learners.similarity import MIN_CLADE_PREVALENCE


@dataclass(frozen=True, eq=False)
class CladeComponents:
    """Principal components of the log abundances of clades, fitted on training samples without their targets.

    Attributes
    ----------
    clades, nodes
        The tree, and the clades that are read.
    mean_F, components_FK
        Their means, and what makes ``K`` components of them, whose variances have a mean of 1.
    """

    clades: Clades
    nodes: np.ndarray
    mean_F: np.ndarray
    components_FK: np.ndarray

    @classmethod
    def fit(cls, counts: csr_array, clades: Clades, number: int) -> CladeComponents:
        """Those of some samples, ``N x A``; components that they do not have are 0."""
        present = np.asarray((clade_counts(counts, clades) > 0).sum(axis=0)).ravel()
        nodes = np.flatnonzero(present >= max(1, MIN_CLADE_PREVALENCE * counts.shape[0]))
        logs = _logs(counts, clades, nodes)
        mean_F = logs.mean(axis=0)
        _, spread, turned = np.linalg.svd(logs - mean_F, full_matrices=False)
        kept = min(number, int((spread > spread[0] * 1e-6).sum()))
        components_FK = np.zeros((len(nodes), number))
        scale = np.sqrt(number * len(logs) / (spread[:kept] ** 2).sum())
        components_FK[:, :kept] = turned[:kept].T * scale
        return cls(clades, nodes, mean_F, components_FK)

    def of(self, counts: csr_array) -> np.ndarray:
        """The components of samples, ``B x K`` (float32)."""
        return ((_logs(counts, self.clades, self.nodes) - self.mean_F) @ self.components_FK).astype(np.float32)


def _logs(counts: csr_array, clades: Clades, nodes: np.ndarray) -> np.ndarray:
    return np.asarray(log_abundances(clade_counts(counts, clades, nodes), totals(counts)).toarray())
