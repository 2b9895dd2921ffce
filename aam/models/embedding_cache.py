"""The vectors of all ASVs of a study, computed once: for a frozen encoder, and to prepare a fresh one."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

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
    blocks = [torch.from_numpy(tokens_AL[i : i + ASVS_AT_ONCE]) for i in range(0, len(tokens_AL), ASVS_AT_ONCE)]
    vectors = torch.cat([encoder(block.to(device)).asv_UD for block in blocks])
    encoder.train(training)
    return vectors
