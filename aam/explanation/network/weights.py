"""The weights of attention that a network gives, read through its own path while it predicts.

Networks compute attention by fused kernels that never hold its weights. They are computed again beside each layer,
from the queries and keys that the layer itself has.

Legend of shapes: ``B`` samples, ``S`` ASVs per sample, ``T`` ASVs of all samples one after the other, ``D`` width,
``H`` heads, ``U`` distinct ASVs, ``P`` patches of bases.

References
----------
Abnar, Zuidema (2020), Quantifying attention flow in transformers, ACL (arXiv:2005.00928): attention rollout.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from aam.alphabet import PAD
from aam.data.batches.batch import Batch
from aam.data.batches.ragged import Ragged
from aam.explanation.network.members import Reader
from aam.models.asv_encoder import AsvEncoder
from aam.models.attention import TransformerLayer
from aam.models.pooling import AttentionPooling

ASVS_AT_ONCE = 256
OWN_PATH = 0.5
"""Share of what a layer gives that is its input: each branch is added to it."""


def layer_weights(layer: TransformerLayer, x_TD: Tensor, layout: Ragged) -> Iterator[Tensor]:
    """Weights of a layer's attention, ``H x S x S`` of each sample: how much each ASV reads of each; rows sum to 1."""
    query_THE, key_THE, _ = layer.queries(x_TD)
    sizes = list(layout.lengths)
    for query_SHE, key_SHE in zip(query_THE.split(sizes), key_THE.split(sizes), strict=True):
        score_HSS = torch.einsum("qhe,khe->hqk", query_SHE, key_SHE) / math.sqrt(query_SHE.shape[-1])
        yield score_HSS.softmax(dim=-1)


@torch.no_grad()
def sample_weights(reader: Reader, batch: Batch) -> tuple[Tensor, Tensor]:
    """Weight of each ASV in its sample's vector, ``BS``: of the pooling alone, and by rollout through the layers.

    A layer's rollout is the mean over its heads, and half the ASV itself; those of the layers are multiplied.
    Earlier samples, which the same layers encode, are left out: a sample's own ASVs have these weights with them too.
    """
    encoder = reader.network.base.sample_encoder
    flow: list[Tensor] = []
    pooled: list[Tensor] = []

    def on_layer(layer: nn.Module, given: Any) -> None:
        assert isinstance(layer, TransformerLayer)
        steps = [_step(weight_HSS) for weight_HSS in layer_weights(layer, *given)]
        flow[:] = [step @ before for step, before in zip(steps, flow, strict=True)] if flow else steps

    def on_pool(pool: nn.Module, given: Any) -> None:
        assert isinstance(pool, AttentionPooling)
        pooled.append(pool.weights(*given))

    layers = [*encoder.sample_transformer.layers, *encoder.encoder_transformer.layers]
    with watched(layers, on_layer), watched([encoder.pool], on_pool):
        reader.network(replace(batch, earlier=None), None, reader.vectors_AD[batch.asvs_U])
    (pool_BS,) = pooled
    rolled_BS = torch.zeros_like(pool_BS)
    for sample, size in enumerate(batch.layout.lengths):
        own_S = pool_BS[sample, :size]
        rolled_BS[sample, :size] = own_S @ flow[sample] if flow else own_S
    return pool_BS, rolled_BS


def _step(weight_HSS: Tensor) -> Tensor:
    """How a layer's attention carries on what its ASVs are made of, ``S x S``."""
    own_SS = torch.eye(weight_HSS.shape[-1], device=weight_HSS.device)
    return OWN_PATH * own_SS + (1 - OWN_PATH) * weight_HSS.float().mean(dim=0)


@torch.no_grad()
def base_weights(encoder: AsvEncoder, tokens_AL: np.ndarray, device: torch.device) -> np.ndarray:
    """Weight of each patch of bases in its ASV's vector, ``A x P``: rows sum to 1; 0 beyond a sequence's end."""
    bases_A = (tokens_AL != PAD).sum(axis=1)
    found = np.zeros((len(tokens_AL), -(-int(bases_A.max()) // encoder.patch)))
    order = np.argsort(bases_A, kind="stable")
    for start in range(0, len(order), ASVS_AT_ONCE):
        some = order[start : start + ASVS_AT_ONCE]
        parts: list[Tensor] = []

        def on_pool(pool: nn.Module, given: Any, parts: list[Tensor] = parts) -> None:
            assert isinstance(pool, AttentionPooling)
            parts.append(pool.weights(*given))

        with watched([encoder.pool], on_pool):
            tokens_UL = torch.from_numpy(tokens_AL[some, : bases_A[some[-1]]]).to(device)
            encoder(tokens_UL, bases_A[some].tolist(), with_patches=False)
        first = 0
        for part in parts:
            found[some[first : first + len(part)], : part.shape[1]] = part.cpu().numpy()
            first += len(part)
    return found


@contextmanager
def watched(modules: list[nn.Module], take: Any) -> Iterator[None]:
    """Give ``take`` each of these modules and what it is called with, before it computes."""
    handles = [module.register_forward_pre_hook(take) for module in modules]
    try:
        yield
    finally:
        for handle in handles:
            handle.remove()
