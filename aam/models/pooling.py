"""From many vectors to one: attention pooling, and the log abundances of soft clades.

Legend of shapes: ``B`` samples, ``S`` ASVs per sample, ``U`` distinct ASVs of the batch, ``L`` positions,
``D`` width, ``K`` soft clades.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

ABUNDANCE_FLOOR = 1e-4
"""Relative abundance that is added before the logarithm: half of one read in 5,000."""


class AttentionPooling(nn.Module):
    """A weighted mean over positions whose weights are learned.

    The scores start at zero, so that a fresh pooling is the mean (or the mean weighted by ``prior``).
    """

    def __init__(self, dim: int) -> None:
        super().__init__()
        self.score = nn.Linear(dim, 1, bias=False)
        nn.init.zeros_(self.score.weight)

    def forward(self, x_BLD: Tensor, mask_BL: Tensor | None, prior_BL: Tensor | None = None) -> Tensor:
        """Pool ``x_BLD`` over its unmasked positions (None: all) to ``BD``; ``prior_BL`` is added to the scores."""
        weight_BL = self.weights(x_BLD, mask_BL, prior_BL)
        return torch.einsum("bl,bld->bd", weight_BL.to(x_BLD.dtype), x_BLD)

    def weights(self, x_BLD: Tensor, mask_BL: Tensor | None, prior_BL: Tensor | None = None) -> Tensor:
        """Weight of each position, ``BL``, which sum to one over a row; 0 where masked."""
        score_BL = self.score(x_BLD).squeeze(-1).float()
        if prior_BL is not None:
            score_BL = score_BL + prior_BL
        if mask_BL is not None:
            score_BL = score_BL.masked_fill(~mask_BL, float("-inf"))
        weight_BL: Tensor = score_BL.softmax(dim=-1)
        return weight_BL


class SoftClades(nn.Module):
    """The log abundance that each of ``K`` learned groups of related sequences collects in a sample.

    Every ASV shares its relative abundance out among prototypes in the space of ASV vectors, by a softmax of
    negative squared distances; the logarithm is taken after the sum. The signal of a community lies in the
    abundance of groups of relatives on a log scale: a mean of embeddings, linear in abundance, loses it.
    The prototypes are in groups of several sizes (scales), each of which shares out all of the abundance,
    as the clades of a tree do at several depths.

    Parameters
    ----------
    dim
        Width ``D`` of the ASV vectors.
    num_clades
        Number ``K`` of prototypes.
    """

    def __init__(self, dim: int, num_clades: int) -> None:
        super().__init__()
        self.scales = scale_sizes(num_clades)
        self.prototype_KD = nn.Parameter(torch.randn(num_clades, dim))
        self.log_width_K = nn.Parameter(torch.zeros(num_clades))
        self.shift_K = nn.Parameter(torch.zeros(num_clades))
        self.log_scale_K = nn.Parameter(torch.zeros(num_clades))

    def shares(self, asv_UD: Tensor) -> Tensor:
        """How each ASV's abundance is shared out, ``UK``; sums to one within each scale."""
        distance_UK = squared_distance(asv_UD, self.prototype_KD)
        logit_UK = -distance_UK * torch.exp(-self.log_width_K)
        return torch.cat([part.softmax(dim=-1) for part in logit_UK.split(self.scales, dim=-1)], dim=-1)

    def log_abundance(self, asv_UD: Tensor, abundance_BU: Tensor) -> Tensor:
        """Natural log of the relative abundance of each soft clade, ``BK``, centred within each scale.

        The centring makes it a log-ratio to the scale's geometric mean, as the centred log-ratio is.
        """
        log_BK = torch.log(abundance_BU @ self.shares(asv_UD) + ABUNDANCE_FLOOR)
        parts = [part - part.mean(dim=-1, keepdim=True) for part in log_BK.split(self.scales, dim=-1)]
        return torch.cat(parts, dim=-1)

    def forward(self, asv_UD: Tensor, abundance_BU: Tensor) -> Tensor:
        """The profile ``BK`` that heads read: log abundances, shifted and scaled to about zero mean, unit spread."""
        with torch.autocast(asv_UD.device.type, enabled=False):
            log_BK = self.log_abundance(asv_UD.float(), abundance_BU.float())
            return (log_BK - self.shift_K) * torch.exp(self.log_scale_K)


def squared_distance(x_UD: Tensor, y_KD: Tensor) -> Tensor:
    """Squared Euclidean distances, ``UK``, by one matrix product.

    Both are first moved by the mean of ``y_KD``: vectors of relatives differ by far less than their length, and the
    difference of large numbers would lose what tells them apart.
    """
    middle_D = y_KD.detach().mean(dim=0)
    x_UD, y_KD = x_UD - middle_D, y_KD - middle_D
    product = x_UD @ y_KD.T
    return (x_UD.square().sum(-1, keepdim=True) + y_KD.square().sum(-1) - 2 * product).clamp_min(0)


def scale_sizes(num_clades: int) -> list[int]:
    """Sizes of the groups: an eighth, a quarter, and the rest of the prototypes (one group if there are few)."""
    if num_clades < 16:
        return [num_clades]
    coarse, middle = num_clades // 8, num_clades // 4
    return [coarse, middle, num_clades - coarse - middle]


def relative_abundance(index_BS: Tensor, counts_BS: Tensor, num_asvs: int) -> Tensor:
    """Relative abundances of the batch's distinct ASVs, ``BU``, from the ragged counts."""
    abundance_BU = counts_BS.new_zeros(counts_BS.shape[0], num_asvs)
    abundance_BU.scatter_add_(1, index_BS, counts_BS)
    return abundance_BU / abundance_BU.sum(dim=1, keepdim=True)
