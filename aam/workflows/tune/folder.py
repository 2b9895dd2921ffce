"""The folder of a search: its options and its journal, which are there from the start, and the results."""

from __future__ import annotations

import hashlib
import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np

from aam.config import TuneConfig, replace
from aam.errors import InputError
from aam.files.atomic import write_text
from aam.runs.layout import CONFIG, is_run_directory
from aam.runs.result_folder import FILES, read_record
from aam.runs.saved_options import config_text
from aam.workflows.tune.plan import TunePlan
from aam.workflows.tune.processes import FOLDER

JOURNAL = "trials.journal"
RECORD = "tune.json"
BEST = "best.yaml"


def open_folder(config: TuneConfig) -> None:
    """Make the folder of a new search, or find that of one that goes on.

    Raises
    ------
    InputError
        If the folder holds something else, or cannot be written.
    """
    folder = config.run.output_dir
    if config.run.resume_from is not None:
        return
    if is_run_directory(folder):
        raise InputError(folder, "is the directory of a run, which keeps its own files only", "another --output-dir")
    try:
        folder.mkdir(parents=True, exist_ok=True)
        if config.run.overwrite:
            _clear(folder)
        content = sorted(path.name for path in folder.iterdir())
    except OSError as error:
        raise InputError(folder, f"the output directory cannot be written ({error.strerror})") from None
    if JOURNAL in content:
        remedy = f"go on with --resume-from {folder}, or give --overwrite or another --output-dir"
        raise InputError(folder, "holds a search", remedy)
    if content:
        problem = f"the folder is not empty ({len(content)} items, first {content[0]})"
        raise InputError(folder, problem, "give another --output-dir")


def write_options(config: TuneConfig) -> None:
    """Write the options of a search, for those that join it; in how many processes is for each to say."""
    saved = replace(config, overwrite=False, resume_from=None, jobs=1)
    write_text(config.run.output_dir / CONFIG, config_text("tune", saved))


def fingerprint(plan: TunePlan) -> str:
    """A digest of what all processes of a search must have in common: samples, truths, folds and space."""
    study = plan.study
    content: dict[str, Any] = {
        "samples": list(map(str, study.sample_ids)),
        "truths": {column: list(map(str, values)) for column, values in study.targets.items()},
        "reads": int(study.table.counts.sum()),
        "parts": [[part.name, *(rows.tolist() for rows in _rows(part.outer, part.folds))] for part in plan.parts],
        "space": {one.name: one.to_dict() for one in plan.space},
    }
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()


def _rows(outer: Any, folds: Any) -> list[np.ndarray]:
    return [outer.train, outer.validation, outer.test, *(fold.test for fold in folds)]


def _clear(folder: Path) -> None:
    """Remove an earlier search, and nothing else."""
    if (folder / RECORD).is_file():
        root = folder.resolve()
        names = [name for name in read_record(folder, RECORD)[FILES] if isinstance(name, str)]
        within = [folder / name for name in names if (folder / name).resolve().is_relative_to(root)]
        for path in [folder / RECORD, *within]:
            path.unlink(missing_ok=True)
        for path in {path.parent for path in within if path.parent != folder}:
            if path.is_dir() and not any(path.iterdir()):
                path.rmdir()
    if (folder / JOURNAL).is_file():
        (folder / JOURNAL).unlink()
        (folder / CONFIG).unlink(missing_ok=True)
        shutil.rmtree(folder / FOLDER, ignore_errors=True)
