"""A run directory as the report reads it: what the run was told, what it saw, and what it found."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import yaml

from aam.data.targets import TargetSpec
from aam.errors import InputError
from aam.report.predictions import Predictions, read_columns, read_predictions

MOST_EMBEDDINGS = 5_000


@dataclass(frozen=True, kw_only=True, eq=False)
class Embeddings:
    """Vectors of samples, of at most ``MOST_EMBEDDINGS`` of them.

    Attributes
    ----------
    sample_ids, parts, observed
        Id, part and target (as text) of each of the ``N`` samples.
    vectors
        ``N x D``.
    total
        Number of samples in the file.
    """

    sample_ids: np.ndarray
    parts: np.ndarray
    observed: np.ndarray
    vectors: np.ndarray
    total: int


@dataclass(frozen=True, kw_only=True, eq=False)
class RunRecord:
    """The files of one run.

    Attributes
    ----------
    path
        The run directory.
    config
        Every option, by its flat name, and ``command``.
    data
        The inputs, samples, environment and model (``data.json``).
    history
        Column of ``metrics.csv`` -> one number an epoch, NaN where a cell is empty.
    target
        What is predicted; None in pre-training.
    predictions
        Part (``validation``, ``test``) -> the model's predictions.
    forest
        Part -> the random forest's predictions of the same samples in the same order.
    embeddings
        Sample vectors, if the run wrote them.
    notes
        What of the run could not be used, in words.
    """

    path: Path
    config: Mapping[str, Any]
    data: Mapping[str, Any]
    history: Mapping[str, np.ndarray]
    target: TargetSpec | None
    predictions: Mapping[str, Predictions]
    forest: Mapping[str, Predictions]
    embeddings: Embeddings | None
    notes: tuple[str, ...]

    @property
    def judged_part(self) -> str:
        """The part that the headline is about: the test part if there is one."""
        return "test" if "test" in self.predictions else "validation"


def read_run(path: Path) -> RunRecord:
    """Read the files of a run that a report needs.

    Raises
    ------
    InputError
        If the folder holds no run, or a file of it is damaged.
    """
    config = _read_mapping(path / "config.yaml")
    data = _read_mapping(path / "data.json")
    target = TargetSpec.from_dict(data["target"]) if data.get("target") else None
    predictions, forest, notes = _read_results(path, target) if target is not None else ({}, {}, [])
    embeddings = path / "sample_embeddings.tsv"
    return RunRecord(
        path=path,
        config=config,
        data=data,
        history=_read_history(path / "metrics.csv"),
        target=target,
        predictions=predictions,
        forest=forest,
        embeddings=read_embeddings(embeddings) if embeddings.exists() else None,
        notes=tuple(notes),
    )


def read_embeddings(path: Path, most: int = MOST_EMBEDDINGS, seed: int = 0) -> Embeddings:
    """Read sample vectors; of many samples a random choice, in memory that does not grow with the file.

    Parameters
    ----------
    path
        TSV with the columns ``sample_id, part, observed`` and then one a dimension.
    most
        Most samples to take.
    seed
        Seed of the choice.
    """
    rng = np.random.default_rng(seed)
    chosen: list[list[str]] = []
    with path.open(encoding="utf-8", newline="") as file:
        width = len(next(file, "").split("\t"))
        total = 0
        for total, line in enumerate(file, start=1):
            place = len(chosen) if total <= most else int(rng.integers(total))
            if place < most:
                chosen[place : place + 1] = [line.rstrip("\r\n").split("\t")]
    if width < 4 or any(len(row) != width for row in chosen):
        raise InputError(path, "not a table of sample_id, part, observed and dimensions")
    cells = np.array(chosen, dtype=object).reshape(len(chosen), width)
    return Embeddings(
        sample_ids=cells[:, 0],
        parts=cells[:, 1],
        observed=cells[:, 2],
        vectors=cells[:, 3:].astype(np.float64),
        total=total,
    )


def _read_results(path: Path, target: TargetSpec) -> tuple[dict[str, Predictions], dict[str, Predictions], list[str]]:
    predictions: dict[str, Predictions] = {}
    for part, name in (("validation", "val_predictions.tsv"), ("test", "test_predictions.tsv")):
        if (path / name).exists():
            predictions |= read_predictions(path / name, target, part)
    source = path / "forest_predictions.tsv"
    found = read_predictions(source, target) if source.exists() else {}
    forest, notes = {}, []
    for part, model in predictions.items():
        aligned = found[part].of_samples(model.sample_ids) if part in found else None
        if aligned is not None:
            forest[part] = aligned
        elif found:
            notes.append(f"The random forest did not predict all {part} samples and is left out there.")
    return predictions, forest, notes


def _read_history(path: Path) -> dict[str, np.ndarray]:
    if not path.exists():
        return {}
    try:
        return {
            name: np.array([float(cell or "nan") for cell in cells]) for name, cells in read_columns(path, ",").items()
        }
    except ValueError as error:
        raise InputError(path, f"a number is needed ({error})") from None


def _read_mapping(path: Path) -> dict[str, Any]:
    try:
        text = path.read_text(encoding="utf-8")
    except OSError as error:
        raise InputError(path, f"cannot be read ({error.strerror})", "is its folder the directory of a run?") from None
    try:
        content = yaml.safe_load(text) if path.suffix == ".yaml" else json.loads(text)
    except (yaml.YAMLError, ValueError):
        content = None
    if not isinstance(content, dict):
        raise InputError(path, "damaged: it does not hold the record of a run")
    return content
