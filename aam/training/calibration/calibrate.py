"""Data-dependent initialisation: what a fresh model takes from the training samples before the first step.

Prototypes start as the centres of the training ASVs' vectors, standardised heads at the mean and spread of what they
predict, the distance head at the distances' scale, and the target's linear path at the ridge (or logistic) regression
on the soft clades, as in linear probing before fine-tuning (Kumar et al. 2022, arXiv:2202.10054).
Only training samples are used.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterable, Iterator
from contextlib import contextmanager

import numpy as np
import torch
from sklearn.cluster import KMeans
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import Ridge
from torch import Tensor

from aam.data.batches.batch import Batch
from aam.models.heads import Encoded, SelfSupervisedHead
from aam.models.pooling import SoftClades, relative_abundance, squared_distance
from aam.models.sequence_encoder import SequenceEncoder
from aam.models.sequence_predictor import SequencePredictor
from aam.training.calibration.linear_fit import fit_linear

MOST_ASVS_FOR_CENTRES = 20_000
PROFILE_PENALTY = 1.0
CORRECTION = 0.1
"""What is left of the fresh network's output beside a linear fit, which it is to correct and not to disturb."""
SHARPNESS = 0.25
"""Width of a prototype in typical gaps to the next nearest one: most of an ASV goes to one or two of them."""
SMALLEST = 1e-6


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
    calibrate_heads(encoder, encoder.task_heads(), vectors_AD, batches)
    encoder.train()


@torch.no_grad()
def calibrate_heads(
    encoder: SequenceEncoder, heads: list[SelfSupervisedHead], vectors_AD: Tensor, batches: list[Batch]
) -> None:
    """Start fresh heads of an encoder at the mean, spread or scale of what they are to predict.

    Parameters
    ----------
    encoder
        The model.
    heads
        Those of its heads that are fresh, changed in place.
    vectors_AD, batches
        As in :func:`calibrate_encoder`.
    """
    training = encoder.training
    encoder.eval()

    def encode(batch: Batch) -> Encoded:
        vectors_UD, _ = _abundance(batch, vectors_AD)
        encoded: Encoded = encoder(batch.to(vectors_AD.device), asv_vectors_UD=vectors_UD)
        return encoded

    for head in heads:
        head.calibrate(batches, encode)
    encoder.train(training)


@torch.no_grad()
def refit_clades(encoder: SequenceEncoder, vectors_AD: Tensor, batches: list[Batch], seed: int) -> None:
    """Re-centre the soft clades of a pre-trained encoder on the ASVs of the present study.

    Pre-training moves the clades to where distances are told apart, and another study has other ASVs. What the
    sample vector takes from the profile is fitted anew by least squares, so that it stays what pre-training made it.

    Parameters
    ----------
    encoder
        The model, changed in place.
    vectors_AD, batches, seed
        As in :func:`calibrate_encoder`.
    """
    clades = encoder.sample_encoder.soft_clades
    if clades is None:
        return
    profile = encoder.sample_encoder.profile
    before_BD = profile(_profiles(clades, vectors_AD, batches))
    _place_prototypes(clades, vectors_AD.float().cpu(), _prevalence(batches, len(vectors_AD)), seed)
    _standardise_profile(clades, vectors_AD, batches)
    after_BK = _profiles(clades, vectors_AD, batches).cpu().double().numpy()
    fitted = Ridge(alpha=PROFILE_PENALTY).fit(after_BK, before_BD.cpu().double().numpy())
    profile.weight.copy_(torch.from_numpy(fitted.coef_))
    profile.bias.copy_(torch.from_numpy(fitted.intercept_))


@torch.no_grad()
def calibrate_target(
    predictor: SequencePredictor, vectors_AD: Tensor, batches: list[Batch], groups: np.ndarray | None
) -> None:
    """Start the target's head at the training mean, and its linear path at a regularised linear fit.

    Quantiles start about the linear fit, as far from it as the training samples are; so does a number whose loss costs
    more on one side, which asks for a quantile. Weights of samples and classes count.

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
    target_BT = torch.cat([_present(batch.target_BT) for batch in batches]).cpu()
    given = [batch.weight_B for batch in batches if batch.weight_B is not None]
    head = predictor.head
    weight_B = head.loss_weights(target_BT, torch.cat(given).cpu().double() if given else None)
    head.start(target_BT, weight_B)
    if head.linear_path is not None:
        path_BK = torch.cat([_path_inputs(predictor, batch, vectors_AD) for batch in batches]).cpu().numpy()
        wanted_BT, weights = head.path_target(target_BT).numpy(), None if weight_B is None else weight_B.numpy()
        weight, bias = fit_linear(path_BK, wanted_BT, head.num_classes, groups, weights)
        head.set_linear_path(torch.from_numpy(weight), CORRECTION)
        head.start_with_path(torch.from_numpy(path_BK @ weight.T), torch.from_numpy(bias), target_BT, weight_B)
    predictor.train()


def _path_inputs(predictor: SequencePredictor, batch: Batch, vectors_AD: Tensor) -> Tensor:
    """What the linear path reads of the samples of a batch."""
    clades, covariates = predictor.base.sample_encoder.soft_clades, predictor.covariate_encoder
    profile_BK = None if clades is None else clades(*_abundance(batch, vectors_AD))
    if covariates is None:
        return _present(profile_BK)
    here = vectors_AD.device
    return covariates.beside(profile_BK, _present(batch.category_BC).to(here), _present(batch.number_BM).to(here))


def _profiles(clades: SoftClades, vectors_AD: Tensor, batches: list[Batch]) -> Tensor:
    """What the heads read of the soft clades in all samples of the batches."""
    return torch.cat([clades(*_abundance(batch, vectors_AD)) for batch in batches])


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
        kmeans = KMeans(min(size, len(points)), n_init=1, max_iter=30, random_state=seed)
        with _fewer_clusters_accepted():
            found = kmeans.fit(points, sample_weight=weight)
        centre = found.cluster_centers_.astype(np.float32)
        if len(centre) < size:
            extra = centre[rng.integers(len(centre), size=size - len(centre))]
            centre = np.concatenate([centre, extra + rng.normal(0, 0.01, extra.shape).astype(np.float32)])
        distance = squared_distance(torch.from_numpy(points), torch.from_numpy(centre)).sort(dim=1).values
        width = SHARPNESS * (distance[:, 1] - distance[:, 0]).median() if size > 1 else distance[:, 0].mean()
        centres.append(torch.from_numpy(centre))
        widths.append(torch.full((size,), float(width.clamp_min(1e-4).log())))
    clades.prototype_KD.copy_(torch.cat(centres))
    clades.log_width_K.copy_(torch.cat(widths))


@contextmanager
def _fewer_clusters_accepted() -> Iterator[None]:
    """ASVs with the very same vector make fewer clusters than are asked for."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        yield


def _standardise_profile(clades: SoftClades, vectors_AD: Tensor, batches: list[Batch]) -> None:
    profile = torch.cat([clades.log_abundance(*_abundance(batch, vectors_AD)) for batch in batches])
    clades.shift_K.copy_(profile.mean(dim=0))
    clades.log_scale_K.copy_(-torch.log(profile.std(dim=0, correction=0).clamp_min(0.05)))
