"""What a run says of itself in a line for each of its targets: options, samples, and how good the model is."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from aam.config.learners import AUTO
from aam.config.yaml_file import read_config_file
from aam.data.targets.kinds import TargetSpec
from aam.data.targets.targets import Targets
from aam.errors import AamError, InputError
from aam.evaluation.metrics import evaluate, score
from aam.evaluation.prediction_table import read_columns, read_predictions, suffixes
from aam.files.atomic import read_json
from aam.runs.continuing import BEFORE_BLENDS
from aam.runs.layout import CONFIG, CV_METRICS, DATA, FINISHED, FOREST_PREDICTIONS, PREDICTIONS, command_of
from aam.runs.record_schema import damage_named, read_record
from aam.workflows.listing.find import FINISHED_RUN, UNREADABLE, check_run, size_of, state_of, times_of

NAN = float("nan")
JUDGED = ("test", "out_of_fold", "validation")
"""Parts in the order of how much they say: the first that a run has is the one that it is judged by."""


@dataclass(frozen=True, kw_only=True)
class Row:
    """A run, and one of its targets.

    Attributes
    ----------
    run, command, state
        Its folder; ``pretrain``, ``train``, ``cross-validation`` or ``ensemble``; see
        :func:`~aam.workflows.listing.find.state_of`, or ``unreadable``.
    target, learners
        A column of the metadata; what the model was asked to consist of. Empty for pre-training.
    samples
        In all parts; None where the run does not say.
    metric, value, low, high, judged_on
        The main metric of the target, its 95 % interval, and the part that was predicted; of pre-training the metric
        that chose the best epoch. NaN where there is none yet.
    forest
        The same metric of the random forest.
    date, seconds, bytes
        When the run began (``YYYY-MM-DD HH:MM:SS``), time at work in all its starts, size of the folder.
    problem
        Why it cannot be read, or how it ended if not well.
    """

    run: str
    command: str = ""
    state: str = UNREADABLE
    target: str = ""
    learners: str = ""
    samples: int | None = None
    metric: str = ""
    value: float = NAN
    low: float = NAN
    high: float = NAN
    judged_on: str = ""
    forest: float = NAN
    date: str = ""
    seconds: float = NAN
    bytes: int | None = None
    problem: str = ""


def read_rows(path: Path) -> list[Row]:
    """The lines of a run; one that cannot be read has one, with the reason."""
    row = Row(run=str(path), bytes=size_of(path))
    try:
        check_run(path)
        row = replace(row, command=command_of(path))
        times = times_of(path)
        began = "" if times.began is None else str(times.began)
        seconds = times.seconds if times.began is not None else NAN
        row = replace(row, date=began, seconds=seconds)
        found = list(_rows_of_targets(path, replace(row, state=state_of(path, times), problem=times.ended)))
    except AamError as error:
        return [replace(row, state=UNREADABLE, problem=str(error))]
    return found


def _rows_of_targets(path: Path, row: Row) -> Iterator[Row]:
    config = read_config_file(path / CONFIG)
    record = read_record(path / DATA) if (path / DATA).exists() else {}
    with damage_named(path / DATA):
        numbers = [int(number) for number in record.get("samples", {}).values()]
    row = replace(row, samples=sum(numbers) if numbers else None)
    if row.command == "pretrain":
        yield _of_pretraining(path, row, record)
        return
    kind = "cross-validation" if config.get("cv") else "ensemble" if _is_ensemble(config) else "train"
    row = replace(row, command=kind, learners=_learners(config))
    with damage_named(path / DATA):
        targets = Targets.from_dict(record["targets"]) if record.get("targets") else None
    if targets is None or row.state != FINISHED_RUN:
        columns = config.get("metadata_column") or [""]
        yield from (replace(row, target=column) for column in ([columns] if isinstance(columns, str) else columns))
        return
    read = _of_folds if config.get("cv") else _of_parts
    yield from read(path, row, targets)


def _is_ensemble(config: Mapping[str, Any]) -> bool:
    return str(config.get("ensemble") or 1) != "1"


def _learners(config: Mapping[str, Any]) -> str:
    names = config.get("learners") or BEFORE_BLENDS["learners"]
    given = [names] if isinstance(names, str) else [str(name) for name in names]
    tuned = ["network"] if str(config.get("fine_tune")).lower() == "true" and "network" not in given else []
    return ",".join([*given, *tuned]) or AUTO


def _of_pretraining(path: Path, row: Row, record: Mapping[str, Any]) -> Row:
    if row.state != FINISHED_RUN:
        return row
    with damage_named(path / DATA):
        name = str(record.get("model", {}).get("best_metric", "val_loss")).removeprefix("val_")
    with damage_named(path / FINISHED):
        value = float(read_json(path / FINISHED)["best_value"])
    return replace(row, metric=name, value=value, judged_on="validation")


def _of_folds(path: Path, row: Row, targets: Targets) -> Iterator[Row]:
    """The metrics that the cross-validation wrote, of all its held-out samples."""
    main = targets.kind.main_metric
    table = read_columns(path / CV_METRICS)
    columns = table.get("target", np.full(len(next(iter(table.values()), ())), targets.columns[0], dtype=object))
    found: dict[tuple[str, str], tuple[float, ...]] = {}
    try:
        for place, column in enumerate(columns):
            if table["metric"][place] == main:
                numbers = tuple(float(table[name][place] or "nan") for name in ("value", "low", "high"))
                found[str(column), str(table["predictor"][place])] = numbers
    except (KeyError, ValueError):
        raise InputError(path / CV_METRICS, "damaged: it is no table of metrics") from None
    for column in targets.columns:
        value, low, high = found.get((column, "model"), (NAN, NAN, NAN))
        forest = found.get((column, "forest"), (NAN,))[0]
        scored = replace(row, metric=main, value=value, low=low, high=high, forest=forest)
        yield replace(scored, target=column, judged_on="folds")


def _of_parts(path: Path, row: Row, targets: Targets) -> Iterator[Row]:
    """The main metric by the predictions that the run wrote, with the report's interval."""
    part = next((part for part in JUDGED if (path / PREDICTIONS[part]).exists()), None)
    if part is None:
        raise InputError(path, "the run is finished, but its predictions are missing")
    for spec, suffix in zip(targets.specs, suffixes(targets.columns), strict=True):
        yield _scored(path, replace(row, target=spec.column, judged_on=part.replace("_", "-")), spec, suffix, part)


def _scored(path: Path, row: Row, spec: TargetSpec, suffix: str, part: str) -> Row:
    model = read_predictions(path / PREDICTIONS[part], spec, part, suffix).get(part)
    main = spec.kind.main_metric
    if model is None:
        return replace(row, metric=main, problem="no sample of the part has an observed value")
    interval = evaluate(model)[main]
    row = replace(row, metric=main, value=interval.value, low=interval.low, high=interval.high)
    source = path / FOREST_PREDICTIONS
    if not source.exists():
        return row
    table = read_predictions(source, spec, suffix=suffix).get(part)
    forest = None if table is None else table.of_samples(model.sample_ids)
    return row if forest is None else replace(row, forest=score(forest)[main])
