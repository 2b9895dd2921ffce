"""What a method finds: the effect of each of several things on each output, with an interval.

Legend of shapes: ``N`` samples that are explained, ``G`` things (ASVs, clades, taxa, positions, covariates),
``O`` outputs.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np


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
        The mean size of the effect over all samples (0 in samples without the thing), by which things are ranked.
    support_G
        Samples that have the thing.
    by_sample_NGO
        The effect in each sample, where the method has one: 0 where the thing is absent.
    agreement_GO
        Share of the models (folds, seeds) in which the effect has the sign of the mean; NaN for a single model.
    relatives, with_relatives_GO
        For ASVs: the smallest clade of which each is one, empty text where there is none, and the effect of that clade
        as a whole. An ASV whose part its relatives can play has no effect alone, and the clade has.
    note
        What was left out, in words.
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
    by_sample_NGO: np.ndarray | None = None
    agreement_GO: np.ndarray | None = None
    relatives: tuple[str, ...] | None = None
    with_relatives_GO: np.ndarray | None = None
    note: str = ""

    def __len__(self) -> int:
        return len(self.names)

    @property
    def rank_G(self) -> np.ndarray:
        """Places of the things, the most important first: by the largest of their outputs."""
        return np.argsort(-self.importance_GO.max(axis=1), kind="stable")

    @property
    def is_clear_GO(self) -> np.ndarray:
        """Whether the interval leaves out 0."""
        return np.asarray((self.low_GO > 0) | (self.high_GO < 0))
