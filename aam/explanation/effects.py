"""What a method finds: the effect of each of several things on each output, with an interval.

Legend of shapes: ``N`` samples that are explained, ``G`` things (ASVs, clades, taxa, positions, covariates),
``O`` outputs.
"""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from typing import Any

import numpy as np

MICROBIOME, METADATA, BOTH = "microbiome", "metadata", "both"
"""Things of the level ``part``."""
CHANGE, PROBABILITY = "prediction", "probability"
"""Units of changes of predictions, of numbers and of classes; each output is named in :meth:`Effects.unit_of`."""
AGREEING = 0.8
"""Share of the models in which the effect of a stable thing has one sign."""
PRESENT = 0.5
"""Share of the models above which their samples have a stable thing."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Effects:
    """Effects of the things of one level on the predictions of one learner, by one method.

    Attributes
    ----------
    method
        Name of the method.
    learner
        ``model``, or the name of one of its learners.
    level
        What the things are: ``asv``, ``clade``, a rank, ``position``, ``covariate`` or ``part``.
    names, labels
        Id of each thing (``G``), and how it is shown.
    outputs
        Names of the outputs (``O``).
    unit
        What an effect is measured in, in words: that of the target, a probability, an increase of the error.
    effect_GO
        The mean over the samples that have the thing. Signed: positive where it raises the prediction; of methods
        that measure errors, positive where the model is worse without it.
    low_GO, high_GO
        Ends of its 95 % interval over groups of samples, draws and models; NaN where there is none.
    importance_GO
        The mean size of the effect over the samples that have the thing, by which things are ranked: over all samples
        the most prevalent would come first.
    support_G
        Samples that have the thing.
    by_sample_NGO
        The effect in each sample: 0 where the thing is absent, NaN where it is not known.
    has_NG
        Which samples have the thing.
    agreement_GO
        Share of the models (folds, seeds) in which the effect has the sign of the mean, among those whose samples have
        the thing; None for a single model.
    presence_G
        Share of the models whose samples have the thing; None for a single model.
    is_signed
        False where an effect is a share, above 0 whatever it does: it is then never clear.
    is_increase
        Whether an effect is an increase of the error: a mean over all samples whose truth is known, with the thing or
        without it, which is the importance as well.
    """

    method: str
    learner: str
    level: str
    names: tuple[str, ...]
    labels: tuple[str, ...]
    outputs: tuple[str, ...]
    unit: str
    effect_GO: np.ndarray
    low_GO: np.ndarray
    high_GO: np.ndarray
    importance_GO: np.ndarray
    support_G: np.ndarray
    by_sample_NGO: np.ndarray
    has_NG: np.ndarray
    agreement_GO: np.ndarray | None = None
    presence_G: np.ndarray | None = None
    is_signed: bool = True
    is_increase: bool = False

    def __len__(self) -> int:
        return len(self.names)

    def unit_of(self, output: int) -> str:
        """What effects on an output are measured in, in words."""
        changed = {CHANGE: "change of", PROBABILITY: "change of the probability of"}.get(self.unit)
        return self.unit if changed is None else f"{changed} {self.outputs[output]}"

    @property
    def rank_G(self) -> np.ndarray:
        """Places of the things, the most important first: by the largest of their outputs."""
        return np.argsort(-self.importance_GO.max(axis=1), kind="stable")

    @property
    def is_change(self) -> bool:
        """Whether an effect is a change of predictions: its sign then says whether the thing raises or lowers them."""
        return self.is_signed and not self.is_increase

    @property
    def is_clear_GO(self) -> np.ndarray:
        """Whether the interval leaves out 0."""
        return np.asarray(self.is_signed & ((self.low_GO > 0) | (self.high_GO < 0)))

    @property
    def is_stable_GO(self) -> np.ndarray | None:
        """Whether an effect is clear, and has one sign in at least ``AGREEING`` of the models, most of which have it.

        None for a single model.
        """
        if self.agreement_GO is None or self.presence_G is None:
            return None
        there_G = self.presence_G > PRESENT
        return np.asarray(self.is_clear_GO & (self.agreement_GO >= AGREEING) & there_G[:, None], dtype=bool)

    def take(self, chosen_G: np.ndarray) -> Effects:
        """Some of the things: places, or a mask."""
        places = np.arange(len(self))[chosen_G]
        parts: dict[str, Any] = {name: _taken(getattr(self, name), places, axis) for name, axis in AXES.items()}
        parts |= {name: tuple(getattr(self, name)[g] for g in places) for name in ("names", "labels")}
        return dataclasses.replace(self, **parts)


def mean_size(by_sample_NGO: np.ndarray, support_G: np.ndarray) -> np.ndarray:
    """Mean size of effects over the samples that have each thing, ``G x O``; 0 where none has it."""
    total_GO = np.abs(by_sample_NGO).sum(axis=0, dtype=np.float64)
    return np.asarray(total_GO / np.maximum(support_G, 1)[:, None])


AXES = {
    "effect_GO": 0,
    "low_GO": 0,
    "high_GO": 0,
    "importance_GO": 0,
    "support_G": 0,
    "by_sample_NGO": 1,
    "has_NG": 1,
    "agreement_GO": 0,
    "presence_G": 0,
}
"""Where the things are among the axes of each array."""


def _taken(array: np.ndarray | None, places: np.ndarray, axis: int) -> np.ndarray | None:
    return None if array is None else np.take(array, places, axis=axis)
