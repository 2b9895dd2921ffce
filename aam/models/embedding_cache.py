"""Vectors of ASVs and of samples, computed once: for a frozen encoder, and to prepare a fresh one."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import numpy as np
import torch
from torch import Tensor

from aam.data.alphabet import PAD
from aam.data.batch import Batch
from aam.models.asv_encoder import AsvEncoder
from aam.models.sample_store import SampleParts
from aam.models.sequence_encoder import SequenceEncoder

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
        vectors_AD[torch.from_numpy(some).to(device)] = encoder(
            tokens_UL, bases_A[some].tolist(), with_patches=False
        ).asv_UD
    encoder.train(training)
    return vectors_AD


@torch.no_grad()
def encode_samples(encoder: SequenceEncoder, vectors_AD: Tensor, batches: Iterable[Batch]) -> Iterator[SampleParts]:
    """Encode samples in evaluation mode, batch by batch.

    Parameters
    ----------
    encoder
        The encoder, on the device of ``vectors_AD``; its mode is given back at the end.
    vectors_AD
        Its vectors of all ASVs of the study.
    batches
        The samples.

    Yields
    ------
    SampleParts
        What :func:`~aam.data.batch.encoded_batch` takes: all that the batch has of each sample, and what the encoder
        makes of it, on the host.
    """
    training = encoder.training
    encoder.eval()
    try:
        for batch in batches:
            here = batch.to(vectors_AD.device)
            sample = encoder(here, asv_vectors_UD=vectors_AD[here.asvs_U]).sample
            found = batch.sample_parts() | {"vector_BD": sample.sample_BD.float()}
            if sample.profile_BK is not None:
                found["profile_BK"] = sample.profile_BK.float()
            yield {name: part.cpu() for name, part in found.items()}
    finally:
        encoder.train(training)
