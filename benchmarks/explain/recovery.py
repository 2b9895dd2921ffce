"""Whether informative ASVs and clades are at the top: explanations beside a forest's importances and correlations."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from itertools import product
from typing import Any

import numpy as np
from sklearn.metrics import r2_score, roc_auc_score

from aam.explanation.catalogue import METHODS
from aam.explanation.groups import ASV, CLADE, AsvGroups
from benchmarks.explain.rankings import READINGS, Ranking, of_effects, rivals, with_relatives
from benchmarks.explain.store import Store
from benchmarks.explain.studies import TARGET, fitted, simulated
from benchmarks.store import MissingError

DESIGNS = ((100, 2.0), (300, 1.0), (300, 2.0), (1_000, 2.0))
"""Training samples, and effect size."""


@dataclass(frozen=True, kw_only=True)
class Score:
    """How a ranking does in one study.

    Attributes
    ----------
    samples, effect, seed
        Training samples, effect size and seed of the study.
    level
        ``asv`` or ``clade``.
    ranking
        Its name.
    precision
        Share of informative groups among the first k; k groups are informative.
    auroc
        Area under the ROC curve.
    chance
        Share of informative groups among all.
    called
        Groups that are said to be important; None where the ranking does not say.
    false
        Share of them that are not informative (0 where there are none).
    power
        Share of the informative ones that are called.
    seconds
        That the method took, for all levels and learners.
    """

    samples: int
    effect: float
    seed: int
    level: str
    ranking: str
    precision: float
    auroc: float
    chance: float
    called: int | None = None
    false: float | None = None
    power: float | None = None
    seconds: float | None = None


def recovery(store: Store, designs: Sequence[tuple[int, float]], seeds: Sequence[int]) -> list[Score]:
    """Scores of all rankings in all studies that are there."""
    found = []
    for seed, (samples, effect) in product(seeds, designs):
        name = f"recovery/{samples}-{effect:g}-{seed}"
        try:
            rows = store.get(name, lambda s=samples, e=effect, d=seed: [asdict(one) for one in study_scores(s, e, d)])
        except MissingError:
            continue
        found += [Score(**row) for row in rows]
    return found


def study_scores(samples: int, effect: float, seed: int) -> Iterator[Score]:
    """All rankings of one study."""
    data = simulated(samples, effect, seed)
    about = {"samples": samples, "effect": effect, "seed": seed}
    model, groups = fitted(data), data.groups()
    predicted = model.predict(data.study, data.explained)
    for learner, values_BO in predicted.items():
        r2 = float(r2_score(data.target_N[data.explained], values_BO[:, 0]))
        yield Score(level=TARGET, ranking=learner, precision=r2, auroc=float("nan"), chance=0.0, **about)
    share_of = {level.level: dict(zip(level.names, data.truth.of(level), strict=True)) for level in groups}
    for level in groups:
        share_G = data.truth.of(level)
        for ranking in rivals(data, level):
            yield score(ranking, share_G, level=level.level, **about)
    subject = data.subject(model, groups)
    for name, method in METHODS.items():
        if not method.in_auto or method.unable(subject):
            continue
        started = time.monotonic()
        effects = method.explain(subject)
        seconds = round(time.monotonic() - started, 1)
        known = {(one.learner, one.level): one for one in effects if one.level in share_of}
        for (learner, level), one in known.items():
            share_G = np.array([share_of[level][name] for name in one.names])
            yield score(of_effects(one), share_G, level=level, seconds=seconds, **about)
            if one.by_sample_NGO is None or one.is_increase:
                continue
            readings = {reading: read(one) for reading, read in READINGS.items()}
            if level == ASV:
                readings["with its relatives"] = with_relatives(one, known[learner, CLADE], *relatives(*groups))
            for reading, score_G in readings.items():
                ranking = Ranking(name=f"{name}: {learner}: {reading}", score_G=score_G)
                yield score(ranking, share_G, level=level, **about)


def relatives(asvs: AsvGroups, clades: AsvGroups) -> tuple[AsvGroups, np.ndarray]:
    """The clades, and which of the ASVs are in each."""
    return clades, np.asarray((clades.members @ asvs.members.T).toarray())


def score(ranking: Ranking, share_G: np.ndarray, **about: Any) -> Score:
    """How a ranking does; groups with informative ASVs and others are left out, as there is no answer for them."""
    pure_G = (share_G == 0) | (share_G == 1)
    score_G, is_true_G = ranking.score_G[pure_G], share_G[pure_G] == 1
    number = int(is_true_G.sum())
    first = np.argsort(-score_G, kind="stable")[:number]
    said = {}
    if ranking.is_called_G is not None:
        called = ranking.is_called_G[pure_G]
        said = {
            "called": int(called.sum()),
            "false": float(np.mean(~is_true_G[called])) if called.any() else 0.0,
            "power": float(np.mean(called[is_true_G])),
        }
    return Score(
        ranking=ranking.name,
        precision=float(is_true_G[first].mean()),
        auroc=float(roc_auc_score(is_true_G, score_G)),
        chance=float(is_true_G.mean()),
        **said,
        **about,
    )
