"""Ordinations: principal coordinates of distances, principal components of vectors, and their text form.

Legend: ``N`` samples, ``D`` width of a vector, ``K`` axes.

References
----------
Gower (1966), Some distance properties of latent root and vector methods used in multivariate analysis, Biometrika 53.
Halko, Martinsson, Tropp (2011), Finding structure with randomness, SIAM Review 53 (the randomised solver).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.linalg import eigh

EXACT = 2_000
"""Samples up to which all eigenvalues are computed; beyond, the first ones, by a randomised solver."""
NOISE = 1e-10
"""Share of the largest eigenvalue below which one is zero."""


@dataclass(frozen=True, eq=False)
class Ordination:
    """Coordinates of samples.

    Attributes
    ----------
    method
        What was done, in words.
    coordinates_NK
        Coordinates; the axes are in order of their eigenvalues.
    eigenvalues_K
        Variation along each axis (its sum of squares); empty where the method has none.
    shares_K
        The same as a share of all variation.
    """

    method: str
    coordinates_NK: np.ndarray
    eigenvalues_K: np.ndarray
    shares_K: np.ndarray


def principal_coordinates(distances_NN: np.ndarray, axes: int, seed: int = 42) -> Ordination:
    """Principal coordinates analysis (PCoA) of a matrix of distances.

    Shares are those of the sum of the positive eigenvalues (scikit-bio's), or for more than ``EXACT`` samples of the
    sum of all.

    Parameters
    ----------
    distances_NN
        Symmetric, with a diagonal of 0; they need not be Euclidean.
    axes
        Axes at most; those without variation are left out.
    seed
        Of the randomised solver.
    """
    centred_NN = centred_products(distances_NN)
    wanted = min(axes, len(centred_NN))
    if len(centred_NN) <= EXACT:
        value, vector = eigh(centred_NN)
        value, vector = value[::-1], vector[:, ::-1]
        total = float(value[value > 0].sum())
        value, vector = value[:wanted], vector[:, :wanted]
    else:
        value, vector = _randomised(centred_NN, wanted, seed)
        total = float(np.trace(centred_NN))
    return _ordination("PCoA", vector, value, total)


def principal_components(vectors_ND: np.ndarray, axes: int) -> Ordination:
    """Principal component analysis (PCA) of vectors.

    Parameters
    ----------
    vectors_ND
        The vectors.
    axes
        Axes at most; those without variation are left out.
    """
    vectors = np.asarray(vectors_ND, dtype=np.float64)
    centred_ND = vectors - vectors.mean(axis=0)
    value, vector = eigh(centred_ND.T @ centred_ND)
    value, vector = value[::-1], vector[:, ::-1]
    total, wanted = float(np.maximum(value, 0).sum()), min(axes, len(value), len(vectors))
    kept = _above_noise(value[:wanted])
    value, vector = value[:wanted][kept], _with_signs(vector[:, :wanted][:, kept])
    return Ordination("PCA", centred_ND @ vector, value, value / max(total, np.finfo(float).tiny))


def centred_products(distances_NN: np.ndarray) -> np.ndarray:
    """Gower's matrix: the inner products about their mean of points with these distances."""
    products_NN = -0.5 * np.square(distances_NN, dtype=np.float64)
    mean_N = products_NN.mean(axis=0)
    products_NN -= mean_N
    products_NN -= products_NN.mean(axis=1, keepdims=True)
    return products_NN


def ordination_text(ordination: Ordination, sample_ids: Sequence[str]) -> str:
    """The text form of scikit-bio's ``OrdinationResults``, which QIIME 2 and Emperor read.

    References
    ----------
    https://scikit.bio/docs/latest/generated/skbio.io.format.ordination.html
    """
    values, shares, points = ordination.eigenvalues_K, ordination.shares_K, ordination.coordinates_NK
    lines = [f"Eigvals\t{len(values)}", _row(values), "", f"Proportion explained\t{len(shares)}", _row(shares), ""]
    lines += ["Species\t0\t0", "", f"Site\t{points.shape[0]}\t{points.shape[1]}"]
    lines += [f"{name}\t{_row(row)}" for name, row in zip(sample_ids, points, strict=True)]
    lines += ["", "Biplot\t0\t0", "", "Site constraints\t0\t0"]
    return "\n".join(lines) + "\n"


def _row(values: np.ndarray) -> str:
    return "\t".join(map(repr, values.tolist()))


def _randomised(matrix_NN: np.ndarray, axes: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """The largest eigenvalues with their vectors; those whose singular vectors point apart are negative."""
    from sklearn.utils.extmath import randomized_svd

    left, size, right = randomized_svd(matrix_NN, axes, n_iter=7, random_state=seed)
    value = size * np.sign(np.einsum("nk,kn->k", left, right))
    order = np.argsort(-value, kind="stable")
    return value[order], left[:, order]


def _ordination(method: str, vector_NK: np.ndarray, value_K: np.ndarray, total: float) -> Ordination:
    kept = _above_noise(value_K)
    value_K, vector_NK = value_K[kept], _with_signs(vector_NK[:, kept])
    return Ordination(method, vector_NK * np.sqrt(value_K), value_K, value_K / max(total, np.finfo(float).tiny))


def _above_noise(value_K: np.ndarray) -> np.ndarray:
    largest = float(value_K.max(initial=0.0))
    return (value_K > NOISE * largest) & (value_K > np.finfo(float).tiny)


def _with_signs(vector_NK: np.ndarray) -> np.ndarray:
    """Eigenvectors have no sign of their own; the largest entry is made positive, on every machine."""
    if not vector_NK.size:
        return vector_NK
    largest = np.abs(vector_NK).argmax(axis=0)
    return vector_NK * np.sign(vector_NK[largest, np.arange(vector_NK.shape[1])])
