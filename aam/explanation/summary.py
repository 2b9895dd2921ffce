"""Effects in each sample, by several models and draws of reads, summed up with an interval.

Legend of shapes: ``N`` samples that are explained, ``G`` things, ``O`` outputs, ``M`` models (the networks of an
ensemble), ``R`` draws of reads.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from aam.explanation.effects import Effects, mean_size
from aam.explanation.intervals import bootstrap_interval
from aam.explanation.method import Subject


@dataclass(frozen=True, kw_only=True, eq=False)
class Named:
    """What effects are called.

    Attributes
    ----------
    method, learner
        As in :class:`~aam.explanation.effects.Effects`.
    outputs, unit, is_signed
        As there.
    """

    method: str
    learner: str
    outputs: tuple[str, ...]
    unit: str
    is_signed: bool = True


def effects_of(
    subject: Subject,
    named: Named,
    things: tuple[str, tuple[str, ...], tuple[str, ...]],
    values_MRNGO: np.ndarray,
    has_MRNG: np.ndarray,
) -> Effects:
    """The mean over models and draws, with an interval over groups of samples, models and draws.

    Parameters
    ----------
    subject, named
        What is explained, and what the effects are called.
    things
        Their level, names and labels.
    values_MRNGO
        For each model and draw, the effects in each sample.
    has_MRNG
        Which samples have the things.
    """
    models, draws, number = values_MRNGO.shape[:3]
    of_model, of_draw, unit = np.broadcast_arrays(
        np.arange(models)[:, None, None], np.arange(draws)[:, None], subject.unit_N
    )
    flat, has = (values.reshape(models * draws * number, *values.shape[3:]) for values in (values_MRNGO, has_MRNG))
    effect, low, high = bootstrap_interval(
        flat, has, unit.ravel(), seed=subject.seed, crossed=[of_model.ravel(), of_draw.ravel()]
    )
    by_sample = values_MRNGO.mean(axis=(0, 1))
    has_NG: np.ndarray = np.asarray(has_MRNG.any(axis=(0, 1)))
    level, names, labels = things
    agreement_GO, presence_G = (None, None) if models == 1 else _agreement(values_MRNGO, has_MRNG)
    return Effects(
        method=named.method,
        learner=named.learner,
        level=level,
        names=names,
        labels=labels,
        outputs=named.outputs,
        unit=named.unit,
        effect_GO=effect,
        low_GO=low,
        high_GO=high,
        importance_GO=mean_size(by_sample, has_NG.sum(axis=0)),
        support_G=has_NG.sum(axis=0),
        by_sample_NGO=by_sample.astype(np.float32),
        has_NG=has_NG,
        is_signed=named.is_signed,
        agreement_GO=agreement_GO,
        presence_G=presence_G,
    )


def _agreement(values_MRNGO: np.ndarray, has_MRNG: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Share of the models in which the mean effect has the sign of that over all, and that have each thing."""
    sum_MGO = (values_MRNGO * has_MRNG[..., None]).sum(axis=(1, 2))
    same_MGO = np.sign(sum_MGO) == np.sign(sum_MGO.sum(axis=0))
    return same_MGO.mean(axis=0), has_MRNG.any(axis=(1, 2)).mean(axis=0)
