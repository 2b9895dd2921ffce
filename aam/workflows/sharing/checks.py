"""Whether a model folder may travel: nothing but known files of reasonable size, which all say the same."""

from __future__ import annotations

import json
from pathlib import Path

from aam.errors import CheckpointError, InputError
from aam.files.limits import limits
from aam.models.folder.container import read_header
from aam.models.folder.front_matter import MOST_CARD_BYTES, read_card
from aam.models.folder.paths import CARD, CONFIG, WEIGHTS
from aam.text import format_bytes, read_bytes
from aam.workflows.trained.loading import load_model
from aam.workflows.trained.model import TrainedModel


def most_bytes(name: str) -> int:
    """How large a file of a model may be, by its name."""
    found = limits()
    return {WEIGHTS: found.hub_bytes, CONFIG: found.model_header_bytes, CARD: MOST_CARD_BYTES}[name]


def check_model(folder: Path) -> TrainedModel:
    """Load a model as a prediction would, and check what stands beside its weights.

    Parameters
    ----------
    folder
        The model folder.

    Raises
    ------
    CheckpointError
        If it is damaged, or its description for people is not that of its weights.
    InputError
        If a file is a link, or larger than it may be; if the card cannot be read.
    """
    for name in (WEIGHTS, CONFIG, CARD):
        path = folder / name
        if path.is_symlink():
            raise InputError(path, "is a link", "put the file itself there")
        if path.is_file() and path.stat().st_size > most_bytes(name):
            raise InputError(path, f"has {format_bytes(path.stat().st_size)}, at most {format_bytes(most_bytes(name))}")
    model = load_model(folder)
    _check_copy(folder)
    read_card(folder)
    return model


def _check_copy(folder: Path) -> None:
    """Refuse a description beside the weights that is not theirs; without one the model is whole all the same."""
    path = folder / CONFIG
    if not path.is_file():
        return
    try:
        copy = json.loads(read_bytes(path))
    except (ValueError, RecursionError):
        copy = None
    if copy != read_header(folder / WEIGHTS):
        raise CheckpointError(f"{path}: damaged (it is not the description of {WEIGHTS}); use another copy")
