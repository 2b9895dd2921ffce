"""By how much predictions become worse: errors of samples, and effects that are increases of the mean error.

Numbers: the absolute error, in the user's units. Classes: the Brier score, the sum over classes of squared differences
of probability and truth. It is proper (best where probabilities are right) and finite for a class of probability 0, as
forests give, which the logarithm is not.

Legend of shapes: ``N`` samples that are explained, ``G`` things, ``T`` targets, ``O`` outputs.

References
----------
Brier (1950), Verification of forecasts expressed in terms of probability, Monthly Weather Review 78. Breiman (2001),
Random forests, Machine Learning 45 (importance as an increase of the error). Fisher, Rudin, Dominici (2019), All models
are wrong, but many are useful, Journal of Machine Learning Research 20 (of any model).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from aam.explanation.effects import Effects
from aam.explanation.intervals import bootstrap_interval
from aam.explanation.method import Subject

ABSOLUTE, BRIER = "increase of the mean absolute error", "increase of the Brier score"


def unit_of(subject: Subject) -> str:
    """What an increase is measured in."""
    return BRIER if subject.model.predictor.targets.specs[0].classes else ABSOLUTE


def unmeasurable(subject: Subject) -> str:
    """Why errors cannot be measured, or an empty text."""
    columns, truths = subject.model.predictor.targets.specs, subject.truths
    known = [] if truths is None else [spec.kind.is_present(truths[spec.column][subject.rows]) for spec in columns]
    return "" if any(one.any() for one in known) else "no explained sample has a true value"


def losses(subject: Subject, predicted_NO: np.ndarray, places: np.ndarray | None = None) -> np.ndarray:
    """Error of each prediction, ``N x T``; NaN where the truth is unknown.

    Parameters
    ----------
    subject
        With truths.
    predicted_NO
        Predictions in the user's units.
    places
        Which of the explained samples they are of; all, in order, where left out.

    Raises
    ------
    InputError
        If a truth is a class that the model does not know.
    """
    assert subject.truths is not None
    rows, targets = subject.rows if places is None else subject.rows[places], subject.model.predictor.targets
    if not targets.specs[0].classes:
        truth_NT = np.column_stack([subject.truths[column][rows] for column in targets.columns])
        return np.asarray(np.abs(predicted_NO - truth_NT))
    found = np.full((len(rows), len(targets)), np.nan)
    for place, (spec, outputs) in enumerate(zip(targets.specs, targets.outputs, strict=True)):
        truth_N = subject.truths[spec.column][rows]
        known = spec.kind.is_present(truth_N)
        is_it = spec.encode(truth_N[known])[:, None] == np.arange(len(spec.classes))
        found[known, place] = ((predicted_NO[known, outputs] - is_it) ** 2).sum(axis=1)
    return found


@dataclass(frozen=True, kw_only=True, eq=False)
class Things:
    """What is exchanged, as :class:`~aam.explanation.effects.Effects` says it."""

    level: str
    names: tuple[str, ...]
    labels: tuple[str, ...]
    support_G: np.ndarray


def increases(subject: Subject, method: str, things: Things, by_learner: Mapping[str, np.ndarray]) -> list[Effects]:
    """Effects on each learner, from the increase of each sample's error.

    An effect is the mean over all samples whose truth is known: what the model as a whole loses. It ranks the things
    as well, since an error that falls by chance is no importance.

    Parameters
    ----------
    subject, method, things
        What was explained, by which method, and what was exchanged.
    by_learner
        Learner -> ``N x G x T``, the mean over draws; NaN where the truth is unknown.
    """
    return [_effects(subject, method, things, learner, found) for learner, found in by_learner.items()]


def _effects(subject: Subject, method: str, things: Things, learner: str, increase_NGT: np.ndarray) -> Effects:
    has_NG = ~np.isnan(increase_NGT).all(axis=2)
    effect, low, high = bootstrap_interval(increase_NGT, has_NG, subject.unit_N, seed=subject.seed)
    return Effects(
        method=method,
        learner=learner,
        level=things.level,
        names=things.names,
        labels=things.labels,
        outputs=subject.model.predictor.targets.columns,
        unit=unit_of(subject),
        effect_GO=effect,
        low_GO=low,
        high_GO=high,
        importance_GO=effect,
        support_G=things.support_G,
        by_sample_NGO=increase_NGT.astype(np.float32),
        has_NG=has_NG,
        is_increase=True,
    )
