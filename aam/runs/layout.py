"""What lies in a run directory: the name of every file, and whether a new run may take their place."""

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
from aam.runs.continuing import is_resumable

CONFIG = "config.yaml"
"""The complete configuration, with what was derived from the data."""
DATA = "data.json"
"""Where the run comes from: commands, inputs, versions, samples kept and left out."""
LOG = "log.txt"
"""What the run said, with times."""
LOCK = ".lock"
"""Held by the process that owns the run."""
FINISHED = "finished.json"
"""There when the run is complete."""

SAMPLE_LISTS = {"train": "train_samples.txt", "validation": "val_samples.txt", "test": "test_samples.txt"}
"""Part -> the file with the ids of its samples."""
METRICS = "metrics.csv"
"""One row an epoch: losses, metrics, learning rate, seconds."""
CHECKPOINTS = "checkpoints"
"""What `--resume-from` needs."""
TENSORBOARD = "tensorboard"
"""Curves."""
TRACKING = "tracking.json"
"""Where the run's entries in trackers are."""
WANDB = "wandb"
"""What Weights & Biases keeps of the run until it is sent."""
NON_FINITE = "nonfinite-*.json"
"""Pattern: what is known of a step whose loss or gradient was not finite."""

MODEL = "model"
"""The model folder."""
WEIGHTS = "model.safetensors"
"""The file in it, beside its description."""
BASELINE = "baseline"
"""The model folder of the random forest that was fitted on the same split."""
PREDICTIONS = {
    "validation": "val_predictions.tsv",
    "test": "test_predictions.tsv",
    "out_of_fold": "out_of_fold_predictions.tsv",
}
"""Part -> the model's predictions of its samples; out of fold, those of a blend's training samples."""
FOREST_PREDICTIONS = "forest_predictions.tsv"
"""Predictions of the random forest, with the part that each sample is in."""
COVERAGE = "coverage.json"
"""How often intervals or sets held the truth."""
EMBEDDINGS = "sample_embeddings.tsv"
"""Sample vectors."""
REPORT = "report.html"
"""The report."""
INTERACTIVE_REPORT = "report_interactive.html"
"""The report with scripts, on which one can point at samples."""

MEMBERS = "members"
"""Of an ensemble: the runs of its members."""

FOLDS = "folds"
"""Of a cross-validation: the runs of its folds."""
FOLD_LISTS = "lists"
"""The lists of samples of each fold."""
FORESTS = "forests"
"""Predictions of each fold's random forest."""
CV_PREDICTIONS = "cv_predictions.tsv"
"""Predictions of every sample when it was held out."""
CV_FOREST_PREDICTIONS = "cv_forest_predictions.tsv"
"""The same of the random forests."""
CV_METRICS = "cv_metrics.tsv"
"""Metrics over all held-out samples, and their spread over folds and repeats."""
CV_STUDIES = "cv_studies.tsv"
"""Metrics of each study that was left out (`--cv study`)."""
FINAL_CONFIG = "final_model.yaml"
"""The options of a training on all samples."""

WRITTEN = (
    *(CONFIG, DATA, LOG, FINISHED),
    *(*SAMPLE_LISTS.values(), METRICS, CHECKPOINTS, TENSORBOARD, NON_FINITE),
    *(TRACKING, WANDB),
    *(MODEL, BASELINE, *PREDICTIONS.values(), FOREST_PREDICTIONS, COVERAGE, EMBEDDINGS, REPORT),
    INTERACTIVE_REPORT,
    MEMBERS,
    *(FOLDS, FOLD_LISTS, FORESTS, CV_PREDICTIONS, CV_FOREST_PREDICTIONS, CV_METRICS, CV_STUDIES, FINAL_CONFIG),
)
"""Names (and a pattern) of all that a run writes into its folder; nothing else is ever removed from there."""

COMMAND = re.compile(rb"^command: (train|pretrain)\s*$", re.MULTILINE)
ELSEWHERE = "choose another --output-dir"


def is_run_directory(path: Path) -> bool:
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


def is_unfinished(path: Path) -> bool:
    """Whether a folder is that of a run that was stopped, or is still at work."""
    return is_run_directory(path) and not (path / FINISHED).exists()


def command_of(path: Path) -> str:
    """The command of a run: ``train`` or ``pretrain``."""
    found = COMMAND.search((path / CONFIG).read_bytes()[: limits().config_bytes])
    return "train" if found is None else found[1].decode()


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
    inputs = tuple(inputs)
    try:
        content = sorted(item for item in path.iterdir() if item.name != LOCK and not is_leftover(item))
    except OSError as error:
        raise InputError(path, f"the output directory cannot be read ({error.strerror})") from None
    for given in inputs:
        if given.exists() and (path / LOG).exists() and given.samefile(path / LOG):
            raise InputError(path, f"its {LOG} is {given}, which the new run is to read", ELSEWHERE)
    # A run that found something wrong with its inputs leaves nothing but its log, which the next one goes on with.
    if all(item.name == LOG for item in content):
        return
    if not is_run_directory(path):
        raise InputError(path, "the folder is not empty and does not contain a run", ELSEWHERE)
    if not overwrite:
        is_finished = (path / FINISHED).exists()
        kind = "a finished run" if is_finished else "an unfinished run"
        also = "" if is_finished or not is_resumable(path / CONFIG) else f"--resume-from {path}, "
        raise InputError(path, f"holds {kind} already", f"{also}--overwrite or another --output-dir")
    for given in inputs:
        if os.path.lexists(given) and given.resolve().is_relative_to(path.resolve()):
            raise InputError(path, f"holds {given}, which the new run is to read", ELSEWHERE)
    for item in content:
        if not is_of_run(item.name):
            raise InputError(
                path, f"holds {item.name}, which is not a file of a run and would be removed by --overwrite", ELSEWHERE
            )


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
        raise InputError(path, f"the output directory cannot be written ({nearest} is not a folder)")
    if not os.access(nearest, os.W_OK | os.X_OK):
        raise InputError(path, f"the output directory cannot be written ({nearest} may not be changed)")
    if nearest == path:
        check_room(path, overwrite=overwrite, inputs=inputs)


def clear(path: Path) -> None:
    """Remove a run but for its log, which the next one goes on with; links go, and not what they lead to.

    Whatever stops this, the folder is that of an unfinished run until the end.
    """
    removed = (item for item in path.iterdir() if is_of_run(item.name) and item.name != LOG)
    for item in sorted(removed, key=_when_removed):
        shutil.rmtree(item) if item.is_dir() and not item.is_symlink() else item.unlink()


def _when_removed(item: Path) -> tuple[bool, str]:
    """That a run is finished is the first to go, and its options the last."""
    return item.name == CONFIG, "" if item.name == FINISHED else item.name


def is_of_run(name: str) -> bool:
    """Whether a name, directly in a run directory, is that of something that a run writes."""
    return any(fnmatchcase(name, known) for known in WRITTEN)
