"""The model folder: ``model.safetensors`` + ``config.json`` + a model card. All that ``aam predict`` needs; no pickle.

Weights are safetensors, everything else is JSON. The configuration holds the checksum of the weights,
so that a damaged file is never taken for a model.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any, TypeVar

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import load as load_tensors
from safetensors.torch import save as save_tensors

import aam
from aam.config import HeadOptions, LossOptions, ModelOptions
from aam.config.option import Section, convert, type_hints
from aam.data.targets import TargetSpec
from aam.errors import CheckpointError
from aam.files.atomic import atomic_write, write_json, write_text
from aam.models.sequence_encoder import SelfSupervision, SequenceEncoder
from aam.models.sequence_predictor import SequencePredictor

FORMAT = 2
WEIGHTS, CONFIG, CARD = "model.safetensors", "config.json", "README.md"
SectionT = TypeVar("SectionT", bound=Section)


@dataclass(frozen=True, kw_only=True)
class ModelDescription:
    """Everything about a model but its weights.

    Attributes
    ----------
    options
        Sizes.
    supervision
        The self-supervised heads.
    target
        The target, or None for a pre-trained encoder.
    head, loss
        How the target's head is built, and what it learned by; None for a pre-trained encoder.
    data
        How tables must be treated: ``trim_length``, ``max_bp``, ``rarefy_depth``, ``token_limit``, ``asv_sampling``.
    record
        Provenance and results, for people.
    """

    options: ModelOptions
    supervision: SelfSupervision
    target: TargetSpec | None
    head: HeadOptions | None
    loss: LossOptions | None
    data: dict[str, Any]
    record: dict[str, Any]

    def to_dict(self) -> dict[str, Any]:
        """Plain JSON types."""
        return {
            "kind": "encoder" if self.target is None else "predictor",
            "model": _plain(self.options),
            "supervision": self.supervision.to_dict(),
            "target": self.target.to_dict() if self.target else None,
            "head": _plain(self.head) if self.head else None,
            "loss": _plain(self.loss) if self.loss else None,
            "data": self.data,
            "record": self.record,
        }

    @classmethod
    def from_dict(cls, content: dict[str, Any]) -> ModelDescription:
        """The inverse of :meth:`to_dict`."""
        return cls(
            options=_read_section(ModelOptions, content["model"]),
            supervision=SelfSupervision.from_dict(content["supervision"]),
            target=TargetSpec.from_dict(content["target"]) if content["target"] else None,
            head=_read_section(HeadOptions, content["head"]) if content["head"] else None,
            loss=_read_section(LossOptions, content["loss"]) if content["loss"] else None,
            data=content["data"],
            record=content["record"],
        )


def _plain(section: Section) -> dict[str, Any]:
    """The options of a section by name, in JSON types."""
    values = {field.name: getattr(section, field.name) for field in fields(section)}
    return {name: list(value) if isinstance(value, tuple) else value for name, value in values.items()}


def _read_section(kind: type[SectionT], content: dict[str, Any]) -> SectionT:
    """The inverse of :func:`_plain`."""
    hints = type_hints(kind)
    return kind(**{name: convert(value, hints[name], name) for name, value in content.items()})


def build_model(description: ModelDescription) -> SequenceEncoder | SequencePredictor:
    """A fresh model of this description."""
    encoder = SequenceEncoder(description.options, description.supervision)
    if description.target is None:
        return encoder
    assert description.head is not None
    assert description.loss is not None
    return SequencePredictor(encoder, description.target, description.head, description.loss)


def save_model(folder: Path, state: dict[str, torch.Tensor], description: ModelDescription) -> None:
    """Write the folder.

    The weights' file carries the description, and a checksum of both, in its own header and is replaced at one stroke,
    so that a reader finds the old model or the new one, whole; ``config.json`` and the card are copies for people.
    """
    folder.mkdir(parents=True, exist_ok=True)
    tensors = {name: tensor.detach().cpu().contiguous() for name, tensor in state.items()}
    content = {"format": FORMAT, "aam": aam.__version__, **description.to_dict()}
    config = {"sha256": checksum(tensors, content), **content}
    with atomic_write(folder / WEIGHTS, mode="wb") as file:
        # One entry alone: the library writes several in an order of its own, other each time.
        file.write(save_tensors(tensors, metadata={"aam": json.dumps(config)}))
    write_json(folder / CONFIG, config)
    write_text(folder / CARD, model_card(description))


def load_model(path: Path) -> tuple[SequenceEncoder | SequencePredictor, ModelDescription]:
    """Read a model folder, or the one in a run directory.

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
    description = ModelDescription.from_dict(content)
    for name, tensor in tensors.items():
        if tensor.is_floating_point() and not torch.isfinite(tensor).all():
            raise CheckpointError(f"{weights}: the weights {name} are not finite; train the model again")
    model = build_model(description)
    try:
        model.load_state_dict(tensors)
    except RuntimeError as error:
        first = str(error).splitlines()[1].strip() if "\n" in str(error) else str(error)
        raise CheckpointError(f"{weights}: the weights do not fit the description ({first})") from None
    return model, description


def find_weights(path: Path) -> Path:
    """The weights' file of a model folder, or of the run directory that holds one."""
    if str(path).startswith(("http:", "https:")):
        raise CheckpointError(f"{path}: models are read from disk only; download it first")
    candidates = (path, path / WEIGHTS, path / "model" / WEIGHTS)
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
        raise CheckpointError(f"{weights}: not an AAM model, or damaged ({error}); pickles are never loaded") from None
    if "aam" not in metadata:
        raise CheckpointError(f"{weights}: a safetensors file, but not of AAM")
    try:
        config: dict[str, Any] = json.loads(metadata["aam"])
    except ValueError:
        raise _damaged(weights) from None
    if config["format"] != FORMAT:
        remedy = "update it" if config["format"] > FORMAT else "train the model again, or use that version"
        raise CheckpointError(
            f"{weights}: made by aam {config['aam']} (format {config['format']}); "
            f"this is aam {aam.__version__} (format {FORMAT}): {remedy}"
        )
    return config


def _sha256(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def _damaged(weights: Path) -> CheckpointError:
    return CheckpointError(f"{weights}: damaged (its checksum differs); use another copy")


def model_card(description: ModelDescription) -> str:
    """A model card in Markdown: what the model predicts, how well, from what, and how to use it."""
    target, record = description.target, description.record
    lines = [f"# AAM {'encoder' if target is None else 'model'}", ""]
    if target is None:
        lines.append("A pre-trained encoder of 16S amplicon samples.")
        lines.append("Fine-tune it with `aam train --pretrained-encoder THIS_FOLDER`.")
    else:
        classes = f" ({', '.join(target.classes)})" if target.classes else ""
        lines.append(f"Predicts `{target.column}`{classes} ({target.kind}) from a 16S feature table.")
        lines += ["", "```", "aam predict --model THIS_FOLDER --table YOUR_TABLE --output predictions.tsv", "```"]
    lines += ["", "## Data", ""] + [f"- {name}: {value}" for name, value in description.data.items()]
    lines += ["", "## Record", ""] + [f"- {name}: {value}" for name, value in record.items()]
    return "\n".join(lines) + "\n"
