"""A network over padded rectangles, as a graph of fixed operations needs it.

The network itself packs rows of different length one after the other, and decides by the data how attention is
computed. Here every row is padded to the longest and masked: the same weights and formulas, the same results, more
arithmetic. Nothing depends on the data but numbers, so that the whole can be traced once for all sizes.

Legend of shapes: ``B`` samples, ``S`` ASVs per sample, ``U`` distinct ASVs, ``L`` bases, ``k`` bases a patch, ``P``
patches, ``D`` width, ``K`` soft clades or latent vectors, ``V`` vectors of covariates, ``E`` their width.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from aam.alphabet import PAD, VOCABULARY
from aam.models.asv_encoder import AsvEncoder, sinusoids
from aam.models.attention import TransformerStack
from aam.models.fusion import Fusion, PerceiverFusion, asv_scores
from aam.models.pooling import SoftClades
from aam.models.sample_encoder import SMALLEST_SHARE, SampleEncoder, log_shares
from aam.models.sequence_encoder import SequenceEncoder
from aam.models.sequence_predictor import SequencePredictor, encoder_of


class PaddedSamples(NamedTuple):
    """Samples with each distinct ASV once.

    ``tokens_UL`` (int64) are codes of :mod:`aam.alphabet`, padded at the end; ``index_BS`` (int64) says which of the
    ASVs each sample has, any where its reads in ``counts_BS`` (float32) are 0; ``category_BC`` (int64) and
    ``number_BM`` (float32) are covariates as :class:`~aam.data.study.covariates.Covariates` has them, where there are
    any.
    """

    tokens_UL: Tensor
    index_BS: Tensor
    counts_BS: Tensor
    category_BC: Tensor | None = None
    number_BM: Tensor | None = None


class PaddedNetwork(nn.Module):
    """An encoder or predictor over padded samples; it shares the network's weights.

    A sample without reads, and an ASV without bases, get a finite answer that means nothing.

    Parameters
    ----------
    network
        The network, in evaluation mode. It must not read earlier samples.
    """

    def __init__(self, network: SequenceEncoder | SequencePredictor) -> None:
        super().__init__()
        self.network = network
        self.base = encoder_of(network)

    def forward(self, samples: PaddedSamples) -> tuple[Tensor, Tensor | None]:
        """Sample vectors ``BD`` and, of a predictor, its outputs where it learned them."""
        asv_UD = encode_asvs(self.base.asv_encoder, samples.tokens_UL)
        context_BSD, sample_BD, profile_BK = encode_samples(self.base.sample_encoder, asv_UD, samples)
        if not isinstance(self.network, SequencePredictor):
            return sample_BD, None
        vector_BD, path_BK = sample_BD, profile_BK
        encoder, fusion = self.network.covariate_encoder, self.network.fusion
        if encoder is not None and fusion is not None:
            assert samples.category_BC is not None
            assert samples.number_BM is not None
            token_BVE = encoder(samples.category_BC, samples.number_BM)
            vector_BD = fused(fusion, sample_BD, context_BSD, has_reads(samples.counts_BS), token_BVE)
            path_BK = encoder.beside(profile_BK, samples.category_BC, samples.number_BM)
        head = self.network.head
        return sample_BD, head.learned(head(vector_BD, path_BK, samples.category_BC))


def has_reads(counts_BS: Tensor) -> Tensor:
    """True where there is an ASV, ``BS``; everywhere in a sample without any, since nothing can be over no ASV."""
    there_BS = counts_BS > 0
    return there_BS | ~there_BS.any(dim=1, keepdim=True)


def run_stack(stack: TransformerStack, x_BLD: Tensor, mask_BL: Tensor | None) -> Tensor:
    """All layers over padded rows; same shape out."""
    size = x_BLD.shape[:2]
    mask = None if mask_BL is None else mask_BL[:, None, None]
    x_TD = x_BLD.flatten(0, 1)
    for layer in stack.layers:
        q, k, v = (part.unflatten(0, size).transpose(1, 2) for part in layer.queries(x_TD))  # type: ignore[operator]
        mixed = F.scaled_dot_product_attention(q, k, v, attn_mask=mask)
        x_TD = layer.merge(x_TD, mixed.transpose(1, 2).flatten(0, 1))  # type: ignore[operator]
    normed: Tensor = stack.norm(x_TD)
    return normed.unflatten(0, size)


def encode_asvs(encoder: AsvEncoder, tokens_UL: Tensor) -> Tensor:
    """One vector for each sequence, ``UD``; as :class:`AsvEncoder`, all sequences at once."""
    patch = encoder.patch
    num_patches = (tokens_UL.shape[1] + patch - 1) // patch
    filled = F.pad(tokens_UL, (0, patch - 1), value=PAD)[:, : num_patches * patch]
    tokens_UPk = filled.unflatten(1, (num_patches, patch))
    letter_V = torch.arange(VOCABULARY, device=tokens_UL.device)
    one_hot = (tokens_UPk.unsqueeze(-1) == letter_V).flatten(2).to(encoder.embed.weight.dtype)
    x_UPD = encoder.embed(one_hot)
    x_UPD = x_UPD + encoder.position_gain * sinusoids(num_patches, patch, x_UPD)
    there_UP = (tokens_UPk != PAD).any(dim=-1)
    there_UP = there_UP | ~there_UP.any(dim=1, keepdim=True)
    asv_UD: Tensor = encoder.norm(encoder.pool(run_stack(encoder.transformer, x_UPD, there_UP), there_UP))
    return asv_UD


def encode_samples(
    encoder: SampleEncoder, asv_UD: Tensor, samples: PaddedSamples
) -> tuple[Tensor, Tensor, Tensor | None]:
    """Vectors of ASVs in their sample (``BSD``, any where padded) and of samples, and the soft clades' profile."""
    counts_BS, there_BS = samples.counts_BS, has_reads(samples.counts_BS)
    log_BS = log_shares(counts_BS)
    x_BSD = F.embedding(samples.index_BS, asv_UD)
    if encoder.abundance is not None:
        x_BSD = encoder.abundance(x_BSD, log_BS, None)
    context_BSD = run_stack(encoder.sample_transformer, x_BSD, there_BS)
    encoded_BSD = run_stack(encoder.encoder_transformer, context_BSD, there_BS)
    sample_BD = encoder.pool(encoded_BSD, there_BS, encoder.abundance_power * log_BS)
    if encoder.soft_clades is None:
        return context_BSD, encoder.norm(sample_BD), None
    profile_BK = profile(encoder.soft_clades, asv_UD, samples)
    return context_BSD, encoder.norm(sample_BD + encoder.profile(profile_BK)), profile_BK


