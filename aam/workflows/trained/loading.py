"""From a model folder to the model in memory."""

from __future__ import annotations

from pathlib import Path

from aam.files.model_index import resolved
from aam.learners.predictor import (
    load_predictor,
)
from aam.log import warn
from aam.models.folder.container import read_model_folder
from aam.models.folder.description import NETWORK
from aam.models.folder.paths import unfinished_notes
from aam.workflows.trained.combined import CombinedModel
from aam.workflows.trained.model import TrainedModel
from aam.workflows.trained.networks import load_networks


def load_model(path: str | Path) -> TrainedModel:
    """Load the model of a model folder, or of a run directory: networks, a random forest, or what combines them.

    Parameters
    ----------
    path
        The folder, or the name of a model of the user's index; nothing in it is executed, and no pickle is read.

    Raises
    ------
    CheckpointError
        If there is no such model, or it is damaged.

    Examples
    --------
    >>> model = aam.load_model("runs/gradient")
    >>> study = aam.load_study(table="study/table.biom")
    >>> model.predict(study[:5])["gradient"].predicted.shape
    (5,)
    >>> sorted(set(model.novelty(study).warning_N))
    ['']
    """
    path = resolved(Path(path))
    manifest = read_model_folder(path).manifest
    for line in unfinished_notes(path):
        warn(line)
    first = manifest.members[0]
    if first.kind == NETWORK and not manifest.weights and all(member == first for member in manifest.members):
        return load_networks(path)
    return CombinedModel(load_predictor(path))
