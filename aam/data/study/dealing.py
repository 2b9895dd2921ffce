"""Dealing samples: a share that is held out, or folds; balanced by stratum, with groups kept whole.

scikit-learn's StratifiedGroupKFold takes groups by the spread of their class counts, the largest first, and shuffles
ties alone: its folds hardly depend on the seed where groups differ in size, and repeating them would say nothing. So
groups are dealt here.

Legend: ``N`` samples, ``G`` groups, ``K`` strata, ``F`` folds.
"""

from __future__ import annotations

import numpy as np

CHOICES = 32
MOST_GROUPS_DRAWN = 20_000
DEALS = 50
WHOLE = 2**38  # the weight of a whole stratum: precise, and sums fit 64 bits with up to 16 million samples


def hold_out(
    strata: np.ndarray,
    groups: np.ndarray | None,
    share: float,
    leave: int,
    rng: np.random.Generator,
    *,
    cover: bool = False,
) -> np.ndarray:
    """Choose about a share of the samples, balanced by stratum.

    Parameters
    ----------
    strata
        Stratum of each sample, from 0.
    groups
        Group of each sample, where whole groups are to be chosen.
    share
        Share of the samples; 0 chooses none.
    leave
        Least number of groups that are not chosen.
    rng
        Draws.
    cover
        Choose of every stratum that has two samples (or groups) or more, even where that is above the share.

    Returns
    -------
    numpy.ndarray
        Whether each sample is chosen.
    """
    if not share:
        return np.zeros(len(strata), dtype=bool)
    if groups is None:
        chosen = _choose_samples(strata, share, rng)
        return _with_every_stratum(strata, chosen, rng) if cover else chosen
    return _choose_groups(strata, groups, share, leave, rng, cover=cover)


def deal(
    strata: np.ndarray, groups: np.ndarray | None, number: int, rng: np.random.Generator, *, cover: bool = False
) -> np.ndarray:
    """Fold of each sample, from 0, so that folds are alike in size and strata.

    Parameters
    ----------
    strata
        Stratum of each sample, from 0.
    groups
        Group of each sample, where groups are to stay whole: the most even of several random ways is taken. Else each
        stratum is dealt out one by one, and is within one sample of its share in every fold.
    number
        Number of folds.
    rng
        Draws.
    cover
        Of the random ways, prefer those by which every fold has each stratum of enough groups.
    """
    if groups is None:
        fold_of = np.empty(len(strata), dtype=np.int64)
        fold_of[_shuffled_by_stratum(strata, rng)] = np.arange(len(strata)) % number
        return fold_of
    group_of, counts_GK = _counts_of_groups(strata, groups)
    in_all_K = (counts_GK > 0).sum(axis=0) >= number if cover else np.zeros(counts_GK.shape[1], dtype=bool)
    counts_GK = np.column_stack([counts_GK, counts_GK.sum(axis=1)])
    # Whole numbers, which no processor rounds: many ways are equally even, and rounding would choose between them.
    weight_K = WHOLE // counts_GK.sum(axis=0)
    drawn = (_draw(counts_GK, weight_K, number, rng) for _ in range(DEALS))
    lacking = ((int((held_FK[:, :-1][:, in_all_K] == 0).sum()), uneven, fold_of) for held_FK, uneven, fold_of in drawn)
    return min(lacking, key=lambda draw: draw[:2])[2][group_of]


def _draw(
    counts_GK: np.ndarray, weight_K: np.ndarray, number: int, rng: np.random.Generator
) -> tuple[np.ndarray, int, np.ndarray]:
    """Groups in random order, each put where it adds least to unevenness.

    Returns
    -------
    tuple
        What each fold holds, how uneven that is, and each group's fold.
    """
    held_FK = np.zeros((number, counts_GK.shape[1]), dtype=np.int64)
    fold_of = np.empty(len(counts_GK), dtype=np.int64)
    for group in rng.permutation(len(counts_GK)):
        fold = int((held_FK @ (counts_GK[group] * weight_K)).argmin())
        held_FK[fold] += counts_GK[group]
        fold_of[group] = fold
    return held_FK, int((held_FK**2 @ weight_K).sum()), fold_of


def deal_largest_first(groups: np.ndarray, number: int) -> np.ndarray:
    """Fold of each sample, from 0: groups in turn, the largest first. Nothing is drawn, and strata are not balanced.

    For the cross-validation within a fit, which chooses a penalty and is judged by nobody.
    """
    group_of = np.unique(groups, return_inverse=True)[1]
    order = np.argsort(-np.bincount(group_of), kind="stable")
    fold_of_group = np.empty(len(order), dtype=np.int64)
    fold_of_group[order] = np.arange(len(order)) % number
    return fold_of_group[group_of]


