"""A random forest as operations of a graph: ASVs found by their DNA, their shares of reads, and the walk down trees.

Legend of shapes: ``U`` distinct ASVs, ``L`` bases, ``B`` samples, ``S`` ASVs per sample, ``F`` features, ``M`` trees,
``W`` nodes (splits and leaves) of all trees, ``E`` leaves, ``O`` outputs of a target.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

LARGEST_FACTOR = 2**45
"""Of a base's place in a sequence's key: no sum of a sequence of 10,000 bases leaves 64 bits."""


@dataclass(frozen=True, kw_only=True, eq=False)
class ForestArrays:
    """The forest of one target as plain arrays.

    Attributes
    ----------
    tokens
        Bases of the ASVs that it reads, ``A x L``; covariates come after them.
    root, feature, threshold, left, right
        The trees, as :class:`aam.learners.trees.arrays.Trees` has them: leaves are complements of their numbers.
    value
        What each leaf predicts, ``E x O``.
    """

    tokens: np.ndarray
    root: np.ndarray
    feature: np.ndarray
    threshold: np.ndarray
    left: np.ndarray
    right: np.ndarray
    value: np.ndarray


class ForestModule(nn.Module):
    """One target's forest.

    Every node stands twice in a list: a sample that goes left at node ``n`` looks up place ``2 n``, one that goes right
    place ``2 n + 1``. Leaves lead to themselves, so that all samples take as many steps as the longest way has.

    Parameters
    ----------
    arrays
        The forest.

    Raises
    ------
    ValueError
        If two of its sequences have one key.
    """

    factor_L: Tensor
    key_A: Tensor
    root_M: Tensor
    feature_2W: Tensor
    threshold_2W: Tensor
    child_2W: Tensor
    value_EO: Tensor

    def __init__(self, arrays: ForestArrays) -> None:
        super().__init__()
        self.width = arrays.tokens.shape[1] + 1
        factors = np.random.default_rng(0).integers(1, LARGEST_FACTOR, self.width)
        key_A = (np.pad(arrays.tokens, ((0, 0), (0, 1))).astype(np.int64) * factors).sum(axis=1)
        if len(np.unique(key_A)) < len(key_A):
            raise ValueError("two sequences have one key")
        self.register_buffer("factor_L", torch.from_numpy(factors))
        self.register_buffer("key_A", torch.from_numpy(key_A))
        splits, leaves = len(arrays.feature), len(arrays.value)
        ends = splits + np.arange(leaves)
        child = np.stack([_renumbered(arrays.left, splits), _renumbered(arrays.right, splits)], axis=1)
        child = np.concatenate([child, np.stack([ends, ends], axis=1)])
        root = _renumbered(arrays.root, splits)
        self.steps = _longest_way(root, child, splits)
        self.register_buffer("root_M", torch.from_numpy(2 * root))
        self.register_buffer("child_2W", torch.from_numpy(2 * child.reshape(-1)))
        feature = np.concatenate([arrays.feature.astype(np.int64), np.zeros(leaves, dtype=np.int64)])
        threshold = np.concatenate([arrays.threshold, np.full(leaves, np.inf)])
        self.register_buffer("feature_2W", torch.from_numpy(np.repeat(feature, 2)))
        self.register_buffer("threshold_2W", torch.from_numpy(np.repeat(threshold, 2)))
        self.register_buffer("value_EO", torch.from_numpy(arrays.value))
        self.splits = splits

    def forward(self, tokens_UL: Tensor, share_BU: Tensor, covariate_BF: Tensor) -> Tensor:
        """The mean of the trees, ``BO`` (double).

        Parameters
        ----------
        tokens_UL
            Bases of the samples' ASVs (int64).
        share_BU
            Their shares of all reads (double).
        covariate_BF
            Levels as 0 and 1, and numbers; no columns where there are none.
        """
        padded = F.pad(tokens_UL, (0, self.width))[:, : self.width]
        key_U = (padded * self.factor_L).sum(dim=1)
        is_it_UA = (key_U.unsqueeze(1) == self.key_A).double()
        read_BF = torch.cat([(share_BU @ is_it_UA).float(), covariate_BF], dim=1).double()
        place_BM = self.root_M.expand(read_BF.shape[0], -1)
        for _ in range(self.steps):
            value_BM = read_BF.gather(1, self.feature_2W[place_BM])
            goes_right_BM = (value_BM > self.threshold_2W[place_BM]).long()
            place_BM = self.child_2W[place_BM + goes_right_BM]
        return self.value_EO[place_BM // 2 - self.splits].mean(dim=1)


def shares(index_BS: Tensor, counts_BS: Tensor, num_asvs: Tensor) -> Tensor:
    """Shares of the distinct ASVs in each sample's reads, ``BU`` (double); ``num_asvs`` has a row for each of them."""
    reads_BU = counts_BS.new_zeros(counts_BS.shape[0], num_asvs.shape[0]).scatter_add(1, index_BS, counts_BS)
    return reads_BU * (1 / reads_BU.sum(dim=1, keepdim=True).clamp_min(1e-9))


def _renumbered(children: np.ndarray, splits: int) -> np.ndarray:
    """Children as nodes: splits come first, then leaves."""
    children = children.astype(np.int64)
    return np.where(children >= 0, children, splits + ~children)


def _longest_way(root: np.ndarray, child: np.ndarray, splits: int) -> int:
    """Steps after which every sample is at a leaf."""
    steps, there = 0, np.unique(root)
    while (there < splits).any():
        there = np.unique(child[there[there < splits]])
        steps += 1
    return steps
