"""From the set of ASVs in a sample to one vector for the sample.

Legend of shapes: ``B`` samples, ``S`` ASVs per sample, ``U`` distinct ASVs of the batch, ``D`` width,
``T`` ASVs of all samples one after the other, ``K`` soft clades.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from aam.config import ModelOptions
from aam.data.batches.ragged import Ragged
from aam.models.attention import TransformerStack, initialise_linear
from aam.models.pooling import AttentionPooling, SoftClades, relative_abundance
from aam.models.size_estimate import NUM_ABUNDANCE_FEATURES

SMALLEST_SHARE = 1e-9


class SampleEncoding(NamedTuple):
    """What the sample encoder gives.

    ``context_TD`` are the ASVs' vectors in the light of their sample, and ``layout`` says where they lie (None for
    samples whose vectors were known already: nothing is left of their ASVs); ``sample_BD`` is the readout that
    pre-training and all heads share; ``profile_BK`` are the standardised log abundances of the soft clades (None
    without them).
    """

    context_TD: Tensor
    sample_BD: Tensor
    profile_BK: Tensor | None
    layout: Ragged | None = None

    @property
    def context_BSD(self) -> Tensor:
        """The ASVs' vectors by sample, 0 where padded. Made each time it is asked for, as most runs never do."""
        assert self.layout is not None, "nothing is left of the ASVs of samples whose vectors were known already"
        return self.layout.pad(self.context_TD)


class SampleEncoder(nn.Module):
    """A transformer over a sample's ASVs, with no positions: a sample is a set, its order cannot matter.

    Abundance enters as a feature of each ASV, weighs the pooling, and makes the soft clades' profile.
    """

    def __init__(self, options: ModelOptions) -> None:
        super().__init__()
        dim, heads = options.embedding_dim, options.attention_heads
        _, sample_layers, encoder_layers = options.layers
        recompute = bool(options.gradient_checkpointing)
        self.abundance = AbundanceEmbedding(options) if options.count_embedding else None
        self.sample_transformer = TransformerStack(dim, heads, sample_layers, options.dropout, recompute)
        self.encoder_transformer = TransformerStack(dim, heads, encoder_layers, options.dropout, recompute)
        self.pool = AttentionPooling(dim)
        self.abundance_power = nn.Parameter(torch.ones(1))
        self.soft_clades = SoftClades(dim, options.num_soft_clades) if options.num_soft_clades else None
        if options.num_soft_clades:
            self.profile = nn.Linear(options.num_soft_clades, dim)
            initialise_linear(self.profile)
        self.norm = nn.LayerNorm(dim)

    def forward(
        self,
        asv_UD: Tensor,
        index_BS: Tensor,
        counts_BS: Tensor,
        hidden_BS: Tensor | None = None,
        layout: Ragged | None = None,
    ) -> SampleEncoding:
        """Encode samples.

        Parameters
        ----------
        asv_UD
            Vectors of the batch's distinct ASVs.
        index_BS
            Which of them each sample has; any value where the count is 0.
        counts_BS
            Reads; 0 marks padding.
        hidden_BS
            True where an ASV's abundance is hidden from its context (to be predicted by the count head). The others'
            are then shares of the reads that are not hidden, since shares of all would tell what is missing to one.
        layout
            Where the samples' ASVs lie in ``index_BS``; read from the counts where left out.
        """
        layout = layout or Ragged.of_mask(counts_BS > 0)
        log_BS = log_shares(counts_BS)
        # As an embedding, since its gradient is summed in a fixed order; that of indexing is not.
        x_TD = F.embedding(layout.pack(index_BS), asv_UD)
        if self.abundance is not None:
            seen_BS = log_BS if hidden_BS is None else log_shares(counts_BS.masked_fill(hidden_BS, 0))
            hidden_T = None if hidden_BS is None else layout.pack(hidden_BS)
            x_TD = self.abundance(x_TD, layout.pack(seen_BS), hidden_T)
        context_TD = self.sample_transformer(x_TD, layout)
        # Its place in the graph decides in which order gradients are summed: so it is the same whoever asks for it.
        own_TD = context_TD.view_as(context_TD)
        encoded_BSD = layout.pad(self.encoder_transformer(context_TD, layout))
        mask_BS = None if layout.is_rectangle else counts_BS > 0
        sample_BD = self.pool(encoded_BSD, mask_BS, self.abundance_power * log_BS)
        if self.soft_clades is None:
            return SampleEncoding(own_TD, self.norm(sample_BD), None, layout)
        profile_BK = self.soft_clades(asv_UD, relative_abundance(index_BS, counts_BS, len(asv_UD)))
        return SampleEncoding(own_TD, self.norm(sample_BD + self.profile(profile_BK)), profile_BK, layout)


def log_shares(counts_BS: Tensor) -> Tensor:
    """Natural log of each ASV's share of its sample's reads, ``BS``; far below any share where there are none."""
    total_B1 = counts_BS.sum(dim=1, keepdim=True).clamp_min(SMALLEST_SHARE)
    return torch.log((counts_BS / total_B1).clamp_min(SMALLEST_SHARE))


class AbundanceEmbedding(nn.Module):
    """Adds an ASV's abundance in a sample to its vector: added, concatenated, or as FiLM.

    FiLM scales and shifts the vector (Perez et al. 2018, arXiv:1709.07871).
    The features are the log of the relative abundance, scaled to about -1..1, and its square root.
    """

    def __init__(self, options: ModelOptions) -> None:
        super().__init__()
        dim = options.embedding_dim
        self.method = options.count_embedding_method
        self.embed = nn.Linear(NUM_ABUNDANCE_FEATURES, 2 * dim if self.method == "film" else dim)
        initialise_linear(self.embed, gain=0.5)
        self.unknown = nn.Parameter(torch.zeros(NUM_ABUNDANCE_FEATURES))
        self.merge = nn.Linear(2 * dim, dim) if self.method == "concat" else None
        if self.merge is not None:
            initialise_linear(self.merge)

    def forward(self, x_TD: Tensor, log_T: Tensor, hidden_T: Tensor | None) -> Tensor:
        """Return ``x_TD`` with the abundances whose natural logs are ``log_T``; same shape."""
        features_T2 = torch.stack([log_T / 4 + 1, torch.exp(log_T / 2)], dim=-1)
        if hidden_T is not None:
            features_T2 = torch.where(hidden_T[..., None], self.unknown, features_T2)
        embedded = self.embed(features_T2.to(x_TD.dtype))
        if self.method == "add":
            return x_TD + embedded
        if self.merge is not None:
            return self.merge(torch.cat([x_TD, embedded], dim=-1))
        scale, shift = embedded.chunk(2, dim=-1)
        return x_TD * (1 + scale) + shift
