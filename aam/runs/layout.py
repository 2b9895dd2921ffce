"""What lies in a run directory: the names that a run writes, and whether a new run may take their place."""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Iterable
from fnmatch import fnmatchcase
from pathlib import Path

from aam.errors import InputError
from aam.files.atomic import is_leftover
from aam.files.limits import limits

CONFIG, DATA, FINISHED, LOCK, LOG = "config.yaml", "data.json", "finished.json", ".lock", "log.txt"

WRITTEN = (
    CONFIG,
    DATA,
    LOG,
    FINISHED,
    "metrics.csv",
    "train_samples.txt",
    "val_samples.txt",
    "test_samples.txt",
    "model",
    "baseline",
    "checkpoints",
    "tensorboard",
    "nonfinite-*.json",
    "sample_embeddings.tsv",
    "val_predictions.tsv",
    "test_predictions.tsv",
    "forest_predictions.tsv",
    "coverage.json",
    "report.html",
    "members",
    "folds",
    "lists",
    "forests",
    "final_model.yaml",
    "cv_predictions.tsv",
    "cv_forest_predictions.tsv",
    "cv_metrics.tsv",
)
"""Names (and a pattern) of all that a run writes into its folder; nothing else is ever removed from there."""

COMMAND = re.compile(rb"^command: (train|pretrain)\s*$", re.MULTILINE)
ELSEWHERE = "choose another --output-dir"


def holds_run(path: Path) -> bool:
    """Whether a folder is that of a run: it has a run's options, and something else that only a run writes.

    A run opens its log before it writes its options, and ``data.json`` right after them.
    """
    config = path / CONFIG
    if not config.is_file() or not any((path / name).is_file() for name in (DATA, FINISHED, LOG)):
        return False
    try:
        with config.open("rb") as file:
            return COMMAND.search(file.read(limits().config_bytes)) is not None
    except OSError as error:
        raise InputError(config, f"cannot be read ({error.strerror})", ELSEWHERE) from None


def check_room(path: Path, *, overwrite: bool, inputs: Iterable[Path]) -> None:
    """Refuse a folder that a new run cannot have; nothing in it is touched.

    Parameters
    ----------
    path
        The folder, which is there.
    overwrite
        Whether a run that is there may be removed.
    inputs
        Files and folders that the new run reads.

    Raises
    ------
    InputError
        If the folder holds something that is no run, or a run that may not be removed or not without a loss: of an
        input of the new run, or of something that no run wrote.
    """
    try:
        content = sorted(item for item in path.iterdir() if item.name != LOCK and not is_leftover(item))
    except OSError as error:
        raise InputError(path, f"the output directory cannot be read ({error.strerror})") from None
    # A run that found something wrong with its inputs leaves nothing but its log, which the next one goes on with.
    if all(item.name == LOG for item in content):
        return
    if not holds_run(path):
        raise InputError(path, "the folder is not empty and holds no run", ELSEWHERE)
    if not overwrite:
        is_finished = (path / FINISHED).exists()
        kind = "a finished run" if is_finished else "an unfinished run"
        also = "" if is_finished else f"--resume-from {path}, "
        raise InputError(path, f"holds {kind} already", f"{also}--overwrite or another --output-dir")
    for given in inputs:
        if os.path.lexists(given) and given.resolve().is_relative_to(path.resolve()):
            raise InputError(path, f"holds {given}, which the new run is to read", ELSEWHERE)
    for item in content:
        if not _is_written(item.name):
            raise InputError(path, f"holds {item.name}, which no run wrote and --overwrite would remove", ELSEWHERE)


def check_output_dir(path: Path, *, overwrite: bool, inputs: Iterable[Path]) -> None:
    """Refuse what a new run would be refused, where the folder may not be there yet; nothing is made or changed.

    Parameters
    ----------
    path, overwrite, inputs
        As in :func:`check_room`.

    Raises
    ------
    InputError
        As there, or if the folder cannot be written.
    """
    nearest = next(folder for folder in (path, *path.absolute().parents) if os.path.lexists(folder))
    if not nearest.is_dir():
        raise InputError(path, f"the output directory cannot be written ({nearest} is no folder)")
    if not os.access(nearest, os.W_OK | os.X_OK):
        raise InputError(path, f"the output directory cannot be written ({nearest} may not be changed)")
    if nearest == path:
        check_room(path, overwrite=overwrite, inputs=inputs)


def clear(path: Path) -> None:
    """Remove a run but for its log, which the next one goes on with; links go, and not what they lead to.

    Whatever stops this, the folder is that of an unfinished run until the end.
    """
    removed = (item for item in path.iterdir() if _is_written(item.name) and item.name != LOG)
    for item in sorted(removed, key=_when_removed):
        shutil.rmtree(item) if item.is_dir() and not item.is_symlink() else item.unlink()


def _when_removed(item: Path) -> tuple[bool, str]:
    """That a run is finished is the first to go, and its options the last."""
    return item.name == CONFIG, "" if item.name == FINISHED else item.name


def _is_written(name: str) -> bool:
    return any(fnmatchcase(name, known) for known in WRITTEN)
