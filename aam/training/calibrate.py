"""A start with intent: what a fresh model takes from the training samples before the first step.

Prototypes start as the centres of the training ASVs' vectors, standardised heads at the mean and spread of what they
predict, the distance head at the distances' scale, and the target's linear path at the ridge (or logistic) regression
on the soft clades, as in linear probing before fine-tuning (Kumar et al. 2022, arXiv:2202.10054).
Only training samples are used.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np
import torch
from sklearn.cluster import KMeans
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.model_selection import GridSearchCV, GroupKFold, KFold
from torch import Tensor

from aam.data.batch import Batch
from aam.models.heads import CountHead, DistanceHead, FaithHead, StandardisedHead
from aam.models.pooling import SoftClades, relative_abundance, squared_distance
from aam.models.sequence_encoder import SequenceEncoder
from aam.models.sequence_predictor import SequencePredictor

MOST_ASVS_FOR_CENTRES = 20_000
RIDGE_PENALTIES = np.logspace(-1, 5, 13)
LOGISTIC_INVERSE_PENALTIES = np.logspace(-5, 1, 7)


@torch.no_grad()
def calibrate_encoder(encoder: SequenceEncoder, vectors_AD: Tensor, batches: list[Batch], seed: int) -> None:
    """Prepare a fresh encoder.

    Parameters
    ----------
    encoder
        The model, changed in place.
    vectors_AD
        Its vectors of all ASVs of the study.
    batches
        Training samples, as drawn for validation.
    seed
        Seed of the centres.
    """
    encoder.eval()
    clades = encoder.sample_encoder.soft_clades
    if clades is not None:
        prevalence_A = _prevalence(batches, len(vectors_AD))
        _place_prototypes(clades, vectors_AD.float().cpu(), prevalence_A, seed)
        _standardise_profile(clades, vectors_AD, batches)
    for head in encoder.task_heads():
        if isinstance(head, DistanceHead):
            _scale_distances(encoder, head, vectors_AD, batches)
        elif isinstance(head, StandardisedHead):
            truth = torch.cat([_raw_truth(head, batch) for batch in batches])
            head.center.copy_(truth.mean())
            head.spread.copy_(truth.std().clamp_min(1e-6))
    encoder.train()


@torch.no_grad()
def calibrate_target(
    predictor: SequencePredictor, vectors_AD: Tensor, batches: list[Batch], groups: np.ndarray | None
) -> None:
    """Start the target's head at the training mean, and its linear path at a regularised linear fit.

    Parameters
    ----------
    predictor
        The model, changed in place.
    vectors_AD
        Its encoder's vectors of all ASVs.
    batches
        Training samples with targets.
    groups
        Group of each of their samples, in order, so that the penalty is chosen across groups; or None.
    """
    predictor.eval()
    target = torch.cat([_present(batch.target_B) for batch in batches]).cpu()
    if predictor.target.kind == "regression":
        predictor.set_prior(target.float().mean())
    else:
        counts = torch.bincount(target, minlength=len(predictor.target.classes)).float()
        predictor.set_prior(counts / counts.sum())
    path, clades = predictor.head.linear_path, predictor.base.sample_encoder.soft_clades
    if path is not None and clades is not None:
        profile = torch.cat([clades(*_abundance(batch, vectors_AD)) for batch in batches]).cpu().numpy()
        weight, bias = _linear_fit(profile, target.numpy(), predictor.target.kind, groups)
        path.weight.copy_(torch.from_numpy(weight))
        predictor.head.out.bias.copy_(torch.from_numpy(bias))
    predictor.train()


def _present(value: Tensor | None) -> Tensor:
    assert value is not None
    return value


def _abundance(batch: Batch, vectors_AD: Tensor) -> tuple[Tensor, Tensor]:
    vectors_UD = vectors_AD[batch.asvs_U.to(vectors_AD.device)]
    index, counts = batch.index_BS.to(vectors_AD.device), batch.counts_BS.to(vectors_AD.device)
    return vectors_UD, relative_abundance(index, counts, len(vectors_UD))


def _prevalence(batches: Iterable[Batch], num_asvs: int) -> np.ndarray:
    prevalence = np.zeros(num_asvs)
    for batch in batches:
        present = batch.asvs_U.cpu().numpy()[batch.index_BS[batch.mask_BS].cpu().numpy()]
        prevalence += np.bincount(present, minlength=num_asvs)
    return prevalence


def _place_prototypes(clades: SoftClades, vectors_AD: Tensor, prevalence_A: np.ndarray, seed: int) -> None:
    """K-means centres of the ASVs' vectors at each scale; widths so that neighbours share, strangers do not."""
    rng = np.random.default_rng(seed)
    seen = np.flatnonzero(prevalence_A)
    if len(seen) > MOST_ASVS_FOR_CENTRES:
        seen = np.sort(rng.choice(seen, MOST_ASVS_FOR_CENTRES, replace=False))
    points, weight = vectors_AD.numpy()[seen], np.log1p(prevalence_A[seen])
    centres, widths = [], []
    for size in clades.scales:
        found = KMeans(min(size, len(points)), n_init=1, max_iter=30, random_state=seed).fit(points, sample_weight=weight)
        centre = found.cluster_centers_.astype(np.float32)
        if len(centre) < size:
            extra = centre[rng.integers(len(centre), size=size - len(centre))]
            centre = np.concatenate([centre, extra + rng.normal(0, 0.01, extra.shape).astype(np.float32)])
        distance = squared_distance(torch.from_numpy(points), torch.from_numpy(centre)).sort(dim=1).values
        width = (distance[:, 1] - distance[:, 0]).median() if size > 1 else distance[:, 0].mean()
        centres.append(torch.from_numpy(centre))
        widths.append(torch.full((size,), float(width.clamp_min(1e-4).log())))
    clades.prototype_KD.copy_(torch.cat(centres))
    clades.log_width_K.copy_(torch.cat(widths))


