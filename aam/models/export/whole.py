"""The whole way from sequences and reads to predictions in the user's units, as one module that can be traced.

Legend of shapes: ``U`` distinct ASVs, ``L`` bases, ``R`` draws, ``B`` samples, ``S`` ASVs per sample, ``D`` width,
``C`` categorical columns or classes, ``N`` numeric columns, ``M`` members, ``O`` outputs, ``F`` features.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor, nn

from aam.data.study.covariates import CovariateSpec
from aam.data.targets.targets import Targets
from aam.models.export.decoding import Covariates, Decoding
from aam.models.export.forest import ForestModule, shares
from aam.models.export.padded import PaddedNetwork, PaddedSamples
from aam.models.sequence_encoder import SequenceEncoder
from aam.models.sequence_predictor import SequencePredictor, encoder_of

Type = Literal["uint8", "int64", "float32", "float64"]


@dataclass(frozen=True)
class Port:
    """One array that a graph takes or gives.

    Attributes
    ----------
    name, type, axes
        Its name, the type of its numbers, and its axes: names of those of any size, numbers of the others.
    meaning
        What it is, in words.
    """

    name: str
    type: Type
    axes: tuple[str | int, ...]
    meaning: str


class WholeModel(nn.Module):
    """Networks and forests whose outputs are averaged, with all that comes before and after them.

    Parameters
    ----------
    networks
        Networks in evaluation mode, all encoders or all predictors of the same targets.
    forests
        Forests, each of which is one module for each target.
    targets
        What they learned; None for encoders.
    spec
        The covariates; None where there are none.
    weights_MO
        Weight of each member (networks first) in each output; None for the plain mean.
    """

    weights_MO: Tensor | None

    def __init__(
        self,
        networks: Sequence[SequenceEncoder | SequencePredictor],
        targets: Targets | None,
        spec: CovariateSpec | None,
        weights_MO: Tensor | None = None,
        forests: Sequence[Sequence[ForestModule]] = (),
    ) -> None:
        super().__init__()
        self.networks = nn.ModuleList(map(PaddedNetwork, networks))
        self.forests = nn.ModuleList(map(nn.ModuleList, forests))
        self.targets = targets
        self.spec = spec
        self.covariates = Covariates(spec) if spec is not None and spec.numeric else None
        has_numbers = targets is not None and not targets.specs[0].classes
        self.decoding = Decoding(targets) if targets is not None and has_numbers else None
        self.register_buffer("weights_MO", weights_MO)
        self.width = encoder_of(networks[0]).options.embedding_dim if networks else 0

    @property
    def inputs(self) -> tuple[Port, ...]:
        """What it takes, in order."""
        drawn = ("draw", "sample", "place")
        of_asv = "which row of tokens each ASV of a sample is; any where there are no reads"
        of_reads = "reads of each of these ASVs in the sample; 0 where padded"
        ports = [
            Port("tokens", "uint8", ("asv", "base"), "letters of each distinct sequence as codes, 0 beyond its end")
        ]
        if len(self.networks):
            ports += [Port("index", "int64", drawn, of_asv), Port("counts", "float32", drawn, of_reads)]
        if len(self.forests):
            every = ("sample", "asv_of_sample")
            ports.append(Port("all_index", "int64", every, f"{of_asv}: of all reads, not rarefied"))
            ports.append(Port("all_counts", "float64", every, f"all {of_reads}"))
        spec, targets = self.spec, self.targets
        if spec is not None and spec.categorical:
            words = "place of each label among the column's levels, from 1; 0 for one that is missing or unknown"
            ports.append(Port("category", "int64", ("sample", len(spec.categorical)), words))
        if spec is not None and spec.numeric:
            words = "numbers in the units of the metadata; NaN where one is missing"
            ports.append(Port("number", "float64", ("sample", len(spec.numeric)), words))
        if targets is not None and targets.normalize_by:
            words = "place of the sample's level among the levels, from 1; 0 for one that is missing or unknown"
            ports.append(Port("level", "int64", ("sample",), words))
        if targets is not None and targets.exposure_column:
            ports.append(Port("exposure", "float64", ("sample",), "what counts are proportional to, above 0"))
        return tuple(ports)

    @property
    def outputs(self) -> tuple[Port, ...]:
        """What it gives, in order."""
        targets = self.targets
        words = "the sample's vector, of the first draw and network"
        vector = (Port("vector", "float32", ("sample", self.width), words),) if len(self.networks) else ()
        if targets is None:
            return vector
        if self.decoding is None:
            words = "probability of each class; those of each target sum to 1"
            return (Port("probabilities", "float64", ("sample", len(targets.output_names)), words), *vector)
        found = [Port("predicted", "float64", ("sample", len(targets)), "prediction in the units of the metadata")]
        if self.decoding.levels:
            axes = ("sample", len(targets), len(self.decoding.levels))
            found.append(Port("quantiles", "float64", axes, "quantiles in the units of the metadata, ascending"))
        return (*found, *vector)

    def forward(self, given: dict[str, Tensor]) -> tuple[Tensor, ...]:
        """The outputs of samples; the average over their draws is taken where the networks learned."""
        category_BC, number_BM = self._covariates(given)
        learned, vectors = self._of_networks(given, category_BC, number_BM)
        if self.targets is None:
            return vectors
        learned += self._of_forests(given, category_BC, number_BM)
        mean = self._averaged(learned)
        if self.decoding is None:
            return (mean, *vectors)
        predicted, quantiles = self.decoding(mean, given.get("level", given.get("exposure")))
        return (predicted, *vectors) if quantiles is None else (predicted, quantiles, *vectors)

    def _covariates(self, given: dict[str, Tensor]) -> tuple[Tensor | None, Tensor | None]:
        """Covariates as networks read them; without columns where there are some of the other sort alone."""
        category, number = given.get("category"), given.get("number")
        number_BM = None if number is None or self.covariates is None else self.covariates(number)
        if number_BM is None and category is not None:
            number_BM = category.new_zeros(category.shape[0], 0).float()
        if category is None and number is not None:
            category = number.new_zeros(number.shape[0], 0).long()
        return category, number_BM

    def _of_networks(
        self, given: dict[str, Tensor], category_BC: Tensor | None, number_BM: Tensor | None
    ) -> tuple[list[Tensor], tuple[Tensor, ...]]:
        """What each network learned, as the mean of the draws, and the samples' vectors."""
        if not len(self.networks):
            return [], ()
        size = given["index"].shape[:2]
        samples = PaddedSamples(
            given["tokens"].long(),
            given["index"].flatten(0, 1),
            given["counts"].flatten(0, 1),
            *(None if part is None else _each_draw(part, size[0]) for part in (category_BC, number_BM)),
        )
        found = [network(samples) for network in self.networks]
        means = [one.double().unflatten(0, size).mean(dim=0) for _, one in found if one is not None]
        return means, (found[0][0].unflatten(0, size)[0],)

    def _of_forests(
        self, given: dict[str, Tensor], category_BC: Tensor | None, number_BM: Tensor | None
    ) -> list[Tensor]:
        """What each forest says, ``BO``."""
        if not len(self.forests):
            return []
        tokens_UL = given["tokens"].long()
        share_BU = shares(given["all_index"], given["all_counts"], tokens_UL)
        read_BF = self._levels(category_BC, number_BM, share_BU)
        found = []
        for of_targets in self.forests:
            assert isinstance(of_targets, nn.ModuleList)
            found.append(torch.cat([forest(tokens_UL, share_BU, read_BF) for forest in of_targets], dim=1))
        return found

    def _levels(self, category_BC: Tensor | None, number_BM: Tensor | None, like_BU: Tensor) -> Tensor:
        """Each level as 0 or 1, and the numbers, as :func:`aam.data.study.covariates.features`."""
        parts = [like_BU.new_zeros(like_BU.shape[0], 0).float()]
        if self.spec is not None and category_BC is not None and number_BM is not None:
            for place, column in enumerate(self.spec.categorical):
                level_L = torch.arange(1, len(column.levels) + 1, device=like_BU.device)
                parts.append((category_BC[:, place].unsqueeze(1) == level_L).float())
            parts.append(number_BM)
        return torch.cat(parts, dim=1)

    def _averaged(self, learned: Sequence[Tensor]) -> Tensor:
        """The members' outputs as one."""
        if len(learned) == 1:
            return learned[0]
        if self.weights_MO is None:
            return torch.stack(list(learned)).mean(dim=0)
        return sum((one * weight_O for one, weight_O in zip(learned, self.weights_MO, strict=True)), torch.zeros(()))


def _each_draw(part_BX: Tensor, draws: int) -> Tensor:
    """What is known of each sample, again for each draw."""
    return part_BX.unsqueeze(0).expand(draws, -1, -1).flatten(0, 1)
