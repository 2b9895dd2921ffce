"""Attention of networks: how much each ASV, and each base, weighs in what is pooled.

Weights say what a network looks at, not what it makes of it, and have no sign: they are shares of a sample. Where they
disagree with gradients or removal, these are right about the prediction (Jain, Wallace 2019, Attention is not
explanation, NAACL, arXiv:1902.10186).

Legend of shapes: ``N`` samples that are explained, ``B`` samples of a batch, ``U`` its distinct ASVs, ``P`` patches.

References
----------
Abnar, Zuidema (2020), Quantifying attention flow in transformers, ACL (arXiv:2005.00928): attention rollout.
"""

from __future__ import annotations

from typing import ClassVar

import numpy as np
from scipy.sparse import csr_array
from torch import Tensor

from aam.data.batches.batch import Batch
from aam.explain.effects import Effects
from aam.explain.method import Method, Subject, register
from aam.explain.network.attributions import Attributions, group_effects
from aam.explain.network.members import Reader, counted_predictions, no_network, readers_of
from aam.explain.network.weights import base_weights, sample_weights
from aam.explain.summary import Named, effects_of
from aam.explain.windows import POSITION, Windows
from aam.models.pooling import relative_abundance

OUTPUTS = ("attention",)
UNIT = "share of a sample's attention"


class SampleAttention(Method):
    """What weights of ASVs in the vector of their sample have in common."""

    is_rollout: ClassVar[bool]

    def unable(self, subject: Subject) -> str:
        """It needs a network."""
        return no_network(subject.model)

    def num_predictions(self, subject: Subject) -> int:
        """One."""
        return counted_predictions(subject, 1)

    def explain(self, subject: Subject) -> list[Effects]:
        """Shares of the groups of all levels."""
        name, readers = readers_of(subject)
        found = [[self._shares(reader, subject, draw) for draw in range(subject.draws)] for reader in readers]
        named = Named(method=self.name, learner=name, outputs=OUTPUTS, unit=UNIT, is_signed=False)
        return group_effects(subject, named, found)

    def _shares(self, reader: Reader, subject: Subject, draw: int) -> Attributions:
        samples, asvs, shares = [], [], []
        for places_B, batch in reader.batches(draw):
            weight_BS: Tensor = sample_weights(reader, batch)[int(self.is_rollout)]
            shares.append(batch.layout.pack(weight_BS).double().cpu().numpy())
            samples.append(np.repeat(places_B, batch.layout.lengths))
            asvs.append(batch.asvs_U[batch.layout.pack(batch.index_BS)].cpu().numpy())
            subject.on_done(len(places_B))
        entries = (np.concatenate(samples), np.concatenate(asvs))
        shape = (len(subject), len(subject.study.lengths))
        return Attributions(values_O=(csr_array((np.concatenate(shares), entries), shape),))


class Pooling(SampleAttention):
    """Weights of the pooling of ASVs."""

    name = "attention"
    title = "Attention"
    summary = "the share of a sample's vector that a network takes from these ASVs"
    is_rollout = False


class Rollout(SampleAttention):
    """The same, followed back through the layers over a sample's ASVs."""

    name = "rollout"
    title = "Attention rollout"
    summary = "the share of a sample's vector that attention carries from these ASVs through all layers"
    is_rollout = True


class BaseAttention(Method):
    """Weights of the pooling of bases, the mean over a sample's ASVs by their abundance."""

    name = "base-attention"
    title = "Attention to bases"
    summary = "the share of the ASVs' vectors that a network takes from these bases"

    def unable(self, subject: Subject) -> str:
        """It needs a network."""
        return no_network(subject.model)

    def num_predictions(self, subject: Subject) -> int:
        """About one."""
        return counted_predictions(subject, 1)

    def explain(self, subject: Subject) -> list[Effects]:
        """Shares of the patches of bases that the network reads as one."""
        name, readers = readers_of(subject)
        study, found = subject.study, []
        present = np.unique(study.table.counts[subject.rows].indices)
        patch = readers[0].network.base.asv_encoder.patch
        names = Windows(length=study.longest_sequence, width=patch).names
        for reader in readers:
            weight_AP = np.zeros((len(study.lengths), len(names)))
            known = base_weights(reader.network.base.asv_encoder, study.tokens[present], reader.interpreter.device)
            weight_AP[present, : known.shape[1]] = known
            found.append([_of_bases(reader, subject, weight_AP, draw) for draw in range(subject.draws)])
        named = Named(method=self.name, learner=name, outputs=OUTPUTS, unit=UNIT, is_signed=False)
        values, labels = np.array(found), tuple(f"bases {name}" for name in names)
        has = np.ones(values.shape[:-1], dtype=bool)
        return [effects_of(subject, named, (POSITION, names, labels), values, has)]


def _of_bases(reader: Reader, subject: Subject, weight_AP: np.ndarray, draw: int) -> np.ndarray:
    """Share of each patch in each sample, ``N x P x 1``."""
    found = np.zeros((len(subject), weight_AP.shape[1], 1))
    for places_B, batch in reader.batches(draw):
        found[places_B, :, 0] = _shares_BU(batch) @ weight_AP[batch.asvs_U.cpu().numpy()]
        subject.on_done(len(places_B))
    return found


def _shares_BU(batch: Batch) -> np.ndarray:
    shares: np.ndarray = relative_abundance(batch.index_BS, batch.counts_BS, len(batch.asvs_U)).double().cpu().numpy()
    return shares


register(Pooling())
register(Rollout())
register(BaseAttention())