def _standardise_profile(clades: SoftClades, vectors_AD: Tensor, batches: list[Batch]) -> None:
    profile = torch.cat([clades.log_abundance(*_abundance(batch, vectors_AD)) for batch in batches])
    clades.shift_K.copy_(profile.mean(dim=0))
    clades.log_scale_K.copy_(-torch.log(profile.std(dim=0).clamp_min(0.05)))


def _scale_distances(encoder: SequenceEncoder, head: DistanceHead, vectors_AD: Tensor, batches: list[Batch]) -> None:
    predicted, true = [], []
    for batch in batches[:8]:
        vectors_UD, _ = _abundance(batch, vectors_AD)
        comparison = head.compare(encoder(batch.to(vectors_AD.device), asv_vectors_UD=vectors_UD), batch)
        predicted.append(comparison.prediction)
        true.append(comparison.truth)
    ratio = torch.cat(true).mean() / torch.cat(predicted).mean().clamp_min(1e-6)
    head.log_scale.add_(torch.log(ratio.clamp_min(1e-6)))


def _raw_truth(head: StandardisedHead, batch: Batch) -> Tensor:
    if isinstance(head, FaithHead):
        return _present(batch.faith_pd_B)
    assert isinstance(head, CountHead)
    share_BS = batch.counts_BS / batch.counts_BS.sum(dim=1, keepdim=True)
    return torch.log(share_BS[batch.mask_BS])


def _linear_fit(
    profile_BK: np.ndarray, target_B: np.ndarray, kind: str, groups: np.ndarray | None
) -> tuple[np.ndarray, np.ndarray]:
    """Weights ``outputs x K`` and biases of the best regularised linear model, its penalty chosen by 5 folds."""
    num_groups = len(profile_BK) if groups is None else len(np.unique(groups))
    folds = max(2, min(5, num_groups))
    splitter = KFold(folds, shuffle=True, random_state=0) if groups is None else GroupKFold(folds)
    model, grid, score = _linear_search(kind)
    search = GridSearchCV(model, grid, scoring=score, cv=splitter, error_score=-np.inf)
    fitted = search.fit(profile_BK, target_B, groups=groups).best_estimator_
    weight, bias = np.atleast_2d(fitted.coef_), np.atleast_1d(fitted.intercept_)
    if kind == "classification" and len(weight) == 1:
        weight, bias = np.concatenate([-weight, weight]) / 2, np.concatenate([-bias, bias]) / 2
    return weight.astype(np.float32), bias.astype(np.float32)


def _linear_search(kind: str) -> tuple[Any, dict[str, Any], str]:
    if kind == "regression":
        return Ridge(), {"alpha": RIDGE_PENALTIES}, "neg_mean_squared_error"
    return LogisticRegression(max_iter=300), {"C": LOGISTIC_INVERSE_PENALTIES}, "neg_log_loss"
