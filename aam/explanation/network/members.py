"""The networks of a model, and the batches in which they are given the samples that are explained."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from torch import Tensor

from aam.data.batches.batch import Batch
from aam.data.batches.loaders import StudyDataModule
from aam.data.study.covariates import Covariates
from aam.explanation.method import Subject
from aam.explanation.model import MODEL, ExplainedModel, with_counts
from aam.explanation.redraw import redrawn
from aam.learners.network import NetworkLearner
from aam.models.inference import BatchPredictor
from aam.models.sequence_predictor import SequencePredictor
from aam.text import listed

ASVS_AT_ONCE = 2_048
"""ASVs of all samples of a batch together: what bounds the memory of a gradient."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Networks:
    """The networks of a model: one, or several whose outputs are averaged.

    Attributes
    ----------
    name
        Of this learner: ``model`` where there is nothing else in the model.
    members
        The networks.
    """

    name: str
    members: tuple[NetworkLearner, ...]


def networks_of(model: ExplainedModel) -> Networks | None:
    """The networks of a model; None where it has none."""
    predictor = model.predictor
    alone = [one.alone for one in predictor.learners]
    found = {place: one for place, one in enumerate(alone) if isinstance(one, NetworkLearner)}
    if not found:
        return None
    is_all = len(found) == len(predictor.learners) and (len(found) == 1 or not predictor.manifest.weights)
    name = MODEL if is_all else predictor.manifest.members[min(found)].name
    return Networks(name=name, members=tuple(found.values()))


def no_network(model: ExplainedModel) -> str:
    """Why a model cannot be looked into; an empty text where it has a network."""
    if networks_of(model) is not None:
        return ""
    names = [member.name for member in model.predictor.manifest.members]
    return f"the model has no network (its learners: {listed(names)})"


@dataclass(frozen=True, kw_only=True, eq=False)
class Reader:
    """A network that reads the samples that are explained.

    Attributes
    ----------
    interpreter
        The network and the vectors of the study's ASVs.
    subject
        What is explained.
    """

    interpreter: BatchPredictor
    subject: Subject

    @property
    def network(self) -> SequencePredictor:
        """The network, in evaluation mode."""
        found = self.interpreter.models[0]
        assert isinstance(found, SequencePredictor)
        return found

    @property
    def vectors_AD(self) -> Tensor:
        """Vectors of all ASVs of the study."""
        return self.interpreter.vectors_AD[0]

    def batches(self, draw: int) -> Iterator[tuple[np.ndarray, Batch]]:
        """Places among the samples, in their order, and the batch of these on the network's device.

        Reads are drawn as for all methods; small batches bound the memory of a gradient.
        """
        subject, data = self.subject, self.interpreter.data
        counts = redrawn(subject.study, subject.rows, draw, seed=subject.seed, several=subject.draws > 1)
        known = data.collate.covariates
        own = None if known is None else Covariates(*(values[subject.rows] for values in known))
        richest = min(int(np.diff(counts.indptr).max()), data.sampling.token_limit)
        small = StudyDataModule(
            with_counts(subject.study, subject.rows, counts),
            data.split,
            dataclasses.replace(data.collate, covariates=own),
            data.sampling,
            dataclasses.replace(data.options, batch_size=max(1, ASVS_AT_ONCE // richest), accumulation=1),
        )
        for batch in small.fixed_loader(np.arange(len(subject)), draw):
            yield batch.rows_B.numpy(), batch.to(self.interpreter.device)


def readers_of(subject: Subject) -> tuple[str, list[Reader]]:
    """The name of a model's networks, and each of them as it reads the samples that are explained."""
    networks = networks_of(subject.model)
    assert networks is not None
    readers = [Reader(interpreter=one.interpreter(subject.study), subject=subject) for one in networks.members]
    return networks.name, readers


def counted_predictions(subject: Subject, each: int) -> int:
    """Predictions that a method needs which asks each network for so many of each draw of a sample."""
    networks = networks_of(subject.model)
    assert networks is not None
    return each * len(subject) * subject.draws * len(networks.members)
