"""The plain way through the model: every (sample, ASV) pair is encoded, and everything is padded.

It reads the weights of a :class:`~aam.models.sequence_encoder.SequenceEncoder` by their names and shares no code with
its forward pass. So it is both what the model's speed is compared with and what its numbers are held to: losses and
gradients are equal, as a test says. Samples are padded to the token limit and sequences to the longest of the study;
places of a sample that hold no ASV are not encoded, as no program would. Dropout falls where the existing
implementation's does, on the attention weights too.

Legend of shapes: ``B`` samples, ``S`` the token limit, ``N`` pairs, ``L`` bases, ``P`` patches, ``k`` bases a patch,
``D`` width, ``H`` heads, ``E`` width of a head, ``K`` soft clades, ``M`` masked places.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from aam.alphabet import MASK, NUM_BASES, PAD, VOCABULARY
from aam.config import ModelOptions
from aam.data.batches.batch import Batch
from aam.data.batches.corruption import Corruption
from aam.models.pooling import ABUNDANCE_FLOOR
from aam.models.sequence_encoder import SequenceEncoder

SMALLEST_SHARE = 1e-9


@dataclass(frozen=True)
class PlainBatch:
    """A batch with every pair on its own, and how many samples of the batch have the pair's ASV."""

    tokens_BSL: Tensor
    masked_BSL: Tensor
    counts_BS: Tensor
    hidden_BS: Tensor
    owners_BS: Tensor
    distances_BB: Tensor | None


def spread(batch: Batch, corruption: Corruption, token_limit: int, longest: int) -> PlainBatch:
    """Give every pair a copy of its ASV's bases, and pad."""
    more = token_limit - batch.index_BS.shape[1]
    tokens_UL = F.pad(batch.tokens_UL, (0, longest - batch.tokens_UL.shape[1]), value=PAD)
    masked_UL = torch.zeros_like(tokens_UL, dtype=torch.bool)
    if corruption.masked_UL is not None:
        masked_UL[:, : corruption.masked_UL.shape[1]] = corruption.masked_UL
    index_BS, counts_BS = F.pad(batch.index_BS, (0, more)), F.pad(batch.counts_BS, (0, more))
    mask_BS = counts_BS > 0
    owners_U = torch.bincount(index_BS[mask_BS], minlength=len(tokens_UL))
    hidden_BS = torch.zeros_like(mask_BS)
    if corruption.hidden_BS is not None:
        hidden_BS[:, : corruption.hidden_BS.shape[1]] = corruption.hidden_BS
    return PlainBatch(
        tokens_BSL=tokens_UL[index_BS].masked_fill(~mask_BS[..., None], PAD),
        masked_BSL=masked_UL[index_BS] & mask_BS[..., None],
        counts_BS=counts_BS,
        hidden_BS=hidden_BS,
        owners_BS=owners_U[index_BS],
        distances_BB=batch.truths.pairs.get("distance"),
    )


