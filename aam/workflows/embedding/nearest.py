"""The training samples that each sample is most like, by the learned distance.

Legend: ``N`` samples, ``M`` training samples, ``D`` width.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from aam.files.columns import Columns

ROWS_AT_ONCE = 512
TYPICAL = 2_000
"""Training samples whose own nearest one says what is usual."""


def nearest_samples(
    samples: tuple[np.ndarray, np.ndarray],
    training: tuple[np.ndarray, np.ndarray],
    values: Mapping[str, np.ndarray],
    neighbours: int,
    seed: int,
) -> Columns:
    """The nearest training samples of each sample, as many as there are at most.

    A sample is no neighbour of itself: those of the same id are left out.

    Parameters
    ----------
    samples, training
        Ids and vectors (``N x D``, ``M x D``) of both.
    values
        Column -> what is known of the training samples, as text.
    neighbours
        How many.
    seed
        Seed of the choice of training samples that say what is usual.

    Returns
    -------
    Columns
        For each sample ``farther_than``, the share of the training samples that are nearer to their own nearest one,
        and ``neighbour_1``, ``distance_1`` and the columns of values, ``_2`` and so on; empty where there are fewer.
    """
    ids, vectors = samples
    known, points = training
    place, distance = _nearest(ids, vectors, known, points, neighbours)
    some = np.arange(len(known))
    if len(some) > TYPICAL:
        some = np.sort(np.random.default_rng(seed).choice(len(some), TYPICAL, replace=False))
    usual = np.sort(_nearest(known[some], points[some], known, points, 1)[1][:, 0])
    nearer = np.searchsorted(usual[np.isfinite(usual)], distance[:, 0], side="left") / max(1, len(usual))
    columns: dict[str, np.ndarray] = {"sample-id": ids, "farther_than": nearer}
    for rank in range(place.shape[1]):
        is_there = np.isfinite(distance[:, rank])
        cells = {"neighbour": known, **values}
        chosen = {name: np.where(is_there, of[place[:, rank]], "").astype(object) for name, of in cells.items()}
        columns[f"neighbour_{rank + 1}"] = chosen.pop("neighbour")
        columns[f"distance_{rank + 1}"] = np.where(is_there, distance[:, rank], np.nan)
        columns |= {f"{name}_{rank + 1}": one for name, one in chosen.items()}
    return Columns(columns)


def _nearest(
    ids: np.ndarray, vectors_ND: np.ndarray, known: np.ndarray, points_MD: np.ndarray, neighbours: int
) -> tuple[np.ndarray, np.ndarray]:
    """Places and distances of the nearest, ``N x neighbours``; infinite where there are fewer."""
    points = points_MD.astype(np.float64)
    squares = np.einsum("md,md->m", points, points)
    place_of = {name: place for place, name in enumerate(known.tolist())}
    wanted = min(neighbours, len(known))
    places, distances = np.empty((len(ids), wanted), dtype=np.int64), np.empty((len(ids), wanted))
    for start in range(0, len(ids), ROWS_AT_ONCE):
        block = vectors_ND[start : start + ROWS_AT_ONCE].astype(np.float64)
        square = np.einsum("nd,nd->n", block, block)[:, None] + squares - 2 * block @ points.T
        for row, name in enumerate(ids[start : start + ROWS_AT_ONCE].tolist()):
            if name in place_of:
                square[row, place_of[name]] = np.inf
        chosen = np.argpartition(square, wanted - 1, axis=1)[:, :wanted]
        order = np.take_along_axis(square, chosen, axis=1).argsort(axis=1, kind="stable")
        chosen = np.take_along_axis(chosen, order, axis=1)
        some = slice(start, start + len(block))
        places[some] = chosen
        distances[some] = np.sqrt(np.maximum(np.take_along_axis(square, chosen, axis=1), 0))
    return places, distances
