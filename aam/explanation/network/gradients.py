"""Integrated gradients of networks: from the abundances of ASVs, and from what their sequences say.

Two questions are asked, since a network reads two things of an ASV. *Abundance*: how far the ASVs' shares, on the way
from those of an average training sample, have moved the prediction. *Identity*: the same of the ASVs' vectors, on the
way from one vector for all, the mean of the training samples' ASVs, with abundances as they are. For each sample the
attributions of its ASVs sum to the difference of the predictions at both ends of the way. They say nothing of ASVs that
a sample lacks.

The way of abundances is straight in their logarithms (in Aitchison's geometry of compositions), in which communities
differ and networks read them. Gradients are taken where the network predicts: of numbers that is the learned space.
There the attributions of one sample are multiplied by one factor, the ratio of the differences at both ends in the
user's units and in the learned space, as the rescale rule does for one function: so they sum to the difference in the
user's units, whatever the transform of the target. Of classes they are attributions of probabilities.

Legend of shapes: ``N`` samples that are explained, ``B`` samples and ``S`` ASVs of a batch, ``T`` ASVs of its samples
one after the other, ``D`` width, ``O`` outputs, ``A`` ASVs of the study.

References
----------
Sundararajan, Taly, Yan (2017), Axiomatic attribution for deep networks, ICML (arXiv:1703.01365). Shrikumar, Greenside,
Kundaje (2017), Learning important features through propagating activation differences, ICML (arXiv:1704.02685), the
rescale rule. Aitchison (1986), The statistical analysis of compositional data.
"""

from __future__ import annotations

import dataclasses
from abc import abstractmethod
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import numpy as np
import torch
from scipy.sparse import csr_array
from torch import Tensor, nn

from aam.data.batches.batch import Batch
from aam.explanation.effects import Effects
from aam.explanation.method import Method, Subject, register
from aam.explanation.network.attributions import Attributions, group_effects
from aam.explanation.network.baseline import log_counts, mean_vector, training_shares
from aam.explanation.network.members import Reader, counted_predictions, no_network, readers_of
from aam.explanation.network.path_integral import integrated_gradients
from aam.explanation.summary import Named

