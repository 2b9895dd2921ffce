"""What of a model can be exported, and a clear word for all that cannot."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch

from aam.data.targets.targets import Targets
from aam.errors import ConfigError
from aam.learners.network import NetworkLearner
from aam.models.export.whole import WholeModel
from aam.models.folder.manifest import Manifest, Weights
from aam.models.sequence_encoder import SequenceEncoder
from aam.models.sequence_predictor import SequencePredictor, num_parameters
from aam.text import listed, plural
from aam.workflows.trained.combined import CombinedModel
from aam.workflows.trained.model import TrainedModel
from aam.workflows.trained.networks import NetworkModel

Network = SequenceEncoder | SequencePredictor
MOST_WEIGHTS = (2**31 - 2**24) // 4
"""Of one file: protocol buffers end at 2 GB."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Exportable:
    """Networks that stand for a model.

    Attributes
    ----------
    networks
        The networks.
    manifest
        That of the model.
    targets
        What they learned; None for encoders.
    weights
        A row for each network, as in the manifest; empty for the plain mean.
    left_out
        Members of the model that are not exported.
    """

    networks: tuple[Network, ...]
    manifest: Manifest
    targets: Targets | None
    weights: Weights = ()
    left_out: tuple[str, ...] = ()

    def whole(self) -> WholeModel:
        """The module that is traced."""
        return WholeModel(self.networks, self.targets, self.manifest.covariate_spec, self.weights_MO()).eval()

    def weights_MO(self) -> torch.Tensor | None:
        """Weight of each network in each output."""
        if not self.weights or self.targets is None:
            return None
        per_target = np.array(self.weights)
        if per_target.shape[1] == len(self.targets) and self.targets.specs[0].classes:
            sizes = [own.stop - own.start for own in self.targets.outputs]
            per_target = np.repeat(per_target, sizes, axis=1)
        return torch.tensor(per_target)


def exportable(model: TrainedModel, *, network_only: bool) -> Exportable:
    """The networks of a model that stand for it.

    Parameters
    ----------
    model
        The model.
    network_only
        Whether other members may be left out.

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
    others = tuple(
        member.name
        for member, learner in zip(manifest.members, learners, strict=True)
        if not isinstance(learner, NetworkLearner)
    )
    places = [place for place, learner in enumerate(learners) if isinstance(learner, NetworkLearner)]
    if others and not (network_only and places):
        remedy = "--network-only exports its network alone" if places else "train a network: --learners network"
        what = f"{plural(len(others), 'member')} of the model cannot be exported as ONNX: {listed(others, 4)}"
        raise ConfigError(f"{what}; {remedy}")
    networks = tuple(one.network for one in learners if isinstance(one, NetworkLearner))
    return Exportable(
        networks=networks,
        manifest=manifest,
        targets=learners[places[0]].targets,
        weights=_weights_of(manifest.weights, places),
        left_out=others,
    )


def _weights_of(weights: Weights, places: Sequence[int]) -> Weights:
    """Those of some members, so that they sum to 1; the plain mean where all that is left has none."""
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
                "the network reads earlier samples of the same subject, which ONNX export does not: train it without "
                "--earlier-samples"
            )
    number = sum(map(num_parameters, found.networks))
    if number > MOST_WEIGHTS:
        raise ConfigError(f"the model has {number:,} weights, more than one ONNX file holds ({MOST_WEIGHTS:,})")