class Plain:
    """The plain forward pass with the weights of a model, which are looked up anew each time.

    Parameters
    ----------
    model
        Gives the weights, the options, the heads that there are, and whether dropout is on.
    """

    def __init__(self, model: SequenceEncoder) -> None:
        self.model = model
        self.options: ModelOptions = model.options
        self.weights = dict(model.named_parameters()) | dict(model.named_buffers())

    def losses(self, batch: PlainBatch) -> dict[str, Tensor]:
        """Losses of the distance, nucleotide and count heads, where the model has them."""
        supervision = self.model.supervision
        mask_BS = batch.counts_BS > 0
        pair_ND, patch_NPD = self.encode(batch.tokens_BSL[mask_BS], batch.masked_BSL[mask_BS])
        pair_BSD = pair_ND.new_zeros(*mask_BS.shape, pair_ND.shape[-1])
        pair_BSD[mask_BS] = pair_ND
        context_BSD, sample_BD = self.sample(pair_BSD, batch)
        found = {}
        if batch.distances_BB is not None and supervision.encoder_type is not None:
            found["distance"] = self.distance_loss(sample_BD, batch.distances_BB)
        if supervision.nucleotides:
            found["nucleotide"] = self.nucleotide_loss(patch_NPD, batch)
        if supervision.counts:
            found["count"] = self.count_loss(context_BSD, batch)
        return found

    def encode(self, tokens_NL: Tensor, masked_NL: Tensor | None = None) -> tuple[Tensor, Tensor]:
        """Vectors of pairs, ``ND``, and of their patches, ``NPD``."""
        if masked_NL is not None:
            tokens_NL = tokens_NL.masked_fill(masked_NL, MASK)
        k = self.options.nucleotide_patch
        tokens_NPk = F.pad(tokens_NL, (0, -tokens_NL.shape[1] % k), value=PAD).unflatten(1, (-1, k))
        mask_NP = (tokens_NPk != PAD).any(-1)
        one_hot = F.one_hot(tokens_NPk.long(), VOCABULARY).flatten(2).float()
        x_NPD = self._linear("asv_encoder.embed", one_hot)
        places_PD = self._places(x_NPD.shape[1], k, x_NPD.device)
        x_NPD = x_NPD + self.weights["asv_encoder.position_gain"] * places_PD
        patch_NPD = self._stack("asv_encoder.transformer", x_NPD, mask_NP, self.options.layers[0])
        pooled_ND = self._pool("asv_encoder.pool", patch_NPD, mask_NP)
        return self._norm("asv_encoder.norm", pooled_ND), patch_NPD

    def sample(self, pair_BSD: Tensor, batch: PlainBatch) -> tuple[Tensor, Tensor]:
        """Vectors of the pairs in the light of their samples, ``BSD``, and of the samples, ``BD``."""
        _, sample_layers, encoder_layers = self.options.layers
        mask_BS = batch.counts_BS > 0
        log_BS = _log_shares(batch.counts_BS)
        x_BSD = self._abundance(pair_BSD, batch) if self.options.count_embedding else pair_BSD
        context_BSD = self._stack("sample_encoder.sample_transformer", x_BSD, mask_BS, sample_layers)
        encoded_BSD = self._stack("sample_encoder.encoder_transformer", context_BSD, mask_BS, encoder_layers)
        power = self.weights["sample_encoder.abundance_power"]
        sample_BD = self._pool("sample_encoder.pool", encoded_BSD, mask_BS, power * log_BS)
        if self.options.num_soft_clades:
            sample_BD = sample_BD + self._linear("sample_encoder.profile", self._profile(pair_BSD, batch.counts_BS))
        return context_BSD, self._norm("sample_encoder.norm", sample_BD)

    def distance_loss(self, sample_BD: Tensor, distances_BB: Tensor) -> Tensor:
        """Mean squared error over all pairs of samples."""
        z_BD = self._linear("heads.distance.project", sample_BD).float()
        squares_BB = (z_BD[:, None] - z_BD[None]).square().sum(-1)
        row, column = torch.triu_indices(len(z_BD), len(z_BD), 1, device=z_BD.device)
        scale = self.weights["heads.distance.log_scale"].exp() / math.sqrt(2 * z_BD.shape[1])
        return F.mse_loss(scale * squares_BB[row, column].sqrt(), distances_BB[row, column])

    def nucleotide_loss(self, patch_NPD: Tensor, batch: PlainBatch) -> Tensor:
        """Cross-entropy of the masked bases; an ASV that several samples have counts once."""
        mask_BS, k = batch.counts_BS > 0, self.options.nucleotide_patch
        masked_NL, tokens_NL = batch.masked_BSL[mask_BS], batch.tokens_BSL[mask_BS]
        logit_NPk4 = self._linear("heads.nucleotide.classify", patch_NPD).unflatten(-1, (k, NUM_BASES))
        logit_M4 = logit_NPk4.flatten(1, 2)[:, : masked_NL.shape[1]][masked_NL].float()
        loss_M = F.cross_entropy(logit_M4, tokens_NL[masked_NL].long() - 1, reduction="none")
        weight_M = (1 / batch.owners_BS[mask_BS])[:, None].expand(masked_NL.shape)[masked_NL]
        return (loss_M * weight_M).sum() / weight_M.sum()

    def count_loss(self, context_BSD: Tensor, batch: PlainBatch) -> Tensor:
        """Huber's loss of the standardised log shares of the ASVs whose abundance is hidden."""
        center, spread_ = self.weights["heads.count.center"], self.weights["heads.count.spread"]
        predicted = self._linear("heads.count.read", context_BSD).squeeze(-1)[batch.hidden_BS].float()
        truth = (_log_shares(batch.counts_BS)[batch.hidden_BS] - center) / spread_
        return F.smooth_l1_loss(predicted, truth)

    def _abundance(self, x_BSD: Tensor, batch: PlainBatch) -> Tensor:
        log_BS = _log_shares(batch.counts_BS.masked_fill(batch.hidden_BS, 0))
        features_BS2 = torch.stack([log_BS / 4 + 1, (log_BS / 2).exp()], -1)
        unknown = self.weights["sample_encoder.abundance.unknown"]
        features_BS2 = torch.where(batch.hidden_BS[..., None], unknown, features_BS2)
        embedded = self._linear("sample_encoder.abundance.embed", features_BS2)
        if self.options.count_embedding_method == "add":
            return x_BSD + embedded
        if self.options.count_embedding_method == "concat":
            return self._linear("sample_encoder.abundance.merge", torch.cat([x_BSD, embedded], -1))
        scale_BSD, shift_BSD = embedded.chunk(2, -1)
        return x_BSD * (1 + scale_BSD) + shift_BSD

    def _profile(self, pair_BSD: Tensor, counts_BS: Tensor) -> Tensor:
        """Standardised log abundances of the soft clades, ``BK``, in full precision."""
        name = "sample_encoder.soft_clades"
        prototype_KD, width_K = self.weights[f"{name}.prototype_KD"], self.weights[f"{name}.log_width_K"].exp()
        clades = self.options.num_soft_clades
        sizes = [clades] if clades < 16 else [clades // 8, clades // 4, clades - clades // 8 - clades // 4]
        with torch.autocast(pair_BSD.device.type, enabled=False):
            middle_D = prototype_KD.detach().mean(0)
            x_BSD, y_KD = pair_BSD.float() - middle_D, prototype_KD - middle_D
            distance_BSK = x_BSD.square().sum(-1, keepdim=True) + y_KD.square().sum(-1) - 2 * x_BSD @ y_KD.T
            logit_BSK = -distance_BSK.clamp_min(0) / width_K
            shares_BSK = torch.cat([part.softmax(-1) for part in logit_BSK.split(sizes, -1)], -1)
            abundance_BS = counts_BS / counts_BS.sum(1, keepdim=True)
            log_BK = (torch.einsum("bs,bsk->bk", abundance_BS, shares_BSK) + ABUNDANCE_FLOOR).log()
            log_BK = torch.cat([part - part.mean(-1, keepdim=True) for part in log_BK.split(sizes, -1)], -1)
            return (log_BK - self.weights[f"{name}.shift_K"]) * self.weights[f"{name}.log_scale_K"].exp()

    def _stack(self, name: str, x_BLD: Tensor, mask_BL: Tensor, depth: int) -> Tensor:
        for layer in range(depth):
            x_BLD = self._layer(f"{name}.layers.{layer}", x_BLD, mask_BL)
        return self._norm(f"{name}.norm", x_BLD)

    def _layer(self, name: str, x_BLD: Tensor, mask_BL: Tensor) -> Tensor:
        heads, dropout = self.options.attention_heads, self.options.dropout if self.model.training else 0.0
        qkv = self._linear(f"{name}.qkv", self._norm(f"{name}.attention_norm", x_BLD))
        q_BHLE, k_BHLE, v_BHLE = (t.unflatten(-1, (heads, -1)).transpose(1, 2) for t in qkv.chunk(3, -1))
        mixed_BHLE = F.scaled_dot_product_attention(
            q_BHLE, k_BHLE, v_BHLE, attn_mask=mask_BL[:, None, None], dropout_p=dropout
        )
        mixed_BLD = mixed_BHLE.transpose(1, 2).flatten(2)
        x_BLD = x_BLD + F.dropout(self._linear(f"{name}.attention_out", mixed_BLD), dropout)
        hidden = F.gelu(self._linear(f"{name}.mlp_in", self._norm(f"{name}.mlp_norm", x_BLD)))
        return x_BLD + F.dropout(self._linear(f"{name}.mlp_out", hidden), dropout)

    def _pool(self, name: str, x_BLD: Tensor, mask_BL: Tensor, prior_BL: Tensor | None = None) -> Tensor:
        score_BL = self._linear(f"{name}.score", x_BLD).squeeze(-1)
        score_BL = score_BL if prior_BL is None else score_BL + prior_BL
        weight_BL = score_BL.float().masked_fill(~mask_BL, -math.inf).softmax(-1)
        return (weight_BL.to(x_BLD.dtype)[:, None] @ x_BLD).squeeze(1)

    def _linear(self, name: str, x: Tensor) -> Tensor:
        return F.linear(x, self.weights[f"{name}.weight"], self.weights.get(f"{name}.bias"))

    def _norm(self, name: str, x: Tensor) -> Tensor:
        return F.layer_norm(x, x.shape[-1:], self.weights[f"{name}.weight"], self.weights[f"{name}.bias"])

    def _places(self, patches: int, k: int, device: torch.device) -> Tensor:
        """Sinusoids of each patch's first base, ``PD``."""
        dim = self.options.embedding_dim
        half = (dim + 1) // 2
        rates = torch.exp(torch.arange(half, device=device) * (-math.log(10_000.0) / half))
        angles = torch.arange(patches, device=device)[:, None] * k * rates
        return torch.cat([angles.sin(), angles.cos()], -1)[:, :dim]


def _log_shares(counts_BS: Tensor) -> Tensor:
    total_B1 = counts_BS.sum(1, keepdim=True).clamp_min(SMALLEST_SHARE)
    return (counts_BS / total_B1).clamp_min(SMALLEST_SHARE).log()


def losses(model: nn.Module, batch: Batch, corruption: Corruption) -> dict[str, Tensor]:
    """The product's losses of a batch, by the head's name."""
    encoded = model(batch, corruption)
    return {head.name: head.loss(head.compare(encoded, batch)) for head in model.task_heads()}  # type: ignore[operator]
