"""Rankings of groups of ASVs: by explanations, and by what is usual beside them.

Legend of shapes: ``N`` samples, ``G`` groups, ``S`` shares of groups in samples.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
from scipy.stats import false_discovery_control, spearmanr
from sklearn.ensemble import RandomForestRegressor
from sklearn.inspection import permutation_importance

from aam.explanation.effects import Effects
from aam.explanation.groups import AsvGroups
from benchmarks.explain.studies import Simulated

TREES, PERMUTATIONS = 100, 2
SMALL = 5
"""ASVs of the largest clade whose effect counts for its ASVs."""
IMPURITY, PERMUTED, CORRELATION = "forest: impurity", "forest: permutation", "Spearman"


@dataclass(frozen=True, kw_only=True, eq=False)
class Ranking:
    """Scores of groups, the most important with the highest.

    Attributes
    ----------
    name
        How they were made.
    score_G
        A score for each group.
    is_called_G
        Which are said to be important, where it says so.
    """

    name: str
    score_G: np.ndarray
    is_called_G: np.ndarray | None = None


def over_all(effects: Effects) -> np.ndarray:
    """Mean size of the effect over all samples."""
    assert effects.by_sample_NGO is not None
    return np.asarray(np.abs(effects.by_sample_NGO[:, :, 0]).mean(axis=0))


def in_carriers(effects: Effects) -> np.ndarray:
    """Mean size of the effect over the samples that have the group."""
    return over_all(effects) * len_of(effects) / np.maximum(effects.support_G, 1)


def spread(effects: Effects) -> np.ndarray:
    """Standard deviation of the effect over all samples."""
    assert effects.by_sample_NGO is not None
    return np.asarray(effects.by_sample_NGO[:, :, 0].std(axis=0))


def certainty(effects: Effects) -> np.ndarray:
    """Mean effect, by the width of its interval."""
    with np.errstate(invalid="ignore", divide="ignore"):
        found = np.abs(effects.effect_GO[:, 0]) / (effects.high_GO[:, 0] - effects.low_GO[:, 0])
    return np.nan_to_num(found, nan=0.0, posinf=0.0)


READINGS: Mapping[str, Callable[[Effects], np.ndarray]] = {
    "over all samples": over_all,
    "in samples that have it": in_carriers,
    "spread over all samples": spread,
    "mean by its interval": certainty,
}
"""Ways to rank by effects of single samples."""


def with_relatives(asvs: Effects, clades: Effects, groups: AsvGroups, within_CA: np.ndarray) -> np.ndarray:
    """The size in carriers of an ASV, and the mean size of the small clades that it is in.

    Parameters
    ----------
    asvs, clades
        Effects of the two levels.
    groups
        The clades.
    within_CA
        Which of the ASVs of the first are in each of them.
    """
    small_CA = within_CA * (groups.size_G <= SMALL)[:, None]
    sizes_C, sizes_A = in_carriers(clades), in_carriers(asvs)
    number_A = small_CA.sum(axis=0)
    of_clades_A = sizes_C @ small_CA / np.maximum(number_A, 1)
    scale_A, scale_C = sizes_A.mean() or 1.0, sizes_C.mean() or 1.0
    return np.asarray(sizes_A / scale_A + of_clades_A / scale_C)


def len_of(effects: Effects) -> int:
    """Samples that were explained."""
    assert effects.by_sample_NGO is not None
    return len(effects.by_sample_NGO)


def of_effects(effects: Effects) -> Ranking:
    """The ranking that the method itself gives."""
    importance = np.nan_to_num(effects.importance_GO[:, 0])
    called = effects.is_clear_GO[:, 0]
    return Ranking(name=f"{effects.method}: {effects.learner}", score_G=importance, is_called_G=called)


def rivals(data: Simulated, groups: AsvGroups, false_discoveries: float = 0.05) -> list[Ranking]:
    """Importances of a random forest on the shares of the groups, and rank correlations with the target.

    Forest and correlations learn from the training samples; the permutation importance, of scikit-learn, is the loss of
    R2 on the samples that are explained.
    """
    share_NG = np.asarray(data.shares @ groups.members.T.toarray())
    train, new, target_N = data.training, data.explained, data.target_N
    forest = RandomForestRegressor(TREES, max_features=1 / 3, random_state=data.seed, n_jobs=1)
    forest.fit(share_NG[train], target_N[train])
    permuted = permutation_importance(
        forest, share_NG[new], target_N[new], n_repeats=PERMUTATIONS, random_state=data.seed, n_jobs=1
    )
    found = [spearmanr(share_NG[train, group], target_N[train]) for group in range(len(groups))]
    correlation, chance = np.nan_to_num([[one.statistic, one.pvalue] for one in found], nan=0.0).T
    called = false_discovery_control(np.where(correlation == 0, 1.0, chance)) < false_discoveries
    return [
        Ranking(name=IMPURITY, score_G=forest.feature_importances_),
        Ranking(name=PERMUTED, score_G=permuted.importances_mean),
        Ranking(name=CORRELATION, score_G=np.abs(correlation), is_called_G=called),
    ]
