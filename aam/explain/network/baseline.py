"""Where the ways of integrated gradients begin: the ASVs and abundances of an average training sample.

A baseline of zero reads is no sample, and counts on another scale are the same sample: networks read shares.

Legend of shapes: ``B`` samples, ``S`` ASVs per sample, ``A`` ASVs of the study, ``D`` width.
"""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from aam.data.batches.batch import Batch
from aam.data.study.study import Study
from aam.explain.method import Subject
from aam.explain.network.members import Reader
from aam.learners.clades import scale_rows, totals
from aam.learners.predictor import Predictor
from aam.models.pooling import ABUNDANCE_FLOOR
from aam.models.vector_cache import encode_asvs

MOST_ENCODED = 512
"""Training ASVs, the most prevalent ones, of which the mean vector is made."""


def training_shares(predictor: Predictor, study: Study) -> np.ndarray | None:
    """Mean relative abundance of the study's ASVs in the training samples (``A``), 0 for new ones.

    None where the model keeps no training samples.
    """
    reference = predictor.reference
    if reference is None:
        return None
    counts = reference.counts
    share_K = np.asarray(scale_rows(counts.astype(np.float64), 1 / totals(counts)).mean(axis=0)).ravel()
    known_A = reference.asvs.placement(study).known
    found: np.ndarray = np.where(known_A >= 0, share_K[known_A], 0.0)
    return found


def log_counts(batch: Batch, share_A: np.ndarray | None) -> Tensor:
    """Logs of the counts that each sample's ASVs have at the baseline, ``BS``; 0 where padded.

    The ASVs share the sample's reads as they do in the mean training sample, or evenly where that is not known. What
    the model adds to each share before the logarithm is added here too, for ASVs that are new.
    """
    mask_BS = batch.mask_BS
    if share_A is None:
        share_BS = mask_BS.to(torch.float32)
    else:
        share_U = torch.as_tensor(share_A + ABUNDANCE_FLOOR, dtype=torch.float32, device=mask_BS.device)[batch.asvs_U]
        share_BS = share_U[batch.index_BS] * mask_BS
    share_BS = share_BS / share_BS.sum(dim=1, keepdim=True)
    return torch.where(mask_BS, share_BS * batch.counts_BS.sum(dim=1, keepdim=True), 1.0).log()


def mean_vector(reader: Reader, subject: Subject) -> Tensor:
    """The mean vector ``D`` of the training samples' ASVs, each as often as samples have it.

    Of a model that does not know its training ASVs, that of the samples that are explained.
    """
    familiarity = subject.model.predictor.familiarity
    if familiarity is None:
        weight_A = np.bincount(subject.study.table.counts[subject.rows].indices, minlength=len(subject.study.lengths))
        vectors_AD = reader.vectors_AD
    else:
        most = np.argsort(-familiarity.asvs.prevalence, kind="stable")[:MOST_ENCODED]
        weight_A = familiarity.asvs.prevalence[most]
        encoder = reader.network.base.asv_encoder
        vectors_AD = encode_asvs(encoder, familiarity.asvs.tokens[most], reader.interpreter.device)
    weight = torch.as_tensor(weight_A / weight_A.sum(), dtype=vectors_AD.dtype, device=vectors_AD.device)
    return weight @ vectors_AD
