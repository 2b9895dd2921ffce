"""The networks of a model, and the batches in which they are given the samples that are explained."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from torch import Tensor

from aam.data.batches.batch import Batch
from aam.data.batches.loaders import StudyDataModule
from aam.explain.method import Subject
from aam.explain.model import MODEL, ExplainedModel
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
    found = {place: one for place, one in enumerate(predictor.learners) if isinstance(one, NetworkLearner)}
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
    """A network that reads the samples of a study.

    Attributes
    ----------
    interpreter
        The network and the vectors of the study's ASVs.
    """

    interpreter: BatchPredictor

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

    def num_draws(self, rows: np.ndarray, asked: int) -> int:
        """How many rarefied draws differ: one where nothing is drawn."""
        return asked if self.interpreter.data.is_random(rows) else 1

    def batches(self, rows: np.ndarray, draw: int) -> Iterator[tuple[np.ndarray, Batch]]:
        """Places among ``rows``, in their order, and the batch of these samples on the network's device."""
        data = self.interpreter.data
        richest = min(int(np.diff(data.study.table.counts.indptr)[rows].max()), data.sampling.token_limit)
        options = dataclasses.replace(data.options, batch_size=max(1, ASVS_AT_ONCE // richest), accumulation=1)
        small = StudyDataModule(data.study, data.split, data.collate, data.sampling, options)
        start = 0
        for batch in small.fixed_loader(rows, draw):
            yield np.arange(start, start + len(batch)), batch.to(self.interpreter.device)
            start += len(batch)


def reader_of(network: NetworkLearner, subject: Subject) -> Reader:
    """A network that reads the study of a subject."""
    return Reader(interpreter=network.interpreter(subject.study))


def counted_predictions(subject: Subject, each: int) -> int:
    """Predictions that a method needs which asks each network for so many of each draw of a sample."""
    networks = networks_of(subject.model)
    assert networks is not None
    return each * len(subject) * subject.draws * len(networks.members)
