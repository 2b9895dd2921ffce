"""What kernels are made of: abundances of ASVs and clades, and what an encoder says of samples.

None of it reads a target, and all samples of a study are seen.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
from scipy.cluster.hierarchy import linkage
from scipy.sparse import csr_array
from scipy.special import softmax
from sklearn.cluster import KMeans
from sklearn.metrics import euclidean_distances, pairwise_distances_argmin

from aam.config import SamplingOptions
from aam.data.batches.loaders import LoaderOptions
from aam.data.study.study import Study
from aam.learners.clades import Clades, clade_counts, scale_rows
from aam.models.folder.weights import load_model
from aam.models.inference import BatchPredictor
from aam.models.sequence_encoder import SequenceEncoder
from benchmarks.encoder.dna_tree import word_vectors

PREVALENCE = {"asvs": 0.01, "clades": 0.02}
MOST_CLUSTERED = 5_000
NUM_SOFT = 256
BATCH = 32
Features = dict[str, np.ndarray]
"""Features ``N x F`` by a letter."""


def plain_features(study: Study) -> Features:
    """Log-ratios of ASVs (``C``), and log abundances of clades of 6-mers: Ward's (``D``) and soft ones (``K``)."""
    words = word_vectors(study.tokens)
    return {"C": _log_ratios(study), "D": log_clades(study, words), "K": soft_clades(study, words)}


def _log_ratios(study: Study) -> np.ndarray:
    counts = study.table.counts
    common = (counts > 0).sum(axis=0) >= PREVALENCE["asvs"] * len(study)
    logs = np.log(counts[:, np.flatnonzero(common)].toarray() + 0.5)
    return np.asarray(logs - logs.mean(axis=1, keepdims=True))


def log_clades(study: Study, vectors: np.ndarray) -> np.ndarray:
    """Log abundances of the clades of Ward's tree of ASV vectors; rare ASVs join the nearest of the others."""
    prevalence = np.asarray((study.table.counts > 0).sum(axis=0)).ravel()
    chosen = np.sort(np.argsort(-prevalence, kind="stable")[:MOST_CLUSTERED])
    chosen = chosen[prevalence[chosen] >= min(2, prevalence.max())]
    node_of = pairwise_distances_argmin(vectors, vectors[chosen])
    node_of[chosen] = np.arange(len(chosen))
    reads = clade_counts(study.table.counts, Clades(_ward(vectors[chosen]), node_of))
    common = np.asarray((reads > 0).sum(axis=0)).ravel() >= PREVALENCE["clades"] * len(study)
    shares = scale_rows(csr_array(reads[:, np.flatnonzero(common)].astype(np.float64)), 1e4 / _depths(study))
    return np.log1p(shares.toarray())


def soft_clades(study: Study, vectors: np.ndarray) -> np.ndarray:
    """Log abundances of soft clades about the k-means centres of ASV vectors.

    Each ASV shares its abundance out among the centres by a Gaussian of its distance, whose width is half of the
    centre's distance to the nearest other.
    """
    number = min(NUM_SOFT, len(vectors))
    weights = np.asarray((study.table.counts > 0).sum(axis=0)).ravel()
    kmeans = KMeans(number, n_init=1, random_state=0, max_iter=30).fit(vectors, sample_weight=weights)
    centres = kmeans.cluster_centers_
    between = euclidean_distances(centres, squared=True)
    np.fill_diagonal(between, np.inf)
    logits = -euclidean_distances(vectors, centres, squared=True) / np.maximum(between.min(axis=1) / 4, 1e-12)
    shares = scale_rows(study.table.counts.astype(np.float64), 1e4 / _depths(study))
    return np.log1p(np.asarray(shares @ softmax(logits, axis=1)))


def _ward(points: np.ndarray) -> np.ndarray:
    number = len(points)
    parent = np.full(2 * number - 1, -1)
    merges = linkage(points, "ward")[:, :2].astype(np.int64)
    parent[merges] = number + np.arange(number - 1)[:, None]
    return parent


def _depths(study: Study) -> np.ndarray:
    return np.asarray(study.table.counts.sum(axis=1), dtype=np.float64).ravel()


def read_encoder(folder: Path) -> SequenceEncoder:
    """The encoder of a model folder."""
    encoder, _ = load_model(folder)
    assert isinstance(encoder, SequenceEncoder)
    return encoder


def encoder_features(encoder: SequenceEncoder, study: Study) -> Features:
    """What an encoder says of a study, from all reads.

    ``E`` is its sample vector, ``P`` the profile of its soft clades, ``T`` the clades of Ward's tree in its space of
    ASV vectors, and ``S`` soft clades that are placed anew on the study's ASVs in that space.
    """
    sampling = SamplingOptions(rarefy_depth="none")
    predictor = BatchPredictor([encoder], study, sampling, LoaderOptions(batch_size=BATCH), torch.device("cpu"))
    rows = np.arange(len(study))
    samples = np.concatenate([output.vectors_BD for output in predictor.run(rows)])
    asvs = predictor.vectors_AD[0].numpy().astype(np.float64)
    found = {"E": standardised(samples), "T": log_clades(study, asvs), "S": soft_clades(study, asvs)}
    if encoder.sample_encoder.soft_clades is not None:
        found["P"] = _profiles(encoder, asvs, study)
    return found


@torch.no_grad()
def _profiles(encoder: SequenceEncoder, asvs: np.ndarray, study: Study) -> np.ndarray:
    assert encoder.sample_encoder.soft_clades is not None
    divided = encoder.sample_encoder.soft_clades.shares(torch.from_numpy(asvs).float()).numpy()
    shares = scale_rows(study.table.counts.astype(np.float64), 1e4 / _depths(study))
    return np.log1p(np.asarray(shares @ divided))


def standardised(features: np.ndarray) -> np.ndarray:
    """Features with a mean of 0 and a spread of 1."""
    spread = features.std(axis=0)
    return np.asarray((features - features.mean(axis=0)) / np.where(spread > 0, spread, 1))
