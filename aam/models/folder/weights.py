"""The model folder: ``model.safetensors`` + ``config.json`` + a model card. All that ``aam predict`` needs; no pickle.

Weights are safetensors, everything else is JSON. The configuration holds the checksum of the weights,
so that a damaged file is never taken for a model.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import load as load_tensors
from safetensors.torch import save as save_tensors

from aam.errors import CheckpointError, ConfigError
from aam.files.atomic import atomic_write, write_json, write_text
from aam.models.folder.description import ModelDescription, build_model, model_card
from aam.models.sequence_encoder import SequenceEncoder
from aam.models.sequence_predictor import SequencePredictor
from aam.runs.layout import MODEL
from aam.text import shorten
from aam.version import __version__

FORMAT = 3
WEIGHTS, CONFIG, CARD = "model.safetensors", "config.json", "README.md"
LONGEST_WORDS = 80
"""Of what a library, or the file itself, says in a message."""
State = dict[str, torch.Tensor]


def save_model(folder: Path, state: State, description: ModelDescription) -> None:
    """Write the folder of one model; see :func:`save_models`."""
    save_models(folder, [state], description)


def save_models(folder: Path, states: Sequence[State], description: ModelDescription) -> None:
    """Write the folder of a model, or of several that are averaged.

    The weights' file carries the description, and a checksum of both, in its own header and is replaced at one stroke,
    so that a reader finds the old model or the new one, whole; ``config.json`` and the card are copies for people.

    Parameters
    ----------
    folder
        Made where it is not there.
    states
        The weights of each.
    description
        What they have in common.
    """
    folder.mkdir(parents=True, exist_ok=True)
    description = replace(description, members=len(states))
    tensors = {
        f"{_prefix(member, len(states))}{name}": tensor.detach().cpu().contiguous()
        for member, state in enumerate(states)
        for name, tensor in state.items()
    }
    content = {"format": FORMAT, "aam": __version__, **description.to_dict()}
    config = {"sha256": checksum(tensors, content), **content}
    with atomic_write(folder / WEIGHTS, mode="wb") as file:
        # One entry alone: the library writes several in an order of its own, other each time.
        file.write(save_tensors(tensors, metadata={"aam": json.dumps(config)}))
    write_json(folder / CONFIG, config)
    write_text(folder / CARD, model_card(description))


def load_model(path: Path) -> tuple[SequenceEncoder | SequencePredictor, ModelDescription]:
    """Read the folder of one model; see :func:`load_models`.

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
    """Read a model folder, or the one in a run directory.

    Returns
    -------
    tuple
        The model, or all of an ensemble, and what describes them.

    Raises
    ------
    CheckpointError
        If there is none, it is damaged, of another format, or its weights do not fit its description.
    """
    weights = find_weights(path)
    content = _read_header(weights)
    expected = content.pop("sha256", "")
    tensors = load_tensors(weights.read_bytes())
    if checksum(tensors, content) != expected:
        raise _damaged(weights)
    description = _read_description(weights, content)
    _check_sizes(weights, description, tensors)
    for name, tensor in tensors.items():
        if tensor.is_floating_point() and not torch.isfinite(tensor).all():
            raise CheckpointError(f"{weights}: the weights {name} are not finite; train the model again")
    models = []
    for member in range(description.members):
        prefix = _prefix(member, description.members)
        state = {name.removeprefix(prefix): tensor for name, tensor in tensors.items() if name.startswith(prefix)}
        models.append(_filled(build_model(description), state, weights))
    return models, description


def _read_description(weights: Path, content: dict[str, Any]) -> ModelDescription:
    """What describes the model; a right checksum says that it is whole, not who wrote it."""
    try:
        return ModelDescription.from_dict(content)
    except (ValueError, ConfigError) as error:
        words = shorten(str(error), LONGEST_WORDS)
        raise CheckpointError(f"{weights}: its description cannot be used ({words}); use another copy") from None


def _check_sizes(weights: Path, description: ModelDescription, tensors: State) -> None:
    """Refuse a description of more or larger layers than there are weights, before memory is taken for them."""
    layers = (description.options.asv_layers, description.options.sample_layers, description.options.encoder_layers)
    if max(description.members, *(number or 0 for number in layers)) > len(tensors):
        raise CheckpointError(f"{weights}: the weights do not fit the description (layers are missing)")
    with torch.device("meta"):
        model = build_model(description)
    prefix = _prefix(0, description.members)
    for name, tensor in model.state_dict().items():
        found = tensors.get(f"{prefix}{name}")
        if found is None or found.shape != tensor.shape:
            shape = "lacking" if found is None else f"{list(found.shape)}, {list(tensor.shape)} needed"
            raise CheckpointError(
                f"{weights}: the weights do not fit the description ({shorten(name, LONGEST_WORDS)}: {shape})"
            )


def _filled(model: SequenceEncoder | SequencePredictor, state: State, weights: Path) -> Any:
    try:
        model.load_state_dict(state)
    except RuntimeError as error:
        first = str(error).splitlines()[1].strip() if "\n" in str(error) else str(error)
        words = shorten(first, LONGEST_WORDS)
        raise CheckpointError(f"{weights}: the weights do not fit the description ({words})") from None
    return model


def _prefix(member: int, members: int) -> str:
    """What the names of a member's tensors begin with; nothing where it is the only one."""
    return f"{member}." if members > 1 else ""


def find_weights(path: Path) -> Path:
    """The weights' file of a model folder, or of the run directory that holds one."""
    if str(path).startswith(("http:", "https:")):
        raise CheckpointError(f"{path}: models are read from disk only; download it first")
    candidates = (path, path / WEIGHTS, path / MODEL / WEIGHTS)
    for candidate in candidates:
        if candidate.is_file():
            return candidate
    raise CheckpointError(f"{path}: no model found (a folder with {WEIGHTS} is needed)")


def checksum(tensors: dict[str, torch.Tensor], content: dict[str, Any]) -> str:
    """SHA-256 of the tensors' names, types, shapes and bytes, and of what is said of them."""
    digest = hashlib.sha256(json.dumps(content, sort_keys=True).encode())
    for name in sorted(tensors):
        tensor = tensors[name]
        digest.update(f"{name} {tensor.dtype} {tuple(tensor.shape)};".encode())
        digest.update(tensor.reshape(-1).view(torch.uint8).numpy().tobytes())
    return digest.hexdigest()


def _read_header(weights: Path) -> dict[str, Any]:
    try:
        with safe_open(weights, framework="pt") as file:
            metadata = file.metadata() or {}
    except (SafetensorError, OSError) as error:
        words = shorten(str(error), LONGEST_WORDS)
        raise CheckpointError(f"{weights}: not an AAM model, or damaged ({words}); pickles are never loaded") from None
    if "aam" not in metadata:
        raise CheckpointError(f"{weights}: a safetensors file, but not of AAM")
    try:
        config: Any = json.loads(metadata["aam"])
    except (ValueError, RecursionError):
        raise _damaged(weights) from None
    if not isinstance(config, dict) or not isinstance(config.get("format"), int):
        raise _damaged(weights)
    number, version = config["format"], shorten(str(config.get("aam")))
    if number != FORMAT:
        remedy = "update it" if number > FORMAT else "train the model again"
        raise CheckpointError(
            f"{weights}: made by aam {version} (format {shorten(str(number))}); "
            f"this is aam {__version__} (format {FORMAT}): {remedy}"
        )
    return config


def _damaged(weights: Path) -> CheckpointError:
    return CheckpointError(f"{weights}: damaged (its checksum differs); use another copy")
