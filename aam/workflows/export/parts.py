"""What of a model can be exported, and a clear word for all that cannot."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch

from aam.data.targets.targets import Targets
from aam.errors import ConfigError
from aam.learners.features import AsvFeatures
from aam.learners.network import NetworkLearner
from aam.learners.protocol import Learner
from aam.learners.trees.forest import ForestLearner, TargetForest
from aam.models.export.forest import ForestArrays, ForestModule
from aam.models.export.whole import WholeModel
from aam.models.folder.description import NETWORK
from aam.models.folder.manifest import Manifest, Member, Weights
from aam.models.sequence_encoder import SequenceEncoder
from aam.models.sequence_predictor import SequencePredictor, num_parameters
from aam.text import listed, plural
from aam.workflows.trained.combined import CombinedModel
from aam.workflows.trained.model import TrainedModel
from aam.workflows.trained.networks import NetworkModel

Network = SequenceEncoder | SequencePredictor
MOST_NUMBERS = (2**31 - 2**24) // 8
"""Of one file, in double precision: protocol buffers end at 2 GB."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Exportable:
    """Networks and forests that stand for a model.

    Attributes
    ----------
    networks, forests
        The networks, and the forests.
    manifest
        That of the model.
    targets
        What they learned; None for encoders.
    weights
        A row for each network, then for each forest, as in the manifest; empty for the plain mean.
    left_out
        Members of the model that are not exported.
    """

    networks: tuple[Network, ...]
    manifest: Manifest
    targets: Targets | None
    forests: tuple[ForestLearner, ...] = ()
    weights: Weights = ()
    left_out: tuple[str, ...] = ()

    def whole(self) -> WholeModel:
        """The module that is traced."""
        spec = self.manifest.covariate_spec
        forests = [self._modules(forest) for forest in self.forests]
        return WholeModel(self.networks, self.targets, spec, self._weights_MO(), forests).eval()

    @property
    def size(self) -> int:
        """Numbers that it consists of."""
        of_forests = (forest.trees for learner in self.forests for forest in learner.forests)
        return sum(map(num_parameters, self.networks)) + sum(
            trees.value.size + 3 * len(trees.feature) for trees in of_forests
        )

    def _weights_MO(self) -> torch.Tensor | None:
        """Weight of each member in each output."""
        if not self.weights or self.targets is None:
            return None
        per_target = np.array(self.weights)
        if per_target.shape[1] == len(self.targets) and self.targets.specs[0].classes:
            sizes = [own.stop - own.start for own in self.targets.outputs]
            per_target = np.repeat(per_target, sizes, axis=1)
        return torch.tensor(per_target)

    def _modules(self, learner: ForestLearner) -> list[ForestModule]:
        """A forest's trees, target by target."""
        assert self.targets is not None
        sizes = [own.stop - own.start for own in self.targets.outputs]
        return [ForestModule(_arrays(forest, size)) for forest, size in zip(learner.forests, sizes, strict=True)]


def _arrays(forest: TargetForest, num_outputs: int) -> ForestArrays:
    """The forest of one target, whose leaves say something of all of its classes."""
    trees = forest.trees
    assert isinstance(forest.features, AsvFeatures)
    value = np.zeros((len(trees.value), num_outputs))
    value[:, forest.codes if len(forest.codes) else [0]] = trees.value
    return ForestArrays(
        tokens=forest.features.tokens,
        root=trees.root,
        feature=trees.feature,
        threshold=trees.threshold,
        left=trees.left,
        right=trees.right,
        value=value,
    )


def exportable(model: TrainedModel, *, network_only: bool) -> Exportable:
    """The networks and forests of a model that stand for it.

    Parameters
    ----------
    model
        The model.
    network_only
        Whether all members but networks are left out.

    Raises
    ------
    ConfigError
        Naming what cannot be exported.
    """
    manifest = model.manifest
    if isinstance(model, NetworkModel):
        found = Exportable(networks=tuple(model.models), manifest=manifest, targets=manifest.targets)
    else:
        assert isinstance(model, CombinedModel)
        found = _of_blend(model, network_only)
    _check(found)
    return found


def _of_blend(model: CombinedModel, network_only: bool) -> Exportable:
    manifest, learners = model.manifest, model.predictor.learners
    networks = [place for place, learner in enumerate(learners) if isinstance(learner, NetworkLearner)]
    forests = [] if network_only else [place for place, one in enumerate(learners) if _is_forest_of_asvs(one)]
    places = [*networks, *forests]
    left = [place for place in range(len(learners)) if place not in places]
    names = tuple(_named(manifest.members[place], learners[place]) for place in left)
    if names and not network_only:
        remedy = "--network-only exports its network alone" if networks else "train with --learners network,forest"
        what = f"{plural(len(names), 'member')} of the model cannot be exported as ONNX: {listed(names, 4)}"
        raise ConfigError(f"{what}; {remedy}")
    if not networks and network_only:
        raise ConfigError(f"--network-only: the model has no network, but {listed(names, 4)}")
    return Exportable(
        networks=tuple(one.network.eval() for one in learners if isinstance(one, NetworkLearner)),
        forests=tuple(one for place in forests if isinstance(one := learners[place], ForestLearner)),
        manifest=manifest,
        targets=learners[places[0]].targets,
        weights=_weights_of(manifest.weights, places),
        left_out=names,
    )


def _is_forest_of_asvs(learner: Learner) -> bool:
    """Whether it is a forest of shares of ASVs, which are found by their DNA."""
    if not isinstance(learner, ForestLearner):
        return False
    return all(type(forest.features) is AsvFeatures for forest in learner.forests)


def _named(member: Member, learner: Learner) -> str:
    """A member, and why it is not exported where its name does not say so."""
    if isinstance(learner, ForestLearner):
        return f"{member.name} on {learner.forests[0].features.kind}"
    return f"{member.name} with earlier samples" if member.kind == "with_earlier" else member.name


def _weights_of(weights: Weights, places: Sequence[int]) -> Weights:
    """Those of some members, so that they sum to 1; even ones where all that is left has none."""
    if not weights:
        return ()
    own = np.array(weights)[list(places)]
    total = own.sum(axis=0)
    even = np.full(own.shape, 1 / len(places))
    return tuple(map(tuple, np.where(total > 0, own / np.where(total > 0, total, 1), even).tolist()))


def _check(found: Exportable) -> None:
    """Refuse networks that a graph cannot be made of."""
    for network in found.networks:
        if isinstance(network, SequencePredictor) and network.plan.reads_earlier:
            raise ConfigError(
                f"the {NETWORK} reads earlier samples of the same subject, which ONNX export does not: train it "
                "without --earlier-samples"
            )
    if found.size > MOST_NUMBERS:
        raise ConfigError(f"the model has {found.size:,} numbers, more than one ONNX file holds ({MOST_NUMBERS:,})")
