"""The files of a model folder: their names, where they are found, and where new ones may be written."""

from __future__ import annotations

import os
import shlex
from collections.abc import Iterator
from pathlib import Path

from aam.errors import CheckpointError, InputError
from aam.files.model_index import is_name, resolved
from aam.runs import layout
from aam.runs.directory import resume_hint
from aam.runs.layout import FINAL_CONFIG, MODEL, command_of, is_unfinished

WEIGHTS, CONFIG, CARD = layout.WEIGHTS, "config.json", "README.md"


def find_weights(path: Path) -> Path:
    """The weights' file of a model folder, of the run directory that holds one, or of a model of the user's index.

    Raises
    ------
    CheckpointError
        If there is none, or the run is unfinished: the model in it is then for who names its own folder.
    """
    if str(path).startswith(("http:", "https:")):
        raise CheckpointError(f"{path}: models are read from disk only; download it first")
    path = resolved(path)
    if path.suffix == ".onnx":
        raise CheckpointError(f"{path}: an ONNX file is for programs without AAM; name the folder it was written from")
    if is_unfinished(path):
        so_far = f"; {path / MODEL} is what it had learned so far" if (path / MODEL / WEIGHTS).is_file() else ""
        raise CheckpointError(f"{path}: the run is unfinished: {resume_hint(command_of(path), path)}{so_far}")
    candidates = (path, path / WEIGHTS, path / MODEL / WEIGHTS)
    for candidate in candidates:
        if candidate.is_file():
            return candidate
    if (path / FINAL_CONFIG).is_file():
        final = shlex.join(["aam", "train", "--config", str(path / FINAL_CONFIG)])
        raise CheckpointError(f"{path}: a cross-validation keeps no model of all samples; train it: {final}")
    raise CheckpointError(f"{path}: no model found (a folder with {WEIGHTS} is needed{_or_name(path)})")


def _or_name(path: Path) -> str:
    """What else a word may be that leads nowhere."""
    if os.path.lexists(path):
        return ""
    if is_name(str(path)):
        return ", or a name that `aam models` lists"
    is_of_hub = len(path.parts) == 2 and all(map(is_name, path.parts)) and not path.parent.exists()
    return f"; if it is on a model hub: aam pull {path}" if is_of_hub else ""


def unfinished_notes(path: Path) -> Iterator[str]:
    """What to say of a model that an unfinished run has kept so far."""
    folder = path if path.is_dir() else path.parent
    run = folder.resolve().parent
    if folder.resolve().name == MODEL and is_unfinished(run):
        yield f"{path} is of an unfinished run: what it had learned so far, perhaps without intervals"


def model_files(folder: Path) -> list[Path]:
    """The files that a model consists of."""
    return [folder / name for name in (WEIGHTS, CONFIG, CARD)]


def check_is_of_model(folder: Path) -> None:
    """Refuse a folder with files of other origin that have the names of a model's.

    Raises
    ------
    InputError
        If there is one, and no weights beside it.
    """
    if (folder / WEIGHTS).exists():
        return
    for path in model_files(folder):
        if os.path.lexists(path):
            raise InputError(folder, f"holds {path.name}, which is not part of a model", "choose another folder")


def check_model_folder(path: Path, overwrite: bool) -> None:
    """Refuse a folder that a new model cannot have; nothing in it is touched.

    Parameters
    ----------
    path
        The folder, which need not be there.
    overwrite
        Whether a model that is there may be replaced.

    Raises
    ------
    InputError
        If it is a file, holds a model that may not be replaced, or holds anything else.
    """
    if not path.exists():
        return
    if not path.is_dir():
        raise InputError(path, "is a file", "--output-dir names a folder")
    others = sorted(item.name for item in path.iterdir() if item.name not in (WEIGHTS, CONFIG, CARD))
    if others:
        raise InputError(path, f"holds {others[0]}, which is not part of a model", "choose another --output-dir")
    check_is_of_model(path)
    if (path / WEIGHTS).exists() and not overwrite:
        raise InputError(path, "holds a model already", "--overwrite or another --output-dir")
