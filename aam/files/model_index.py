"""The index of models: copies of model folders, each under a name that commands take for a path.

It is ``$AAM_MODELS``, or ``aam/models`` in the user's folder for data (``$XDG_DATA_HOME``). A model lies in
``NAME/model`` beside ``NAME/entry.json``, which says where it is from. All are plain files: no network is needed.
"""

from __future__ import annotations

import os
import re
import shutil
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from aam.errors import InputError, RunError
from aam.files.atomic import LEFTOVER, is_running, unfinished
from aam.text import shorten

VARIABLE = "AAM_MODELS"
MODEL, ENTRY = "model", "entry.json"
NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,95}")
"""What a model may be called: one part of a path that means no other place, on any system."""
TAKEN = ("small", "none")
"""What ``--pretrained-encoder`` takes for something else."""


def index_folder() -> Path:
    """The folder of the index, which need not be there.

    Raises
    ------
    InputError
        If the user has no home folder and ``AAM_MODELS`` names none.
    """
    own, shared = os.environ.get(VARIABLE, ""), os.environ.get("XDG_DATA_HOME", "")
    if own:
        return Path(own).absolute()
    if Path(shared).is_absolute():
        return Path(shared) / "aam" / "models"
    try:
        home = Path.home()
    except RuntimeError:
        raise InputError("the index of models", "there is no home folder", f"name a folder in {VARIABLE}") from None
    return home / ("Library/Application Support" if sys.platform == "darwin" else ".local/share") / "aam" / "models"


def is_name(text: str) -> bool:
    """Whether a model may have this name."""
    return NAME.fullmatch(text) is not None and text not in TAKEN


def check_name(text: str) -> str:
    """The name, if a model may have it.

    Raises
    ------
    InputError
        If it may not.
    """
    if not is_name(text):
        problem = "is no name of a model: letters, digits and . _ - (the first a letter or digit), 96 at most"
        raise InputError(f"'{shorten(text, 40).replace('/', chr(0x2215))}'", problem)
    return text


def names() -> list[str]:
    """The names of all models, sorted."""
    folder = index_folder()
    if not folder.is_dir():
        return []
    return sorted(item.name for item in folder.iterdir() if is_name(item.name) and (item / MODEL).is_dir())


def place_of(name: str) -> Path:
    """The folder of a name, which need not be there."""
    return index_folder() / check_name(name)


def resolved(path: Path) -> Path:
    """Where a model lies that may be given by its name: what is there goes first, then the index, else as it is."""
    if not is_name(str(path)) or os.path.lexists(path):
        return path
    try:
        folder = index_folder() / str(path) / MODEL
    except InputError:
        return path
    return folder if folder.is_dir() else path


def name_of(path: Path) -> str | None:
    """The name that a model folder has in the index; None where it lies elsewhere."""
    try:
        folder = index_folder()
    except InputError:
        return None
    is_there = path.name == MODEL and path.parent.parent == folder and is_name(path.parent.name)
    return path.parent.name if is_there else None


@contextmanager
def new_entry(name: str, *, overwrite: bool) -> Iterator[Path]:
    """Give a folder to fill that is the model of a name at the end, whole, if nothing was raised.

    Parameters
    ----------
    name
        The name.
    overwrite
        Whether a model that has it may be replaced.

    Raises
    ------
    InputError
        If the name is taken.
    RunError
        If the folder cannot be written.
    """
    place = place_of(name)
    check_free(name, overwrite=overwrite)
    staging = unfinished(place)
    old = staging.with_name(f"{staging.name}-0")
    try:
        place.parent.mkdir(parents=True, exist_ok=True)
        _remove_leftovers(place.parent)
        staging.mkdir()
        yield staging
        if place.exists():
            place.replace(old)
        staging.replace(place)
    except OSError as error:
        if error.filename is not None and not Path(str(error.filename)).is_relative_to(place.parent):
            raise
        raise RunError(f"{place.parent}: cannot be written ({error.strerror or error})") from error
    finally:
        if not place.exists() and old.exists():
            old.replace(place)
        for leftover in (staging, old):
            shutil.rmtree(leftover, ignore_errors=True)


def check_free(name: str, *, overwrite: bool) -> None:
    """Refuse a name that is taken; raises :class:`~aam.errors.InputError`."""
    place = place_of(name)
    if not overwrite and os.path.lexists(place):
        raise InputError(name, "the index has a model of this name", "give another --name, or --overwrite")


def remove_entry(name: str) -> None:
    """Remove the model of a name.

    Raises
    ------
    InputError
        If there is none.
    RunError
        If its folder cannot be removed.
    """
    place = known_place(name)
    gone = unfinished(place)
    try:
        place.replace(gone)
        shutil.rmtree(gone)
    except OSError as error:
        raise RunError(f"{place}: cannot be removed ({error.strerror or error})") from error


def known_place(name: str) -> Path:
    """The folder of a name that a model has; raises :class:`~aam.errors.InputError` where none has it."""
    place = place_of(name)
    if not (place / MODEL).is_dir():
        raise InputError(name, "no model of the index has this name", "`aam models` lists them")
    return place


def _remove_leftovers(folder: Path) -> None:
    """Remove what processes that are no more have left."""
    for path in folder.iterdir():
        found = LEFTOVER.fullmatch(path.name.removesuffix("-0"))
        process = int(found[1] or 0) if found else 0
        if process and (process == os.getpid() or not is_running(process)):
            shutil.rmtree(path, ignore_errors=True)
