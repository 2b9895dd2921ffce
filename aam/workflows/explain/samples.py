"""Which samples each model explains: those it has not learned from where that can be had, evenly over groups.

Legend of shapes: ``N`` samples of the study.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from aam.config.commands.explain import ExplainOptions
from aam.data.readers.metadata import Metadata
from aam.data.study.grouping import group_labels
from aam.data.study.study import Study
from aam.errors import ConfigError, InputError
from aam.text import plural, read_ids, shorten
from aam.workflows.explain.sources import ModelSource

LISTED = "--samples"
MOST_SAMPLES, LEAST_SAMPLES = 100, 20
"""Samples that are explained where their number is not given: so many, and as few where each takes long."""
MOST_PREDICTIONS = 20_000
"""By which removal shall do."""


@dataclass(frozen=True, kw_only=True, eq=False)
class ChosenSamples:
    """The samples that are explained.

    Attributes
    ----------
    rows
        For each model the rows of its samples, ascending; some may have none.
    unit_N
        Group of each sample of the study, as a number.
    group_column
        The column of the groups; None where each sample stands for itself.
    notes
        What is to be said of the choice.
    """

    rows: tuple[np.ndarray, ...]
    unit_N: np.ndarray
    group_column: str | None
    notes: tuple[str, ...]


def choose_samples(
    sources: Sequence[ModelSource], study: Study, options: ExplainOptions, most: int = MOST_SAMPLES
) -> ChosenSamples:
    """Choose the samples of each model.

    Parameters
    ----------
    sources, study, options
        The models, all samples, and what is asked for.
    most
        Samples of a model, where the options name no number.

    Raises
    ------
    InputError
        If a sample that is asked for is not in the table, none is left, or there is no such column of groups.
    """
    assert study.metadata is not None
    wanted = _wanted(options.samples, study)
    column = _group_column(sources, study.metadata, options)
    unit_N = group_numbers(study, column)
    several = {source.place for source in sources if sum(one.place == source.place for one in sources) > 1}
    rows = [_rows_of(source, study, wanted, is_fold=source.place in several) for source in sources]
    every = [len(one) for one in rows]
    if not sum(every):
        raise InputError(options.model, "none of its held-out samples is in the table", f"name some by {LISTED}")
    if options.max_samples != "all":
        places = np.array([source.place for source in sources])
        rows = _limited(
            rows, places, unit_N, most if options.max_samples is None else options.max_samples, options.seed
        )
    notes = _notes_on_learned(sources, study, rows)
    chosen = sum(map(len, rows))
    if chosen < sum(every):
        over = f", evenly over the groups of '{shorten(column)}'" if column is not None else ""
        notes = (
            *notes,
            f"{chosen:,} of {sum(every):,} predictions are explained{over}; --max-samples takes more, or all",
        )
    return ChosenSamples(rows=tuple(rows), unit_N=unit_N, group_column=column, notes=tuple(notes))


def group_numbers(study: Study, column: str | None) -> np.ndarray:
    """Group of each sample as a number, ``N``; one of its own where its cell is empty, or there is no column."""
    if column is None:
        return np.arange(len(study))
    assert study.metadata is not None
    return np.unique(group_labels(study.metadata, column).astype(str), return_inverse=True)[1]


def _wanted(given: Sequence[str], study: Study) -> np.ndarray | None:
    """Rows of the samples that are asked for; None where none are."""
    if not given:
        return None
    is_file = len(given) == 1 and Path(given[0]).is_file() and given[0] not in set(study.sample_ids)
    ids = read_ids(given[0]) if is_file else list(dict.fromkeys(given))
    row_of = {str(sample_id): row for row, sample_id in enumerate(study.sample_ids)}
    absent = [one for one in ids if one not in row_of]
    if absent or not ids:
        of = f"{len(absent):,} of {plural(len(ids), 'sample')}" if ids else "no sample"
        first = f" not in the table (first: {shorten(absent[0])})" if absent else " in it"
        raise InputError(given[0] if is_file else LISTED, f"{of}{first}", "ids are those of the table")
    return np.sort(np.array([row_of[one] for one in ids], dtype=np.int64))


def _group_column(sources: Sequence[ModelSource], sheet: Metadata, options: ExplainOptions) -> str | None:
    if options.group_column is not None:
        if not sheet.columns:
            raise ConfigError("--group-column needs --metadata")
        sheet.column(options.group_column)
        return options.group_column
    found = next((source.group_column for source in sources if source.group_column is not None), None)
    return found if found is not None and found in sheet.columns else None


def _notes_on_learned(sources: Sequence[ModelSource], study: Study, rows: Sequence[np.ndarray]) -> tuple[str, ...]:
    """What is to be said where models explain samples that they learned from, or may have."""
    pairs = zip(rows, sources, strict=True)
    learned = np.unique(np.concatenate([_among(one, study, source.learned) for one, source in pairs]))
    says = "effects say what it learned, not what holds for new samples"
    if len(learned):
        return (f"{plural(len(learned), 'sample')} that are explained are training samples of the model: {says}",)
    if not any(source.learned for source in sources):
        return (f"the model does not say which samples it learned from: if these are among them, {says}",)
    return ()


def _rows_of(source: ModelSource, study: Study, wanted: np.ndarray | None, *, is_fold: bool) -> np.ndarray:
    """A fold explains what it has not learned from; another model what is asked for, or else its test samples.

    Without them, samples that it has not learned from, where there are some.
    """
    rows = np.arange(len(study)) if wanted is None else wanted
    if wanted is not None:
        return np.setdiff1d(rows, _among(rows, study, source.learned)) if is_fold else rows
    held_out = _among(rows, study, source.held_out)
    if is_fold or len(held_out):
        return held_out
    return new if len(new := np.setdiff1d(rows, _among(rows, study, source.learned))) else rows


def _among(rows: np.ndarray, study: Study, ids: frozenset[str]) -> np.ndarray:
    return np.array([row for row in rows if str(study.sample_ids[row]) in ids], dtype=np.int64)


def _limited(
    rows: Sequence[np.ndarray], places: np.ndarray, unit_N: np.ndarray, most: int, seed: int
) -> list[np.ndarray]:
    """At most so many samples for each model that was named; its folds share them."""
    kept = list(rows)
    for place in np.unique(places):
        own = np.flatnonzero(places == place).tolist()
        pairs = [(model, int(row)) for model in own for row in rows[model]]
        if len(pairs) <= most:
            continue
        order = list(_evenly([unit_N[row] for _, row in pairs], np.random.default_rng(seed)))
        chosen = [pairs[at] for at in order[:most]]
        for model in own:
            kept[model] = np.sort(np.array([row for of, row in chosen if of == model], dtype=np.int64))
    return kept


def _evenly(units: Sequence[int], rng: np.random.Generator) -> Iterator[int]:
    """Places in an order that takes one of each group, then another of each, and so on, at random."""
    shuffled = rng.permutation(len(units))
    turn = np.empty(len(units), dtype=np.int64)
    taken: dict[int, int] = {}
    for at in shuffled:
        turn[at] = taken[units[at]] = taken.get(units[at], -1) + 1
    yield from shuffled[np.argsort(turn[shuffled], kind="stable")].tolist()