def profile(clades: SoftClades, asv_UD: Tensor, samples: PaddedSamples) -> Tensor:
    """Standardised log abundances of the soft clades, ``BK``."""
    counts_BS = samples.counts_BS
    nothing_BU = counts_BS.new_zeros(counts_BS.shape[0], asv_UD.shape[0])
    reads_BU = nothing_BU.scatter_add(1, samples.index_BS, counts_BS)
    share_BU = reads_BU / reads_BU.sum(dim=1, keepdim=True).clamp_min(SMALLEST_SHARE)
    return (clades.log_abundance(asv_UD, share_BU) - clades.shift_K) * torch.exp(clades.log_scale_K)


def fused(fusion: Fusion, vector_BD: Tensor, context_BSD: Tensor, there_BS: Tensor, token_BVE: Tensor) -> Tensor:
    """The samples' vectors with their covariates, ``BD``."""
    if not isinstance(fusion, PerceiverFusion):
        found: Tensor = fusion(vector_BD, context_BSD, there_BS, token_BVE)
        return found
    num_tokens = token_BVE.shape[1]
    key_BND = torch.cat([context_BSD, fusion.of_token(token_BVE)], dim=1)
    asvs_per_token_B1 = there_BS.sum(dim=1, keepdim=True) / num_tokens
    token_score_BV = asvs_per_token_B1.log().expand(-1, num_tokens)
    score_BN = torch.cat([asv_scores(context_BSD, there_BS), token_score_BV], dim=1)
    found_BKD = fusion.read(fusion.latent_KD.expand(vector_BD.shape[0], -1, -1), key_BND, score_BN)
    thought_BKD = run_stack(fusion.think, found_BKD, None)
    return vector_BD + fusion.out(thought_BKD.mean(dim=1))
