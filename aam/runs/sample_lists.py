"""The run that a model is of, and the samples that it learned from and was judged by."""

from __future__ import annotations

import filecmp
from pathlib import Path

from aam.files.atomic import read_json
from aam.files.model_index import ENTRY, name_of
from aam.runs.layout import BASELINE, MODEL, SAMPLE_LISTS, WEIGHTS, is_run_directory
from aam.text import read_ids


def origin_of(model: Path) -> Path:
    """Where a model of the index was taken from, if its weights still lie there; of others, the model itself."""
    if name_of(model) is None:
        return model
    try:
        source = Path(read_json(model.parent / ENTRY)["source"])
        files = [one / WEIGHTS for one in (source, source / MODEL) if (one / WEIGHTS).is_file()]
        is_same = any(filecmp.cmp(file, model / WEIGHTS, shallow=False) for file in files)
    except (OSError, ValueError, KeyError, TypeError):
        return model
    return source if is_same else model


def run_of(model: Path) -> Path | None:
    """The run directory that a model lies in or was taken into the index from, or that is given for it; else None."""
    model = origin_of(model)
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