STEPS = (16, 64)
"""Points of a way at which gradients are computed, and so many more where they do not sum up."""
TOLERANCE, LEAST = 1e-3, 1e-4
"""How far the attributions may be from the difference that they sum to: a share of it, and in the learned space."""
NO_WAY = 1e-5
"""Difference in the learned space below which a way's ends are taken for one point."""
SLOPE = 1e-3
"""Half of the difference by which the slope of the units is found there."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Way:
    """From the baseline of a batch to its samples.

    Attributes
    ----------
    encode
        From inputs on the way to a batch and the vectors of its ASVs.
    start, end
        The inputs at its ends.
    """

    encode: Callable[[Tensor], tuple[Batch, Tensor]]
    start: Tensor
    end: Tensor


@dataclass(frozen=True, kw_only=True, eq=False)
class Walked:
    """Attributions of one network and draw in the learned space, and what it says at both ends.

    Attributes
    ----------
    values_O
        As in :class:`~aam.explanation.network.attributions.Attributions`.
    learned
        What the network learned to say of each sample, at the start and the end of its way: ``2 x N`` and further.
    point
        Its predictions there, ``2 x N x O``.
    """

    values_O: tuple[csr_array, ...]
    learned: np.ndarray
    point: np.ndarray


class Gradients(Method):
    """What the two ways have in common."""

    def unable(self, subject: Subject) -> str:
        """It needs a network."""
        return no_network(subject.model)

    def num_predictions(self, subject: Subject) -> int:
        """One for each point of the way; a gradient for each output takes as long as two more."""
        return counted_predictions(subject, STEPS[0] * (1 + 2 * len(subject.model.outputs)))

    @abstractmethod
    def ways(self, reader: Reader, subject: Subject) -> Callable[[Batch], Way]:
        """What makes the way of each batch."""

    def explain(self, subject: Subject) -> list[Effects]:
        """Effects of the groups of all levels: the sum of their ASVs' attributions."""
        name, readers = readers_of(subject)
        walked_MR: list[list[Walked]] = []
        for reader in readers:
            way_of = self.ways(reader, subject)
            walked_MR.append([self._walk(reader, subject, way_of, draw) for draw in range(subject.draws)])
        factors_R = [units_factor(subject, [draws[place] for draws in walked_MR]) for place in range(subject.draws)]
        found = [
            [_scaled(one, factor_NO) for one, factor_NO in zip(draws, factors_R, strict=True)] for draws in walked_MR
        ]
        named = Named(method=self.name, learner=name, outputs=subject.model.outputs, unit=subject.model.unit)
        return group_effects(subject, named, found)

    def _walk(self, reader: Reader, subject: Subject, way_of: Callable[[Batch], Way], draw: int) -> Walked:
        samples, asvs, learned, point = [], [], [], []
        values: list[list[np.ndarray]] = [[] for _ in subject.model.outputs]
        for places_B, batch in reader.batches(draw):
            way = way_of(batch)
            attribution_OT, learned_2B, point_2BO = walk(reader, batch, way)
            for found, attribution_T in zip(values, attribution_OT.cpu().numpy(), strict=True):
                found.append(attribution_T)
            sizes_B = batch.mask_BS.sum(dim=1).cpu().numpy()
            samples.append(np.repeat(places_B, sizes_B))
            asvs.append(batch.asvs_U[batch.layout.pack(batch.index_BS)].cpu().numpy())
            learned.append(learned_2B)
            point.append(point_2BO)
            subject.on_done(STEPS[0] * (1 + 2 * len(values)) * len(places_B))
        shape = (len(subject), len(subject.study.lengths))
        entries = (np.concatenate(samples), np.concatenate(asvs))
        return Walked(
            values_O=tuple(csr_array((np.concatenate(found), entries), shape) for found in values),
            learned=np.concatenate(learned, axis=1),
            point=np.concatenate(point, axis=1),
        )


class AbundanceGradients(Gradients):
    """Integrated gradients from the ASVs' abundances."""

    name = "abundance-gradients"
    title = "Gradients of abundances"
    summary = "what the abundance of these ASVs adds to a network's prediction, beside an average training sample"

    def ways(self, reader: Reader, subject: Subject) -> Callable[[Batch], Way]:
        """From the mean composition of the training samples, or even shares, over the ASVs that a sample has."""
        share_A = training_shares(subject.model.predictor, subject.study)

        def way(batch: Batch) -> Way:
            mask_BS = batch.mask_BS
            vectors_UD = reader.vectors_AD[batch.asvs_U]

            def encode(log_BS: Tensor) -> tuple[Batch, Tensor]:
                return dataclasses.replace(batch, counts_BS=torch.where(mask_BS, log_BS.exp(), 0.0)), vectors_UD

            end_BS = torch.where(mask_BS, batch.counts_BS, 1.0).log()
            return Way(encode=encode, start=log_counts(batch, share_A), end=end_BS)

        return way


class IdentityGradients(Gradients):
    """Integrated gradients from the ASVs' vectors."""

    name = "identity-gradients"
    title = "Gradients of ASV vectors"
    summary = "what the sequences of these ASVs add to a network's prediction, beside average ASVs as abundant"

    def ways(self, reader: Reader, subject: Subject) -> Callable[[Batch], Way]:
        """From the mean vector of the training samples' ASVs, at each ASV's own abundance."""
        mean_D = mean_vector(reader, subject)

        def way(batch: Batch) -> Way:
            # A vector for each occurrence of an ASV: in one sample it may raise what it lowers in another.
            end_TD = reader.vectors_AD[batch.asvs_U][batch.layout.pack(batch.index_BS)]
            place_T = torch.arange(len(end_TD), device=end_TD.device)
            apart = dataclasses.replace(batch, index_BS=batch.layout.pad(place_T))
            return Way(encode=lambda x_TD: (apart, x_TD), start=mean_D.expand_as(end_TD), end=end_TD)

        return way


