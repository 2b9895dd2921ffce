"""The best model so far as part of a checkpoint: what is resumed goes on from the model that was best then.

A model that is better takes its place at once, and the checkpoint that knows of it comes later. What is done again
after that may come out differently, by rounding on a GPU or with changed options: the model of an epoch that is no more
must not be taken for the best then.
"""

from __future__ import annotations

import os
import shutil
from contextlib import suppress
from pathlib import Path

from aam.files.atomic import sha256_file
from aam.models.folder import WEIGHTS, load_models, save_models

ENDING = ".best"


def keep_best(model: Path, checkpoint: Path) -> None:
    """Keep the model as it is now beside a checkpoint; what replaces it later leaves this one as it is.

    Parameters
    ----------
    model
        The folder of the best model.
    checkpoint
        The checkpoint.
    """
    kept, weights = _kept(checkpoint), model / WEIGHTS
    if not weights.exists():
        return
    with suppress(OSError):  # without it, a run is resumed with the model that is there
        kept.unlink(missing_ok=True)
        try:
            os.link(weights, kept)
        except OSError:  # a file system without links
            shutil.copyfile(weights, kept)


def restore_best(checkpoint: Path, model: Path) -> None:
    """Put the model that was the best one at a checkpoint in its place again."""
    kept = _kept(checkpoint)
    if not kept.exists() or sha256_file(kept) == sha256_file(model / WEIGHTS):
        return
    models, description = load_models(kept)
    save_models(model, [dict(found.state_dict()) for found in models], description)


def forget_best(checkpoint: Path) -> None:
    """Remove what is kept beside a checkpoint that goes."""
    _kept(checkpoint).unlink(missing_ok=True)


def _kept(checkpoint: Path) -> Path:
    return checkpoint.with_name(checkpoint.name + ENDING)
