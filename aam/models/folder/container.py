"""The model folder as bytes: ``model.safetensors`` + ``config.json`` + a model card. No pickle is ever read.

Arrays are safetensors, everything else is JSON. The weights' file carries the manifest, and a checksum of both, in its
own header, so that a damaged file is never taken for a model; ``config.json`` and the card are human-readable copies.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import load as load_tensors
from safetensors.torch import save as save_tensors

from aam.errors import CheckpointError, ConfigError
from aam.files.atomic import atomic_write, write_json, write_text
from aam.models.folder.front_matter import Statement, facts_of_targets, joined_card, with_statement
from aam.models.folder.manifest import Manifest, model_card
from aam.models.folder.migrations import FORMAT, check_format, is_newer, to_present
from aam.models.folder.paths import CARD, CONFIG, WEIGHTS, check_is_of_model, find_weights
from aam.text import shorten
from aam.version import __version__

MAX_MESSAGE_LENGTH = 80
"""Of what a library, or the file itself, says in a message."""
State = dict[str, torch.Tensor]
STORED_TYPES = {torch.uint8, torch.int32, torch.int64, torch.float32, torch.float64, torch.bool}
"""What arrays of a model may hold: types that NumPy and the learners know."""
# What comes of a description whose values are of the right types and cannot be right.
UNUSABLE = (ValueError, ConfigError, TypeError, LookupError, AttributeError, ArithmeticError, RuntimeError, MemoryError)
REFERENCE = "reference"
"""Owner of the tensors that members share."""


class WeightMismatch(ValueError):
    """Weights are not those that the description needs."""


class ModelFolder(NamedTuple):
    """A model folder that was read.

    Attributes
    ----------
    weights
        The weights' file.
    manifest
        The manifest, in the present format.
    states
        The tensors of each member.
    reference
        The tensors that members share, and those of the training data.
    """

    weights: Path
    manifest: Manifest
    states: list[State]
    reference: State


def write_model_folder(
    folder: Path,
    manifest: Manifest,
    states: list[Mapping[str, torch.Tensor]],
    reference: Mapping[str, torch.Tensor] | None = None,
) -> None:
    """Write a model folder; a reader finds the old model or the new one, whole.

    Parameters
    ----------
    folder
        Made where it is not there.
    manifest
        The manifest of the folder.
    states
        The tensors of each member, in the manifest's order.
    reference
        The tensors that members share, and those of the training data.
    """
    assert len(states) == len(manifest.members)
    folder.mkdir(parents=True, exist_ok=True)
    check_is_of_model(folder)
    owned = {**{str(number): state for number, state in enumerate(states)}, REFERENCE: reference or {}}
    tensors = {
        f"{owner}.{name}": tensor.detach().cpu().contiguous()
        for owner, state in owned.items()
        for name, tensor in state.items()
    }
    content = {"format": FORMAT, "aam": __version__, **manifest.to_dict()}
    config = {"sha256": checksum(tensors, content), **content}
    with atomic_write(folder / WEIGHTS, mode="wb") as file:
        # One entry alone: the library writes several in an order of its own, other each time.
        file.write(save_tensors(tensors, metadata={"aam": json.dumps(config)}))
    write_json(folder / CONFIG, config)
    stated = with_statement(facts_of_targets(manifest.targets), model_card(manifest), Statement())
    write_text(folder / CARD, joined_card(*stated))


def read_model_folder(path: Path) -> ModelFolder:
    """Read a model folder, or the one in a run directory.

    Raises
    ------
    CheckpointError
        If there is none, it is damaged, of a format that is not known, or not finite.
    """
    weights = find_weights(path)
    content = read_header(weights)
    expected = content.pop("sha256", "")
    tensors = load_tensors(weights.read_bytes())
    for name, tensor in tensors.items():
        if tensor.dtype not in STORED_TYPES:
            kind = str(tensor.dtype).removeprefix("torch.")
            raise CheckpointError(f"{weights}: the weights {shorten(name)} cannot be {kind}; use another copy")
    if checksum(tensors, content) != expected:
        raise _damaged(weights)
    with contents_checked(weights):
        content, rename = to_present(content)
        manifest = Manifest.from_dict(content)
    for name, tensor in tensors.items():
        if tensor.is_floating_point() and not torch.isfinite(tensor).all():
            raise CheckpointError(f"{weights}: the weights {shorten(name)} are not finite; train the model again")
    with contents_checked(weights):
        renamed = {rename(name): tensor for name, tensor in tensors.items()}
        states, reference = _by_member(len(manifest.members), renamed)
    return ModelFolder(weights, manifest, states, reference)


def read_manifest(path: Path) -> Manifest:
    """What describes the model of a folder, without its arrays, whose checksum is not looked at.

    Raises
    ------
    CheckpointError
        If there is no model, its header is damaged, or its format is not known.
    """
    weights = find_weights(path)
    content = read_header(weights)
    with contents_checked(weights):
        return Manifest.from_dict(to_present(content)[0])


def _by_member(number: int, tensors: State) -> tuple[list[State], State]:
    """The tensors of each member, and those that they share, under the names that they have there."""
    states: list[State] = [{} for _ in range(number)]
    reference: State = {}
    for name, tensor in tensors.items():
        member, _, own = name.partition(".")
        if member == REFERENCE:
            reference[own] = tensor
            continue
        if not (member.isascii() and member.isdecimal() and int(member[:10]) < number):
            raise WeightMismatch(f"'{shorten(name, MAX_MESSAGE_LENGTH)}' belongs to no member")
        states[int(member[:10])][own] = tensor
    return states, reference


@contextmanager
def contents_checked(weights: Path) -> Iterator[None]:
    """Say of whatever is wrong with a manifest or its tensors that they cannot be used.

    A right checksum does not say who wrote them.

    Raises
    ------
    CheckpointError
        In the place of an error that a value of the description, or a tensor, can lead to.
    """
    try:
        yield
    except WeightMismatch as error:
        raise CheckpointError(f"{weights}: the weights do not fit the description ({error})") from None
    except UNUSABLE as error:
        words = shorten(str(error), MAX_MESSAGE_LENGTH)
        raise CheckpointError(f"{weights}: its description cannot be used ({words}); {_remedy(weights)}") from None


def _remedy(weights: Path) -> str:
    """What helps where a description cannot be used: a newer version may know what this one does not."""
    try:
        made = shorten(str(read_header(weights).get("aam")))
    except CheckpointError:
        made = ""
    return f"made by aam {made}, this is aam {__version__}: update it" if is_newer(made) else "use another copy"


def checksum(tensors: Mapping[str, torch.Tensor], content: Mapping[str, Any]) -> str:
    """SHA-256 of the tensors' names, types, shapes and bytes, and of what is said of them."""
    digest = hashlib.sha256(json.dumps(content, sort_keys=True).encode())
    for name in sorted(tensors):
        tensor = tensors[name]
        digest.update(f"{name} {tensor.dtype} {tuple(tensor.shape)};".encode())
        if tensor.numel():
            digest.update(tensor.reshape(-1).view(torch.uint8).numpy().tobytes())
    return digest.hexdigest()


def read_header(weights: Path) -> dict[str, Any]:
    """What the header of the weights says of the model; raises :class:`~aam.errors.CheckpointError` if damaged."""
    try:
        with safe_open(weights, framework="pt") as file:
            metadata = file.metadata() or {}
    except (SafetensorError, OSError) as error:
        words = shorten(str(error), MAX_MESSAGE_LENGTH)
        raise CheckpointError(f"{weights}: not an AAM model, or damaged ({words}); pickles are never loaded") from None
    if "aam" not in metadata:
        raise CheckpointError(f"{weights}: a safetensors file, but not of AAM")
    try:
        config: Any = json.loads(metadata["aam"])
    except (ValueError, RecursionError):
        raise _damaged(weights) from None
    if not isinstance(config, dict) or not isinstance(config.get("format"), int):
        raise _damaged(weights)
    check_format(weights, config)
    return config


def _damaged(weights: Path) -> CheckpointError:
    return CheckpointError(f"{weights}: damaged (its checksum differs); use another copy")
