"""A model whose networks have learned nothing: what is found in it is not what a model has learned.

A random network is a function too, and treats an ASV about alike in all samples: intervals over samples may leave out
0, and importance still follows abundance and prevalence, without which nothing can be important. What must be gone is
the direction: effects have nothing to do with those of the trained model, with the truth, or with those of other seeds.

References
----------
Adebayo, Gilmer, Muelly, Goodfellow, Hardt, Kim (2018), Sanity checks for saliency maps, NeurIPS (arXiv:1810.03292).
"""

from __future__ import annotations

import dataclasses

import torch

from aam.errors import ConfigError
from aam.explain.model import ExplainedModel
from aam.explain.network.members import no_network
from aam.learners.network import NetworkLearner
from aam.learners.protocol import Learner
from aam.learners.stored import Stored
from aam.models.folder.description import build_model


def randomised(model: ExplainedModel, seed: int = 0) -> ExplainedModel:
    """The same model with fresh weights in all of its networks; other learners stay as they are.

    Parameters
    ----------
    model
        The model.
    seed
        Of the weights; each network has its own.

    Raises
    ------
    ConfigError
        If the model has no network.
    """
    reason = no_network(model)
    if reason:
        raise ConfigError(f"random weights: {reason}; train one with --learners network")
    learners = tuple(
        fresh(one, seed + place) if isinstance(one, NetworkLearner) else one
        for place, one in enumerate(model.predictor.learners)
    )
    return dataclasses.replace(model, predictor=dataclasses.replace(model.predictor, learners=learners))


def fresh(learner: NetworkLearner, seed: int) -> Learner:
    """A network of the same sizes with fresh weights, all of them drawn: those that start at zero are drawn too."""
    description = learner.description
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        network = build_model(description)
        for weight in network.parameters():
            if not weight.any():
                torch.nn.init.normal_(weight, std=weight.shape[-1] ** -0.5)
    arrays = {name: tensor.detach().numpy() for name, tensor in network.state_dict().items()}
    return NetworkLearner.from_arrays(Stored(arrays, description.facts), learner.task, learner.computing)