def _choose_samples(strata: np.ndarray, share: float, rng: np.random.Generator) -> np.ndarray:
    """Every (1 / share)-th sample after sorting by stratum and, within it, at random.

    The number chosen of each stratum is within one of its share, and a stratum of one sample is never chosen while
    there are others.
    """
    ordered = _shuffled_by_stratum(strata, rng)
    sizes = np.bincount(strata)[strata[ordered]]
    candidates = ordered[sizes > 1] if (sizes > 1).any() else ordered
    number = min(max(1, round(share * len(strata))), max(0, len(strata) - 1), len(candidates))
    chosen = np.zeros(len(strata), dtype=bool)
    if number:
        offset = rng.random()
        chosen[candidates[((np.arange(number) + offset) * len(candidates) / number).astype(np.int64)]] = True
    return chosen


def _with_every_stratum(strata: np.ndarray, chosen: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """The choice with one sample of each stratum of two or more that has none, in place of one of the fullest."""
    chosen, sizes = chosen.copy(), np.bincount(strata)
    for stratum in np.flatnonzero((sizes > 1) & (np.bincount(strata[chosen], minlength=len(sizes)) == 0)):
        held = np.bincount(strata[chosen], minlength=len(sizes))
        fullest = int(held.argmax())
        if held[fullest] > 1:
            chosen[rng.choice(np.flatnonzero(chosen & (strata == fullest)))] = False
        chosen[rng.choice(np.flatnonzero(strata == stratum))] = True
    return chosen


def _choose_groups(
    strata: np.ndarray, groups: np.ndarray, share: float, leave: int, rng: np.random.Generator, *, cover: bool
) -> np.ndarray:
    """Whole groups that together have about the share of each stratum; the best of several random choices."""
    group_of, counts_GK = _counts_of_groups(strata, groups)
    wanted_K = share * counts_GK.sum(axis=0)
    draws = max(1, min(CHOICES, MOST_GROUPS_DRAWN // len(counts_GK)))
    best = min((_draw_groups(counts_GK, wanted_K, leave, rng) for _ in range(draws)), key=lambda draw: draw[0])[1]
    return (_cover(counts_GK, wanted_K, best, leave) if cover else best)[group_of]


def _cover(counts_GK: np.ndarray, wanted_K: np.ndarray, chosen: np.ndarray, leave: int) -> np.ndarray:
    """The choice with a group of each stratum that has none, and without groups that it then has too many of.

    A stratum keeps a group that is not chosen, so that one in a single group stays out.
    """
    chosen = chosen.copy()

    def held() -> np.ndarray:
        found: np.ndarray = counts_GK[chosen].sum(axis=0)
        return found

    for stratum in np.argsort((counts_GK > 0).sum(axis=0), kind="stable"):
        if held()[stratum] or len(chosen) - chosen.sum() <= leave:
            continue
        left = counts_GK.sum(axis=0) - held()
        has_it = np.flatnonzero(~chosen & (counts_GK[:, stratum] > 0))
        candidates = [group for group in has_it if ((left > counts_GK[group]) | (left == 0)).all()]
        if candidates:
            chosen[min(candidates, key=lambda group: _distance(held() + counts_GK[group], wanted_K))] = True
    for group in np.flatnonzero(chosen):
        without = held() - counts_GK[group]
        if ((without > 0) | (held() == 0)).all() and _distance(without, wanted_K) < _distance(held(), wanted_K):
            chosen[group] = False
    return chosen


def _draw_groups(
    counts_GK: np.ndarray, wanted_K: np.ndarray, leave: int, rng: np.random.Generator
) -> tuple[tuple[int, float], np.ndarray]:
    """Take groups in random order while each brings the strata nearer to what is wanted; at least one, but not all.

    Returns
    -------
    tuple
        How bad the choice is (strata with nothing left to train on, then the distance to what is wanted), and it.
    """
    held_K = np.zeros_like(wanted_K)
    chosen = np.zeros(len(counts_GK), dtype=bool)
    order = rng.permutation(len(counts_GK))
    for group in order[:-leave]:
        if _distance(held_K + counts_GK[group], wanted_K) < _distance(held_K, wanted_K):
            held_K = held_K + counts_GK[group]
            chosen[group] = True
    if not chosen.any():
        nearest = min(order, key=lambda group: _distance(counts_GK[group], wanted_K))
        held_K, chosen[nearest] = counts_GK[nearest], True
    untrained = int((held_K == counts_GK.sum(axis=0)).sum())
    return (untrained, _distance(held_K, wanted_K)), chosen


def _distance(held_K: np.ndarray, wanted_K: np.ndarray) -> float:
    return float(((held_K - wanted_K) ** 2 / wanted_K).sum())


def _shuffled_by_stratum(strata: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """All samples in order of their strata, and within a stratum at random."""
    shuffled = rng.permutation(len(strata))
    return shuffled[np.argsort(strata[shuffled], kind="stable")]


def _counts_of_groups(strata: np.ndarray, groups: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Number of each sample's group, and samples of each group in each stratum that is not empty, ``G x K``."""
    group_of = np.unique(groups.astype(str), return_inverse=True)[1]
    counts_GK = np.zeros((group_of.max() + 1, strata.max() + 1), dtype=np.int64)
    np.add.at(counts_GK, (group_of, strata), 1)
    return group_of, counts_GK[:, counts_GK.any(axis=0)]
