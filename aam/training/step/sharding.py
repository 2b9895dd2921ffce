"""FSDP2: weights, gradients and the optimiser's state in parts, one of each process.

Each transformer layer of all three levels is gathered when it computes and given back after it; whatever lies between
the layers is one more unit. Zhao et al. 2023, PyTorch FSDP, https://doi.org/10.14778/3611540.3611569
"""

from __future__ import annotations

from typing import Any

import torch.distributed as dist
from torch import Tensor, nn
from torch.distributed.checkpoint.state_dict import StateDictOptions, get_model_state_dict
from torch.distributed.device_mesh import DeviceMesh
from torch.distributed.fsdp import FSDPModule, fully_shard
from torch.distributed.tensor import DTensor

from aam.models.attention import TransformerLayer
from aam.models.sequence_encoder import SequenceEncoder
from aam.models.sequence_predictor import SequencePredictor, encoder_of, num_parameters
from aam.models.size_estimate import Units
from aam.training.distributed.collectives import max_over_processes
from aam.training.hardware.host_memory import give_back_freed_memory


def units_of(model: SequenceEncoder | SequencePredictor) -> Units:
    """How many weights are in the units into which :func:`shard` divides a model."""
    layers = [num_parameters(layer) for layer in _layers(model)]
    number = num_parameters(model)
    return Units(number, max(layers, default=0), number - sum(layers))


def shard(model: SequenceEncoder | SequencePredictor, mesh: DeviceMesh) -> None:
    """Shard a model over the processes, in place; what the first process has is what all begin with.

    Parameters
    ----------
    model
        A model with all its weights, the same in every process; sharded already, it stays as it is.
    mesh
        The processes.
    """
    if isinstance(model, FSDPModule):
        return
    if mesh.device_type == "cpu":
        give_back_freed_memory()  # else the C library keeps much of what each layer gathers and gives back
    for tensor in [*model.parameters(), *model.buffers()]:
        dist.broadcast(tensor.detach(), src=0)
    for layer in _layers(model):
        fully_shard(layer, mesh=mesh)
    # A layer's weights are gathered at every call: all processes must call it as often.
    encoder_of(model).asv_encoder.agree_on_parts = max_over_processes
    fully_shard(model, mesh=mesh)


def _layers(model: nn.Module) -> list[TransformerLayer]:
    return [module for module in model.modules() if isinstance(module, TransformerLayer)]


def full_state(model: nn.Module) -> dict[str, Tensor]:
    """All weights of a model, wherever they lie.

    Every process asks for them; those of a sharded model the first process alone gets.
    """
    if not isinstance(model, FSDPModule):
        return dict(model.state_dict())
    options = StateDictOptions(full_state_dict=True, cpu_offload=True)
    state: dict[str, Any] = get_model_state_dict(model, options=options)
    return state


def full_scalar(value: Tensor) -> Tensor:
    """A number that is computed from sharded tensors, on every process."""
    return value.full_tensor() if isinstance(value, DTensor) else value
