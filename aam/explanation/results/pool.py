"""Effects of several models (folds, seeds) put together: one mean, an interval over groups and models, and agreement.

Legend of shapes: ``N`` samples of all models together, ``G`` things, ``O`` outputs, ``M`` models.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

import numpy as np

from aam.explanation.effects import Effects, mean_size
from aam.explanation.intervals import bootstrap_interval


def pool(parts: Sequence[Sequence[Effects]], units: Sequence[np.ndarray], *, seed: int) -> list[Effects]:
    """Put together what several models say.

    Parameters
    ----------
    parts
        For each model what its methods found.
    units
        For each model the group of each of its samples; the same number is the same group in all.
    seed
        Of the bootstrap.

    Returns
    -------
    list of Effects
        Those of each method, learner and level; the interval draws groups and models.
    """
    found: dict[tuple[str, str, str], list[tuple[int, Effects]]] = {}
    for place, part in enumerate(parts):
        for one in part:
            found.setdefault((one.method, one.learner, one.level), []).append((place, one))
    outputs = tuple(dict.fromkeys(name for part in parts for one in part for name in one.outputs))
    return [_pooled(each, outputs, len(parts), units, seed) for each in found.values()]


def _pooled(
    each: Sequence[tuple[int, Effects]], outputs: tuple[str, ...], models: int, units: Sequence[np.ndarray], seed: int
) -> Effects:
    label_of = {name: label for _, one in each for name, label in zip(one.names, one.labels, strict=True)}
    own_outputs = tuple(name for name in outputs if any(name in one.outputs for _, one in each))
    aligned = [_aligned(one, tuple(label_of), own_outputs) for _, one in each]
    pooled = _of_samples(aligned, [units[place] for place, _ in each], seed)
    pooled = dataclasses.replace(pooled, labels=tuple(label_of.values()))
    if models == 1:
        return pooled
    there_MG = np.stack([one.support_G > 0 for one in aligned])
    sign_MGO = np.stack([np.sign(np.nan_to_num(one.effect_GO)) for one in aligned])
    agree_GO = ((sign_MGO == np.sign(pooled.effect_GO)) & there_MG[:, :, None]).sum(axis=0)
    number_G = there_MG.sum(axis=0)
    with np.errstate(invalid="ignore"):
        agreement_GO = agree_GO / np.where(number_G > 0, number_G, np.nan)[:, None]
    return dataclasses.replace(pooled, agreement_GO=agreement_GO, presence_G=number_G / models)


def _of_samples(each: Sequence[Effects], units: Sequence[np.ndarray], seed: int) -> Effects:
    """All samples of all models as one set, from which groups and models are drawn."""
    by_sample_NGO = np.concatenate([one.by_sample_NGO for one in each])
    has_NG = np.concatenate([one.has_NG for one in each])
    model_N = np.repeat(np.arange(len(each)), [len(unit) for unit in units])
    effect, low, high = bootstrap_interval(by_sample_NGO, has_NG, np.concatenate(units), seed=seed, crossed=[model_N])
    return dataclasses.replace(
        each[0],
        effect_GO=effect,
        low_GO=low,
        high_GO=high,
        importance_GO=effect if each[0].is_increase else mean_size(by_sample_NGO, has_NG.sum(axis=0)),
        support_G=np.sum([one.support_G for one in each], axis=0),
        by_sample_NGO=by_sample_NGO,
        has_NG=has_NG,
    )


def _aligned(one: Effects, names: tuple[str, ...], outputs: tuple[str, ...]) -> Effects:
    """The same with these things and outputs; those that it lacks have no effect, and no sample has such a thing."""
    if one.names == names and one.outputs == outputs:
        return one
    thing_of, output_of = ({name: place for place, name in enumerate(all_of)} for all_of in (names, outputs))
    thing_G = np.array([thing_of[name] for name in one.names], dtype=np.int64)
    output_O = np.array([output_of[name] for name in one.outputs], dtype=np.int64)

    def spread(array: np.ndarray, empty: float) -> np.ndarray:
        found = np.full((len(names), len(outputs)), empty)
        found[np.ix_(thing_G, output_O)] = array
        return found

    support_G = np.zeros(len(names), dtype=np.int64)
    support_G[thing_G] = one.support_G
    number = len(one.by_sample_NGO)
    by_sample_NGO = np.zeros((number, len(names), len(outputs)), dtype=one.by_sample_NGO.dtype)
    by_sample_NGO[np.ix_(np.arange(number), thing_G, output_O)] = one.by_sample_NGO
    has_NG = np.zeros((number, len(names)), dtype=bool)
    has_NG[:, thing_G] = one.has_NG
    return dataclasses.replace(
        one,
        names=names,
        labels=("",) * len(names),
        outputs=outputs,
        effect_GO=spread(one.effect_GO, 0.0),
        low_GO=spread(one.low_GO, np.nan),
        high_GO=spread(one.high_GO, np.nan),
        importance_GO=spread(one.importance_GO, 0.0),
        support_G=support_G,
        by_sample_NGO=by_sample_NGO,
        has_NG=has_NG,
    )
