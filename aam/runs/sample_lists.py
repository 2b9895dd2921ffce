"""The run that a model is of, and the samples that it learned from and was judged by."""

from __future__ import annotations

from pathlib import Path

from aam.runs.layout import BASELINE, MODEL, SAMPLE_LISTS, is_run_directory
from aam.text import read_ids


def run_of(model: Path) -> Path | None:
    """The run directory that a model lies in, or that is given for its model; None where it lies elsewhere."""
    place = (model if model.is_dir() else model.parent).resolve()
    if is_run_directory(place):
        return place
    return place.parent if place.name in (MODEL, BASELINE) and is_run_directory(place.parent) else None


def sample_lists(run: Path) -> dict[str, frozenset[str]]:
    """Part -> ids of the samples of a run; none where there is no list.

    Raises
    ------
    InputError
        If a list cannot be read.
    """
    files = {part: run / name for part, name in SAMPLE_LISTS.items()}
    return {part: frozenset(read_ids(file)) if file.is_file() else frozenset() for part, file in files.items()}


def learned_from(run: Path) -> frozenset[str]:
    """Ids of the samples that the model of a run learned from, or was chosen by."""
    lists = sample_lists(run)
    return lists["train"] | lists["validation"]
