"""What a run takes over from a pre-trained encoder: its sizes and its weights."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from pathlib import Path

from torch import Tensor

from aam.config import ModelOptions, TrainConfig, TransferOptions
from aam.config.option import flag
from aam.errors import ConfigError
from aam.log import warn
from aam.models.folder.description import ModelDescription
from aam.models.folder.paths import unfinished_notes
from aam.models.folder.weights import load_model
from aam.models.sequence_encoder import SequenceEncoder
from aam.models.sequence_predictor import SequencePredictor
from aam.models.shipped import folder_of
from aam.text import listed, plural

# Options that are no part of the weights' shape: each run chooses them anew.
FREE_OPTIONS = frozenset({"dropout", "gradient_checkpointing", "asv_chunk_size"})


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
    for line in unfinished_notes(path):
        warn(line)
    model, description = load_model(path)
    encoder = model.base if isinstance(model, SequencePredictor) else model
    return Pretrained(path, description, dict(encoder.state_dict()))


def encoder_folder(options: TransferOptions) -> Path | None:
    """Where the pre-trained encoder lies, in the package or elsewhere; None where none is asked for."""
    if not options.names_encoder:
        return None
    name = options.pretrained_encoder
    return name if isinstance(name, Path) else folder_of(str(name))


def with_encoder(config: TrainConfig) -> tuple[TrainConfig, Pretrained | None]:
    """The configuration with the sizes of its pre-trained encoder, and the encoder; None where it names none.

    Raises
    ------
    CheckpointError, ConfigError
        As :func:`read_encoder` and :func:`adopt_sizes`.
    """
    path = encoder_folder(config.transfer)
    if path is None:
        return config, None
    pretrained = read_encoder(path)
    return adopt_sizes(config, pretrained), pretrained


def adopt_sizes(config: TrainConfig, pretrained: Pretrained) -> TrainConfig:
    """The configuration with the sizes of the encoder, which are part of its weights.

    A size that is asked for with the value of its default counts as not asked for.

    Raises
    ------
    ConfigError
        If sizes were asked for that the encoder does not have, or its predictions of nucleotides, of which it has none.
    """
    asked, given = config.model, pretrained.description.options
    defaults = {field.name: field.default for field in dataclasses.fields(ModelOptions)}
    adopted = {name: getattr(given, name) for name in defaults if name not in FREE_OPTIONS}
    differing = [name for name, has in adopted.items() if getattr(asked, name) not in (defaults[name], has)]
    if differing:
        wanted = ", ".join(_spelled(name, getattr(asked, name)) for name in differing)
        has = ", ".join(_spelled(name, adopted[name]) for name in differing)
        options = "option" if len(differing) == 1 else "options"
        raise ConfigError(
            f"{wanted}, but the encoder of {pretrained.source} has {has}: leave the {options} out, "
            "or pre-train another encoder"
        )
    _check_nucleotides(config, pretrained)
    return dataclasses.replace(config, model=dataclasses.replace(asked, **adopted))


def _check_nucleotides(config: TrainConfig, pretrained: Pretrained) -> None:
    """Refuse to keep predictions of nucleotides that neither pre-training has taught nor this run teaches."""
    kept = config.transfer.skip_nuc_predictions is False and not config.objective.nuc_penalty
    if kept and not pretrained.description.supervision.nucleotides:
        raise ConfigError(
            f"--keep-nuc-predictions: the encoder of {pretrained.source} was trained without nucleotides; "
            "leave the option out, or let this run learn them (--nuc-penalty)"
        )


def _spelled(name: str, value: object) -> str:
    """An option as it is typed."""
    if isinstance(value, bool):
        return flag(name if value else f"no_{name}")
    return f"{flag(name)} {value}"


def transfer(encoder: SequenceEncoder, pretrained: Pretrained) -> tuple[set[str], list[str]]:
    """Load the weights that the two have in common; a head with classes only if it has the very same ones.

    Returns
    -------
    tuple
        Names of the tensors that were loaded, and what matched and what did not, in words.
    """
    own = encoder.state_dict()
    if encoder.supervision.taxonomy_classes != pretrained.description.supervision.taxonomy_classes:
        heads = tuple(f"heads.{one.head_name}." for one in encoder.supervision.objectives if one.has_classes)
        own = {name: tensor for name, tensor in own.items() if not name.startswith(heads)}
    matching = {name: tensor for name, tensor in pretrained.state.items() if name in own}
    encoder.load_state_dict(matching, strict=False)
    lines = [f"{plural(len(matching), 'tensor')} of {pretrained.source} loaded", *_sizes(pretrained)]
    unused = sorted(_modules(set(pretrained.state) - set(matching)))
    fresh = sorted(_modules(set(encoder.state_dict()) - set(matching)))
    if unused:
        lines.append(f"not needed here: {listed(unused, 6)}")
    if fresh:
        lines.append(f"not in the encoder; newly initialised: {listed(fresh, 6)}")
    return set(matching), lines


def preprocessing_notes(config: TrainConfig, pretrained: Pretrained) -> list[str]:
    """Where sequences are treated in another way than the encoder's were, or are longer than any that it saw.

    Places are computed and not looked up, so that an encoder works with longer sequences than it was trained with; but
    nothing has taught it what lies there.
    """
    before, table = pretrained.description.data, config.table
    notes = []
    if before.get("trim_length") != table.trim_length:
        then, now = before.get("trim_length") or "none", table.trim_length or "none"
        notes.append(f"the encoder was trained with --trim-length {then}, this run has {now}")
    then, now = before.get("reverse_complement") or "no", table.reverse_complement or "no"
    if then != now:
        notes.append(f"the encoder was trained with --reverse-complement {then}, this run has {now}")
    longest = before.get("max_bp")
    if longest is not None and table.max_bp is not None and table.max_bp > longest:
        notes.append(
            f"the encoder saw at most {longest} bases of a sequence, this run has up to {table.max_bp}: "
            f"the last {table.max_bp - longest} are new to it (--trim-length {longest} leaves them out)"
        )
    return notes


def sampling_notes(config: TrainConfig, pretrained: Pretrained) -> list[str]:
    """Where another part of a sample is seen than in the encoder's training; it works, but is good to know."""
    before, sampling = pretrained.description.data, config.sampling
    now = {name: getattr(sampling, name) for name in ("rarefy_depth", "token_limit", "asv_sampling")}
    then = {name: before[name] or "none" for name in now if name in before}
    differing = [name for name in then if then[name] != now[name]]
    if not differing:
        return []
    words = [", ".join(_spelled(name, values[name]) for name in differing) for values in (then, now)]
    return [f"the encoder was trained with {words[0]}; this run has {words[1]}"]


def _sizes(pretrained: Pretrained) -> list[str]:
    """The encoder's sizes that are not the defaults, in words."""
    options = pretrained.description.options
    usual: dict[str, tuple[object, ...]] = {f.name: (f.default,) for f in dataclasses.fields(ModelOptions)}
    usual |= dict.fromkeys(("asv_layers", "sample_layers", "encoder_layers"), (None, options.attention_layers))
    own = {name: getattr(options, name) for name in usual if name not in FREE_OPTIONS}
    words = ", ".join(_spelled(name, value) for name, value in own.items() if value not in usual[name])
    return [f"using the encoder's layer sizes: {words}"] if words else []


def _modules(names: set[str]) -> set[str]:
    """The modules that tensors belong to, two levels deep."""
    return {".".join(name.split(".")[:2]) for name in names}
