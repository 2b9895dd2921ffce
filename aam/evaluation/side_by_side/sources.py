"""What is compared: the predictions of a run, a cross-validation or a table, and what their models learned from."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from aam.data.targets.kinds import CLASSES, NUMBERS, Predictions, TargetSpec
from aam.errors import InputError
from aam.evaluation.cross_validation import FoldResult, pooled, read_folds
from aam.evaluation.prediction_table import ID, read_columns, read_predictions
from aam.evaluation.run_results import RunRecord, read_run
from aam.runs.layout import FINISHED, FOLDS, command_of, is_run_directory
from aam.runs.sample_lists import learned_from, sample_lists
from aam.text import duplicates, listed, shorten

AUTO = "auto"
OUT_OF_FOLD = "out_of_fold"
TABLE, OF_FOLDS = "table", "folds"
WANTED = "give the --output-dir of aam train, or a table of predictions with an observed column"
PROBABILITY = "probability_"
UNNAMED = ""
"""The target of a table that does not say what it is about."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Fitted:
    """One model of a source: ids of the samples that it learned from, or was chosen by, and of those it predicted."""

    learned: frozenset[str]
    predicted: frozenset[str]


@dataclass(frozen=True, kw_only=True, eq=False)
class Source:
    """Predictions to compare.

    Attributes
    ----------
    name
        What it is called beside the others.
    path
        The run directory, or the table.
    part
        Which samples were predicted: ``test``, ``validation``, ``out_of_fold``, ``folds`` of a cross-validation, or
        ``table`` where a table does not say.
    targets
        Column -> its predictions, once for each repeat, of the same samples in the same order.
    config
        The options of a run; empty for a table.
    inputs
        Path of each file that the run read -> its checksum.
    fitted
        Models whose samples are known.
    learned
        Samples of the finished model, where the predictions are of models that learned from other samples.
    group_of
        Group of each sample, as far as the source knows.
    """

    name: str
    path: Path
    part: str
    targets: Mapping[str, tuple[Predictions, ...]]
    config: Mapping[str, Any] = field(default_factory=dict)
    inputs: Mapping[str, str] = field(default_factory=dict)
    fitted: tuple[Fitted, ...] = ()
    learned: frozenset[str] = frozenset()
    group_of: Mapping[str, str] = field(default_factory=dict)

    @property
    def num_repeats(self) -> int:
        """Predictions of each sample."""
        return len(next(iter(self.targets.values())))

    @property
    def training_size(self) -> float | None:
        """Mean number of samples that a model learned from; None where that is not known."""
        return float(np.mean([len(one.learned) for one in self.fitted])) if self.fitted else None


def read_source(path: Path, name: str, part: str = AUTO) -> Source:
    """Read a finished run, or a table of predictions.

    Parameters
    ----------
    path
        The run directory of ``aam train``, with or without folds; or the table.
    name
        What to call it.
    part
        Which samples to take of a run or table that has several parts; ``auto`` takes the test part, else out-of-fold
        predictions, else the validation part. A cross-validation has its folds alone.

    Raises
    ------
    InputError
        If there are no such predictions, or a file is damaged.
    """
    if not path.is_dir():
        return _of_table(path, name, part)
    _check_finished(path)
    record = read_run(path)
    source = _of_folds(record, name) if record.config.get("cv") else _of_run(record, name, part)
    if not source.targets:
        raise InputError(path, "no sample has a prediction and an observed value", WANTED)
    inputs = {str(one["path"]): str(one["sha256"]) for one in record.data.get("inputs", [])}
    return dataclasses.replace(source, inputs=inputs)


def names_of(paths: Sequence[Path]) -> list[str]:
    """What to call several sources: the last words of their paths, as many as it takes to tell them apart."""
    parts = [path.resolve().parts for path in paths]
    for length in range(1, max(map(len, parts)) + 1):
        names = ["/".join(own[-length:]) for own in parts]
        if len(set(names)) == len(names):
            return names
    return names


def _check_finished(path: Path) -> None:
    if not is_run_directory(path):
        raise InputError(path, "is not a run directory", WANTED)
    if command_of(path) != "train":
        raise InputError(path, "is a run of aam pretrain, which predicts no target", WANTED)
    if not (path / FINISHED).exists():
        raise InputError(path, "the run is not finished", "continue it, or repeat its command with --overwrite")


