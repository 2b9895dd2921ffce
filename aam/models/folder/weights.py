"""Networks in a model folder: written, read, and filled with their weights."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch

from aam.errors import CheckpointError
from aam.models.folder.container import (
    MAX_MESSAGE_LENGTH,
    State,
    WeightMismatch,
    contents_checked,
    read_model_folder,
    write_model_folder,
)
from aam.models.folder.description import NETWORK, ModelDescription, build_model
from aam.models.folder.manifest import members_in_words
from aam.models.sequence_encoder import SequenceEncoder
from aam.models.sequence_predictor import SequencePredictor
from aam.text import shorten

Known = tuple[Mapping[str, Any], State]
"""What is known of training data: facts of the manifest, and tensors that stand with those that members share."""


def save_model(folder: Path, state: State, description: ModelDescription) -> None:
    """Write the folder of one model; see :func:`save_models`."""
    save_models(folder, [state], description)


def save_models(
    folder: Path, states: Sequence[State], description: ModelDescription, known: Known | None = None
) -> None:
    """Write the folder of a network, or of several that are averaged.

    Parameters
    ----------
    folder
        Made where it is not there.
    states
        The weights of each.
    description
        What they have in common.
    known
        What is known of their training data, where it is.
    """
    manifest = replace(description, members=len(states)).manifest
    facts, tensors = known or (None, {})
    write_model_folder(folder, replace(manifest, familiarity=facts), list(states), tensors)


def load_model(path: Path) -> tuple[SequenceEncoder | SequencePredictor, ModelDescription]:
    """Read the folder of one network; see :func:`load_models`.

    Raises
    ------
    CheckpointError
        If it holds several.
    """
    models, description = load_models(path)
    if len(models) > 1:
        raise CheckpointError(
            f"{path}: holds an ensemble of {len(models)} models; one is needed, such as members/1 of its run"
        )
    return models[0], description


def load_models(path: Path) -> tuple[list[SequenceEncoder | SequencePredictor], ModelDescription]:
    """Read a model folder of networks, or the one in a run directory.

    Returns
    -------
    tuple
        The model, or all of an ensemble, and what describes them.

    Raises
    ------
    CheckpointError
        If there is none, it is damaged, of a format that is not known, or its weights do not fit its description; or
        if it holds learners that are no networks.
    """
    weights, manifest, states, _ = read_model_folder(path)
    kinds = [member.kind for member in manifest.members]
    if set(kinds) != {NETWORK} or manifest.weights:
        found = members_in_words([member.name for member in manifest.members], manifest.weights)
        raise CheckpointError(f"{path}: this needs a network, and the model holds {found}")
    with contents_checked(weights):
        description = ModelDescription.of_manifest(manifest)
        return [network_of(description, state) for state in states], description


def network_of(description: ModelDescription, state: State) -> SequenceEncoder | SequencePredictor:
    """A network with its weights.

    Parameters
    ----------
    description
        Its description.
    state
        Its tensors.

    Raises
    ------
    WeightMismatch
        If the weights are not those of the description.
    """
    _check_sizes(description, state)
    return _filled(build_model(description), state)


def _check_sizes(description: ModelDescription, state: State) -> None:
    """Refuse a description of more or larger layers than there are weights, before memory is taken for them."""
    layers = (description.options.asv_layers, description.options.sample_layers, description.options.encoder_layers)
    if max(number or 0 for number in layers) > len(state):
        raise WeightMismatch("layers are missing")
    with torch.device("meta"):
        model = build_model(description)
    for name, tensor in model.state_dict().items():
        found = state.get(name)
        if found is None or found.shape != tensor.shape:
            shape = "lacking" if found is None else f"{list(found.shape)}, {list(tensor.shape)} needed"
            raise WeightMismatch(f"{shorten(name, MAX_MESSAGE_LENGTH)}: {shape}")
        if found.dtype != tensor.dtype:
            raise WeightMismatch(f"{shorten(name, MAX_MESSAGE_LENGTH)}: {found.dtype}, {tensor.dtype} needed")


def _filled(model: SequenceEncoder | SequencePredictor, state: State) -> Any:
    try:
        model.load_state_dict(state)
    except RuntimeError as error:
        first = str(error).splitlines()[1].strip() if "\n" in str(error) else str(error)
        raise WeightMismatch(shorten(first, MAX_MESSAGE_LENGTH)) from None
    return model
