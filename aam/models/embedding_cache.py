"""The vectors of all ASVs of a study, computed once: for a frozen encoder, and to prepare a fresh one."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from aam.data.alphabet import PAD
from aam.models.asv_encoder import AsvEncoder

ASVS_AT_ONCE = 512


@torch.no_grad()
def encode_asvs(encoder: AsvEncoder, tokens_AL: np.ndarray, device: torch.device | str = "cpu") -> Tensor:
    """Encode every ASV of a study in evaluation mode.

    Parameters
    ----------
    encoder
        The ASV encoder, on ``device``.
    tokens_AL
        Codes of ``aam.data.alphabet``, one row an ASV.
    device
        Where to compute and to keep the result.

    Returns
    -------
    Tensor
        ``A x D``.
    """
    training = encoder.training
    encoder.eval()
    bases_A = (tokens_AL != PAD).sum(axis=1)
    order = np.argsort(bases_A, kind="stable")
    vectors_AD = torch.empty(len(tokens_AL), encoder.norm.normalized_shape[0], device=device)
    for some in np.array_split(order, -(-len(order) // ASVS_AT_ONCE)):
        tokens_UL = torch.from_numpy(tokens_AL[some, : bases_A[some[-1]]]).to(device)
        vectors_AD[torch.from_numpy(some).to(device)] = encoder(tokens_UL, bases_A[some].tolist()).asv_UD
    encoder.train(training)
    return vectors_AD
