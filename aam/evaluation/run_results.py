"""A run directory as the report reads it: its options, its data and its results."""

from __future__ import annotations

import csv
import json
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import yaml

from aam.config.json_dataclass import need
from aam.data.targets.kinds import Predictions, TargetSpec
from aam.data.targets.targets import Targets
from aam.errors import InputError
from aam.evaluation.blend_record import BlendRecord, read_blend
from aam.evaluation.coverage import CoverageRecord
from aam.evaluation.prediction_table import ID, read_columns, read_predictions, suffixes
from aam.runs.layout import CONFIG, COVERAGE, DATA, EMBEDDINGS, FOREST_PREDICTIONS, METRICS, PREDICTIONS
from aam.runs.record_schema import check_record, check_types, damage_named
from aam.text import shorten

MOST_EMBEDDINGS = 5_000
MODEL_TYPES = {
    "parameters": int,
    "best_epoch": int,
    "best_metric": str,
    "epochs": int,
    "seconds": float,
    "metrics": dict,
}


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
class NoveltyRecord:
    """How unlike the training samples the ``N`` test samples are.

    Attributes
    ----------
    sample_ids
        Their ids.
    familiar_N
        Share of the reads that are of ASVs known from training; NaN where unknown.
    novelty_N
        Above 1 for samples that are unlike the training samples; NaN where unknown.
    warning_N
        What is the matter, in a word or two; empty where nothing is.
    """

    sample_ids: np.ndarray
    familiar_N: np.ndarray
    novelty_N: np.ndarray
    warning_N: np.ndarray


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
    targets
        What is predicted; None in pre-training.
    blend
        How a blend was made; None where the model is no blend.
    predictions
        Part (``validation``, ``test``, ``out_of_fold``) -> column -> the model's predictions.
    forest
        The same of the random forest, of the same samples in the same order.
    coverage
        Column -> how often its intervals or sets held the truth, where that was judged.
    embeddings
        Sample vectors, if the run wrote them.
    notes
        What of the run could not be used, in words.
    novelty
        How new the test samples are to the model; None where the run does not say.
    """

    path: Path
    config: Mapping[str, Any]
    data: Mapping[str, Any]
    history: Mapping[str, np.ndarray]
    targets: Targets | None
    blend: BlendRecord | None
    predictions: Mapping[str, Mapping[str, Predictions]]
    forest: Mapping[str, Mapping[str, Predictions]]
    coverage: Mapping[str, CoverageRecord]
    embeddings: Embeddings | None
    notes: tuple[str, ...]
    novelty: NoveltyRecord | None = None

    @property
    def first_target(self) -> TargetSpec | None:
        """The target that pictures of the samples are coloured by."""
        return None if self.targets is None else self.targets.specs[0]

    @property
    def evaluated_part(self) -> str:
        """The part that the headline is about: the test part if there is one; of a blend, else its training samples."""
        return next((part for part in ("test", "out_of_fold") if part in self.predictions), "validation")


def read_run(path: Path) -> RunRecord:
    """Read the files of a run that a report needs.

    Raises
    ------
    InputError
        If the folder holds no run, or a file of it is damaged.
    """
    config = _read_mapping(path / CONFIG)
    data = _read_mapping(path / DATA)
    with damage_named(path / DATA):
        check_record(data)
        check_types(data.get("model", {}), MODEL_TYPES)
        for member in data.get("members", []):
            check_types(member, MODEL_TYPES)
        targets = Targets.from_dict(data["targets"]) if data.get("targets") else None
        blend = read_blend(data, () if targets is None else targets.columns)
    predictions, forest, notes = _read_results(path, targets) if targets is not None else ({}, {}, [])
    covered = _read_mapping(path / COVERAGE) if (path / COVERAGE).exists() else {}
    with damage_named(path / COVERAGE):
        coverage = {column: CoverageRecord.from_dict(found) for column, found in covered.items()}
    embeddings = path / EMBEDDINGS
    return RunRecord(
        path=path,
        config=config,
        data=data,
        history=_read_history(path / METRICS),
        targets=targets,
        blend=blend,
        predictions=predictions,
        forest=forest,
        coverage=coverage,
        embeddings=read_embeddings(embeddings) if embeddings.exists() else None,
        notes=tuple(notes),
        novelty=_read_novelty(path / PREDICTIONS["test"]),
    )


def _read_novelty(path: Path) -> NoveltyRecord | None:
    """What the predictions of the test samples say of their novelty; None for a run that does not say."""
    table = read_columns(path) if path.exists() else {}
    if not {ID, "familiar_reads", "novelty", "warning"} <= set(table):
        return None
    try:
        familiar, novelty = (
            np.array([float(cell or "nan") for cell in table[name]]) for name in ("familiar_reads", "novelty")
        )
    except ValueError as error:
        raise InputError(path, f"a number is needed ({shorten(str(error), 60)})") from None
    return NoveltyRecord(sample_ids=table[ID], familiar_N=familiar, novelty_N=novelty, warning_N=table["warning"])


def read_embeddings(path: Path, most: int = MOST_EMBEDDINGS, seed: int = 0) -> Embeddings:
    """Read sample vectors; of many samples a random choice, in memory that does not grow with the file.

    Parameters
    ----------
    path
        TSV with the columns ``sample-id, part, observed`` and then one a dimension.
    most
        Most samples to take.
    seed
        Seed of the choice.

    Raises
    ------
    InputError
        If it is no such table, or a number in it is not finite.
    """
    try:
        width, chosen, total = _choose_lines(path, most, np.random.default_rng(seed))
        need(width > 3 and all(len(row) == width for row in chosen), "the table is ragged")
        cells = np.array(chosen, dtype=object).reshape(len(chosen), width)
        vectors = cells[:, 3:].astype(np.float64)
        need(bool(np.isfinite(vectors).all()), "a number is not finite")
    except ValueError:
        raise InputError(path, "not a table of sample-id, part, observed and dimensions") from None
    return Embeddings(sample_ids=cells[:, 0], parts=cells[:, 1], observed=cells[:, 2], vectors=vectors, total=total)


def _choose_lines(path: Path, most: int, rng: np.random.Generator) -> tuple[int, list[list[str]], int]:
    """Cells of the header, cells of a random choice of the lines after it, and the number of all lines after it."""
    chosen: list[list[str]] = []
    total = 0
    with path.open(encoding="utf-8", newline="") as file:
        width = len(next(file, "").split("\t"))
        for total, line in enumerate(file, start=1):
            place = len(chosen) if total <= most else int(rng.integers(total))
            if place < most:
                chosen[place : place + 1] = [_cells(line.rstrip("\r\n"), width)]
    return width, chosen, total


def _cells(line: str, width: int) -> list[str]:
    """The cells of a line, by the rules of :func:`~aam.files.delimited.delimited`; earlier versions quoted nothing."""
    plain = line.split("\t")
    cells = next(csv.reader([line], delimiter="\t"), []) if '"' in line else plain
    return cells if len(cells) == width else plain


Results = dict[str, dict[str, Predictions]]


def _read_results(path: Path, targets: Targets) -> tuple[Results, Results, list[str]]:
    predictions: Results = {}
    for part, name in PREDICTIONS.items():
        if (path / name).exists():
            _read_table(path / name, targets, predictions, part)
    source = path / FOREST_PREDICTIONS
    found: Results = {}
    if source.exists():
        _read_table(source, targets, found)
    forest: Results = {}
    notes = []
    for part, models in predictions.items():
        for column, model in models.items():
            aligned = found[part][column].of_samples(model.sample_ids) if column in found.get(part, {}) else None
            if aligned is not None:
                forest.setdefault(part, {})[column] = aligned
            elif found:
                notes.append(
                    f"The random forest did not predict all {part.replace('_', '-')} samples and is left out there."
                )
    return predictions, forest, list(dict.fromkeys(notes))


def _read_table(path: Path, targets: Targets, results: Results, part: str = "") -> None:
    """Add what a table says of every target; a part in which no sample has a target is left out for it."""
    for spec, suffix in zip(targets.specs, suffixes(targets.columns), strict=True):
        for name, predictions in read_predictions(path, spec, part, suffix).items():
            results.setdefault(name, {})[spec.column] = predictions


def _read_history(path: Path) -> dict[str, np.ndarray]:
    if not path.exists():
        return {}
    try:
        return {
            name: np.array([float(cell or "nan") for cell in cells]) for name, cells in read_columns(path, ",").items()
        }
    except ValueError as error:
        raise InputError(path, f"a number is needed ({shorten(str(error), 60)})") from None


def _read_mapping(path: Path) -> dict[str, Any]:
    try:
        content = path.read_bytes()
    except OSError as error:
        raise InputError(path, f"cannot be read ({error.strerror})", "is its folder the directory of a run?") from None
    found: Any = None
    with suppress(yaml.YAMLError, ValueError, RecursionError):
        text = content.decode()
        found = yaml.safe_load(text) if path.suffix == ".yaml" else json.loads(text)
    if not isinstance(found, dict):
        raise InputError(path, "damaged: it does not hold the record of a run")
    return found


def training_seconds(record: RunRecord) -> float:
    """Seconds of all epochs of a run."""
    return float(np.nansum(record.history.get("seconds", np.zeros(1))))


def training_times(record: RunRecord) -> tuple[list[int], float]:
    """The best epoch (from 0; -1 for the start) of the model or of each member, and the seconds of all training.

    A blend has no epochs.

    Raises
    ------
    InputError
        If the record does not have them.
    """
    if record.blend is not None:
        return [], record.blend.seconds
    members = record.data.get("members")
    try:
        if members is None:
            return [record.data["model"]["best_epoch"]], training_seconds(record)
        return [member["best_epoch"] for member in members], sum(member["seconds"] for member in members)
    except KeyError as error:
        raise InputError(record.path / DATA, f"damaged: it lacks {error} of the training") from None