def _of_run(record: RunRecord, name: str, part: str) -> Source:
    chosen = record.evaluated_part if part == AUTO else part
    if chosen not in record.predictions:
        raise _no_part(record.path, chosen, record.predictions)
    found = record.predictions[chosen]
    lists, learned = sample_lists(record.path), learned_from(record.path)
    predicted = frozenset(str(i) for table in found.values() for i in table.sample_ids)
    of_one = (Fitted(learned=lists["train"] if chosen == "validation" else learned, predicted=predicted),)
    is_known = bool(learned) and chosen != OUT_OF_FOLD
    tables = [table for part_tables in record.predictions.values() for table in part_tables.values()]
    return Source(
        name=name,
        path=record.path,
        part=chosen,
        targets={column: (_sorted(table),) for column, table in found.items()},
        config=record.config,
        fitted=of_one if is_known else (),
        learned=learned if chosen == OUT_OF_FOLD else frozenset(),
        group_of=_groups(tables),
    )


def _of_folds(record: RunRecord, name: str) -> Source:
    assert record.targets is not None
    folds = read_folds(record)
    fitted = []
    for folder, _ in folds:
        run = record.path / FOLDS / folder
        fitted.append(Fitted(learned=learned_from(run), predicted=sample_lists(run)["test"]))
    targets = {}
    for column in record.targets.columns:
        results = [found[column] for _, found in folds if column in found]
        if results:
            targets[column] = _repeats(results)
    tables = [table for repeats in targets.values() for table in repeats]
    return Source(
        name=name,
        path=record.path,
        part=OF_FOLDS,
        targets=targets,
        config=record.config,
        fitted=tuple(one for one in fitted if one.learned),
        group_of=_groups(tables),
    )


def _repeats(results: Sequence[FoldResult]) -> tuple[Predictions, ...]:
    """The predictions of all folds of each repeat."""
    repeats = sorted({one.repeat for one in results})
    return tuple(_sorted(pooled([one for one in results if one.repeat == repeat], "model")) for repeat in repeats)


def _of_table(path: Path, name: str, part: str) -> Source:
    columns = read_columns(path)
    specs = list(_specs(columns))
    if ID not in columns or not specs:
        raise InputError(path, "has no columns sample-id, observed and predicted", WANTED)
    targets: dict[str, tuple[Predictions, ...]] = {}
    chosen = TABLE
    for spec, suffix in specs:
        parts = read_predictions(path, spec, TABLE, suffix)
        if not parts:
            continue
        chosen = _part_of_table(path, parts, part)
        table = parts[chosen]
        if problem := duplicates("sample", list(map(str, table.sample_ids))):
            raise InputError(path, problem, "of a cross-validation, give the run directory")
        targets[spec.column] = (_sorted(table),)
    if not targets:
        raise InputError(path, "no sample has an observed value", "give aam predict metadata with the target")
    tables = [table for repeats in targets.values() for table in repeats]
    return Source(name=name, path=path, part=chosen, targets=targets, group_of=_groups(tables))


def _part_of_table(path: Path, parts: Mapping[str, Predictions], part: str) -> str:
    if part == AUTO or TABLE in parts:
        return next((name for name in ("test", OUT_OF_FOLD, "validation") if name in parts), next(iter(parts)))
    if part not in parts:
        raise _no_part(path, part, parts)
    return part


def _specs(columns: Mapping[str, np.ndarray]) -> Iterator[tuple[TargetSpec, str]]:
    """The targets of a table, and what is added to the names of their columns."""
    classes = tuple(name.removeprefix(PROBABILITY) for name in columns if name.startswith(PROBABILITY))
    for name in columns:
        suffix = name.removeprefix("observed")
        if not name.startswith("observed") or f"predicted{suffix}" not in columns:
            continue
        own = classes if suffix == "" else ()
        kind = CLASSES if own else NUMBERS
        yield TargetSpec(column=suffix.removeprefix("_") or UNNAMED, kind=kind, classes=own), suffix


def _no_part(path: Path, part: str, there: Mapping[str, Any]) -> InputError:
    has = listed(name.replace("_", "-") for name in there) or "none"
    problem = f"has no {shorten(part.replace('_', '-'))} predictions"
    return InputError(path, f"{problem} (there: {has})", "leave out --part, or choose another")


def _groups(tables: Sequence[Predictions]) -> dict[str, str]:
    return {
        str(sample): str(group)
        for table in tables
        if table.groups is not None
        for sample, group in zip(table.sample_ids, table.groups, strict=True)
    }


def _sorted(table: Predictions) -> Predictions:
    """In the order of the ids, so that no result depends on that of a table."""
    return table.select(np.argsort(table.sample_ids.astype(str), kind="stable"))
