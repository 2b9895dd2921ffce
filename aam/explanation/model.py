"""A model as it is explained: what each of its learners, and all together, predict in the user's units.

Legend of shapes: ``B`` samples, ``O`` outputs: a number for each target, or a probability for each class.
"""

from __future__ import annotations

import dataclasses
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from scipy.sparse import csr_array

from aam.data.study.study import Study
from aam.data.targets.kinds import Predictions, Samples
from aam.evaluation.decode_predictions import PredictionDecoder
from aam.explanation.effects import CHANGE, PROBABILITY
from aam.learners.blend import combine
from aam.learners.predictor import Predictor

MODEL = "model"
"""Name of the whole model among its learners."""


@dataclass(frozen=True, kw_only=True, eq=False)
class ExplainedModel:
    """A model whose predictions are explained.

    Attributes
    ----------
    predictor
        Its learners and how they are combined.
    by_learner
        Whether each learner is explained beside the whole model.
    """

    predictor: Predictor
    by_learner: bool = False

    @property
    def learners(self) -> tuple[str, ...]:
        """The whole model, then (where they are asked for and several) its learners by name."""
        names = numbered([member.name for member in self.predictor.manifest.members])
        return (MODEL, *names) if self.by_learner and len(names) > 1 else (MODEL,)

    @property
    def outputs(self) -> tuple[str, ...]:
        """Names of the targets or classes; see :attr:`~aam.data.targets.targets.Targets.output_names`."""
        return self.predictor.targets.output_names

    @property
    def unit(self) -> str:
        """What a change of an output is measured in."""
        return PROBABILITY if self.predictor.targets.specs[0].classes else CHANGE

    @property
    def decoder(self) -> PredictionDecoder:
        """Turns what is learned into the user's units."""
        return self.predictor.manifest.decoder(None)

    def predict(self, study: Study, rows: np.ndarray, draw: int = 0) -> Mapping[str, np.ndarray]:
        """Learner (see :attr:`learners`) -> its predictions of samples, ``B x O``, in the user's units.

        Parameters
        ----------
        study
            With metadata, empty where the model reads none.
        rows
            ``B`` of its rows.
        draw
            Which rarefied draw a network reads.
        """
        found = np.stack([learner.predict(study, rows, draw) for learner in self.predictor.learners])
        weights = self.predictor.manifest.weights
        whole = combine(found, np.array(weights), self.predictor.targets) if weights else found.mean(axis=0)
        learned = dict(zip(self.learners, [whole, *found], strict=False))
        return {name: self.in_units(study, rows, values) for name, values in learned.items()}

    def in_units(self, study: Study, rows: np.ndarray, learned: np.ndarray) -> np.ndarray:
        """Predictions of samples, as learners give them in the learned space, in the user's units: ``B x O``."""
        targets, sheet = self.predictor.targets, study.metadata
        assert sheet is not None
        samples = Samples(
            sample_ids=study.sample_ids[rows],
            observed={column: np.full(len(rows), np.nan) for column in targets.columns},
            level_B=targets.level_codes(sheet)[rows],
        )
        tables = self.decoder.predictions(learned[None], samples)
        return outputs_of_tables(tables)


def outputs_of_tables(tables: Sequence[Predictions]) -> np.ndarray:
    """The numbers that the targets are predicted as, or the probabilities of the classes of all of them: ``B x O``."""
    parts = [one.predicted[:, None] if one.probabilities is None else one.probabilities for one in tables]
    return np.concatenate(parts, axis=1).astype(np.float64)


def numbered(names: Sequence[str]) -> list[str]:
    """Names, those that occur several times with a number: the networks of an ensemble."""
    seen: Counter[str] = Counter()
    found = []
    for name in names:
        seen[name] += 1
        found.append(f"{name}-{seen[name]}" if names.count(name) > 1 else name)
    return found


def with_counts(study: Study, rows: np.ndarray, counts: csr_array) -> Study:
    """A study whose samples are variants of others: each has the metadata and the draws of a row, and its own reads.

    Parameters
    ----------
    study
        The study.
    rows
        The row that each variant is made of; one may have several variants.
    counts
        Reads of the variants, int64 ``B x A``, without zeros; each variant has some.
    """
    variants = study.with_means_of_now.take(rows)
    return dataclasses.replace(variants, table=dataclasses.replace(variants.table, counts=counts))
