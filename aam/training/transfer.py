"""What a run takes over from a pre-trained encoder: its sizes and its weights."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from pathlib import Path

from torch import Tensor

from aam.config import ModelOptions, TrainConfig
from aam.config.option import flag
from aam.errors import ConfigError
from aam.files.text import listed, plural
from aam.models.folder import ModelDescription, load_model
from aam.models.sequence_encoder import SequenceEncoder
from aam.models.sequence_predictor import SequencePredictor

# Options that are no part of the weights' shape: each run chooses them anew.
FREE_OPTIONS = frozenset({"dropout", "gradient_checkpointing", "asv_chunk_size"})
TAXONOMY_HEAD = "heads.taxonomy."


@dataclass(frozen=True)
class Pretrained:
    """A pre-trained encoder: where it came from, how it is built, and its weights."""

    source: Path
    description: ModelDescription
    state: dict[str, Tensor]


def read_encoder(path: Path) -> Pretrained:
    """Read the encoder of a pre-training run, or the one inside a fine-tuned model.

    Raises
    ------
    CheckpointError
        If there is no model, or it is damaged.
    """
    model, description = load_model(path)
    encoder = model.base if isinstance(model, SequencePredictor) else model
    return Pretrained(path, description, dict(encoder.state_dict()))


def adopt_sizes(config: TrainConfig, pretrained: Pretrained) -> TrainConfig:
    """The configuration with the sizes of the encoder, which are part of its weights.

    Raises
    ------
    ConfigError
        If a size was asked for that the encoder does not have.
    """
    asked, given = config.model, pretrained.description.options
    adopted = {}
    for field in dataclasses.fields(ModelOptions):
        name = field.name
        wanted, has = getattr(asked, name), getattr(given, name)
        if name in FREE_OPTIONS:
            continue
        if wanted not in (field.default, has):
            raise ConfigError(
                f"{flag(name)} {wanted}, but the encoder of {pretrained.source} has {has}: leave the option out, "
                "or pre-train another encoder"
            )
        adopted[name] = has
    return dataclasses.replace(config, model=dataclasses.replace(asked, **adopted))


def transfer(encoder: SequenceEncoder, pretrained: Pretrained) -> tuple[set[str], list[str]]:
    """Load the weights that the two have in common; a taxonomy head only if it has the very same taxa.

    Returns
    -------
    tuple
        Names of the tensors that were loaded, and what matched and what did not, in words.
    """
    own = encoder.state_dict()
    if encoder.supervision.taxonomy_classes != pretrained.description.supervision.taxonomy_classes:
        own = {name: tensor for name, tensor in own.items() if not name.startswith(TAXONOMY_HEAD)}
    matching = {name: tensor for name, tensor in pretrained.state.items() if name in own}
    encoder.load_state_dict(matching, strict=False)
    lines = [f"{plural(len(matching), 'tensor')} of {pretrained.source} loaded"]
    unused = sorted(_modules(set(pretrained.state) - set(matching)))
    fresh = sorted(_modules(set(encoder.state_dict()) - set(matching)))
    if unused:
        lines.append(f"not needed here: {listed(unused, 6)}")
    if fresh:
        lines.append(f"not in it, and fresh: {listed(fresh, 6)}")
    return set(matching), lines


def treatment_notes(config: TrainConfig, pretrained: Pretrained) -> list[str]:
    """Where the table is treated in another way than the encoder's was."""
    before = pretrained.description.data.get("trim_length")
    if before == config.table.trim_length:
        return []
    now = config.table.trim_length
    return [f"the encoder was trained with --trim-length {before or 'none'}, this run has {now or 'none'}"]


def _modules(names: set[str]) -> set[str]:
    """The modules that tensors belong to, two levels deep."""
    return {".".join(name.split(".")[:2]) for name in names}
