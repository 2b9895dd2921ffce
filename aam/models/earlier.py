"""What earlier samples of the same subject add to the vector of a sample.

Legend of shapes: ``B`` samples, ``K`` earlier samples of each, ``E`` distinct earlier samples, ``D`` width.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from aam.data.batches.earlier import EarlierBatch
from aam.models.attention import initialise_linear
from aam.models.fusion import CrossAttentionLayer, zero_linear

TIME_FEATURES = 2


class EarlierFusion(nn.Module):
    """Attention of a sample's vector to those of earlier samples and its own, added through weights that start at zero.

    The vector of an earlier sample is told how long ago it was taken. A sample without earlier ones stays as it is.

    Parameters
    ----------
    dim
        Width ``D``.
    heads
        Attention heads.
    dropout
        Dropout of the attention layer.
    """

    def __init__(self, dim: int, heads: int, dropout: float) -> None:
        super().__init__()
        self.time = nn.Linear(TIME_FEATURES, dim)
        initialise_linear(self.time)
        self.ask = CrossAttentionLayer(dim, heads, dropout)
        self.norm = nn.LayerNorm(dim)
        self.out = zero_linear(dim, dim)

    def forward(self, vector_BD: Tensor, past_ED: Tensor, earlier: EarlierBatch) -> Tensor:
        """The samples' vectors with what earlier samples say, ``BD``.

        Parameters
        ----------
        vector_BD
            Vectors of the samples.
        past_ED
            Vectors of the distinct earlier samples.
        earlier
            Which of them are whose, and how long ago.
        """
        # As an embedding, since its gradient is summed in a fixed order.
        past_BKD = F.embedding(earlier.place_BK, past_ED) + self.time(_time_features(earlier.gap_BK).to(past_ED.dtype))
        key_BND = torch.cat([vector_BD[:, None], past_BKD.to(vector_BD.dtype)], dim=1)
        score_BK = earlier.gap_BK.new_zeros(earlier.has_BK.shape).masked_fill(~earlier.has_BK, float("-inf"))
        score_BN = F.pad(score_BK, (1, 0))
        answer_BD = self.ask(vector_BD[:, None], key_BND, score_BN)[:, 0]
        has_B1 = earlier.has_BK.any(dim=1, keepdim=True)
        return vector_BD + self.out(self.norm(answer_BD)) * has_B1


def _time_features(gap_BK: Tensor) -> Tensor:
    """Logarithm of the time, and what an exponential memory of one median time keeps of it: ``B x K x 2``."""
    return torch.stack([torch.log1p(gap_BK), torch.exp(-gap_BK)], dim=-1)
