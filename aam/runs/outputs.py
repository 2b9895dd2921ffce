"""The files that a command writes beside a run directory: never over what it reads, or over a run."""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from pathlib import Path

from aam.errors import InputError
from aam.files.atomic import check_output
from aam.runs.layout import is_of_run, is_run_directory

ELSEWHERE = "choose another name"


def check_outputs(outputs: Sequence[Path], inputs: Iterable[Path], *, overwrite: bool) -> None:
    """Refuse the names of files to write, before anything is read; nothing is changed.

    Parameters
    ----------
    outputs
        All files that the command will write.
    inputs
        Files and folders that it reads.
    overwrite
        Whether files that are there may be replaced.

    Raises
    ------
    InputError
        As :func:`check_apart`; or if one is a folder, is there already and may not be replaced, or cannot be written.
    """
    check_apart(outputs, inputs)
    for path in outputs:
        check_output(path, overwrite)


def check_apart(outputs: Sequence[Path], inputs: Iterable[Path]) -> None:
    """Refuse an output that is an input, by whatever name or link; a file of a model that is read, or of any run.

    Raises
    ------
    InputError
        Naming the output.
    """
    given = [path for path in inputs if os.path.lexists(path)]
    for place, path in enumerate(outputs):
        if any(_is_same(path, other) for other in given):
            raise InputError(path, "is an input of this command, which would be lost", ELSEWHERE)
        if any(_is_same(path, other) for other in outputs[:place]):
            raise InputError(path, "would be written twice: two outputs have this name", ELSEWHERE)
        for folder in map(_folder_of_model, given):
            if folder is not None and path.exists() and path.resolve().is_relative_to(folder):
                raise InputError(path, f"lies in {folder.name}, which this command reads", ELSEWHERE)
        _refuse_of_run(path)


def _is_same(path: Path, other: Path) -> bool:
    """Whether two names are of one file, also where neither is there yet."""
    if path.exists() and other.exists():
        return path.samefile(other)
    return path.resolve() == other.resolve()


def _folder_of_model(given: Path) -> Path | None:
    """The folder that an input is, or whose weights it is; a run directory guards its own files."""
    folder = given if given.is_dir() else given.parent if given.suffix == ".safetensors" else None
    return None if folder is None or is_run_directory(folder) else folder.resolve()


def _refuse_of_run(path: Path) -> None:
    place = path.resolve()
    for folder in place.parents:
        if is_of_run(place.relative_to(folder).parts[0]) and is_run_directory(folder):
            raise InputError(path, f"is of the run {folder.name}", ELSEWHERE)