def walk(reader: Reader, batch: Batch, way: Way) -> tuple[Tensor, np.ndarray, np.ndarray]:
    """Attributions of a batch's ASVs, ``O x T``, and what the network learned to say, and predicts, at both ends."""
    network = reader.network

    def output(inputs: Tensor) -> Tensor:
        on_way, vectors_UD = way.encode(inputs)
        return network.predict(network(on_way, None, vectors_UD))

    learned, point = [], []
    with torch.no_grad():
        for end in (way.start, way.end):
            on_way, vectors_UD = way.encode(end)
            encoded = network(on_way, None, vectors_UD)
            learned.append(network.outputs(encoded).double().cpu().numpy())
            point.append(network.predict(encoded).double().cpu().numpy())
    for steps in STEPS:
        with frozen(network):
            found = integrated_gradients(output, way.start, way.end, steps)
        is_by_sample = way.start.shape == batch.counts_BS.shape
        attribution_OT = torch.stack([batch.layout.pack(one) for one in found]) if is_by_sample else found.sum(dim=-1)
        if sums_up(batch, attribution_OT, point[1] - point[0]):
            break
    return attribution_OT, np.stack(learned), np.stack(point)


def sums_up(batch: Batch, attribution_OT: Tensor, change_BO: np.ndarray) -> bool:
    """Whether the attributions of each sample sum to the change of its outputs, but for what is tolerated."""
    sums = [batch.layout.pad(one_T).sum(dim=1).cpu().numpy() for one_T in attribution_OT]
    off_BO = np.abs(np.stack(sums, axis=1) - change_BO)
    return bool((off_BO <= TOLERANCE * np.abs(change_BO) + LEAST).all())


@contextmanager
def frozen(network: nn.Module) -> Iterator[None]:
    """No gradient is computed, and nothing kept, for the weights of a network."""
    learned = [weight for weight in network.parameters() if weight.requires_grad]
    try:
        for weight in learned:
            weight.requires_grad_(False)
        yield
    finally:
        for weight in learned:
            weight.requires_grad_(True)


def units_factor(subject: Subject, walked_M: list[Walked]) -> np.ndarray:
    """What turns attributions in the learned space into the user's units, ``N x O``.

    The networks' outputs are averaged where they are learned, so that one factor is that of all of them.
    """
    model = subject.model
    point = np.mean([one.point for one in walked_M], axis=0)
    if model.predictor.targets.specs[0].classes:
        return np.ones(point.shape[1:])
    learned = np.mean([one.learned for one in walked_M], axis=0)

    def units(values: np.ndarray) -> np.ndarray:
        return model.in_units(subject.study, subject.rows, values)

    way_NO = point[1] - point[0]
    slope_NO = (units(learned[1] + SLOPE) - units(learned[1] - SLOPE)) / (2 * SLOPE)
    is_point_NO = np.abs(way_NO) < NO_WAY
    ratio_NO = (units(learned[1]) - units(learned[0])) / np.where(is_point_NO, 1.0, way_NO)
    return np.where(is_point_NO, slope_NO, ratio_NO)


def _scaled(one: Walked, factor_NO: np.ndarray) -> Attributions:
    def times(values: csr_array, factor_N: np.ndarray) -> csr_array:
        data = values.data * np.repeat(factor_N, np.diff(values.indptr))
        return csr_array((data, values.indices, values.indptr), values.shape)

    return Attributions(values_O=tuple(map(times, one.values_O, factor_NO.T)))


register(AbundanceGradients())
register(IdentityGradients())
