"""Predictions of several sources, of one target and of the samples that all of them predict."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from aam.data.targets.kinds import Predictions
from aam.errors import InputError
from aam.evaluation.side_by_side.sources import OUT_OF_FOLD, UNNAMED, Source
from aam.text import listed, plural, shorten

FEWEST = 2
SAME = 1e-6
"""Relative difference up to which two observed numbers are the same: tables have ten digits."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Aligned:
    """One target of all sources.

    Attributes
    ----------
    column
        The target.
    sample_ids
        The ``N`` samples that all sources predict, in order.
    repeats
        Name of the source -> its predictions of these, once for each repeat; all have the same classes and groups.
    num_predicted
        Name of the source -> how many samples it predicts.
    grouped_by
        The source whose groups are taken; empty where samples stand alone.
    """

    column: str
    sample_ids: np.ndarray
    repeats: Mapping[str, tuple[Predictions, ...]]
    num_predicted: Mapping[str, int]
    grouped_by: str

    @property
    def first(self) -> Predictions:
        """The first repeat of the first source: kind, observed values and groups are those of all."""
        return next(iter(self.repeats.values()))[0]

    @property
    def num_units(self) -> int:
        """Groups, or samples where each stands alone."""
        groups = self.first.groups
        return len(self.sample_ids) if groups is None else len(np.unique(groups))

    def mean(self, name: str) -> np.ndarray:
        """A source's predictions as the mean over its repeats: numbers (``N x 1``), or probabilities (``N x C``)."""
        some = self.repeats[name]
        tables = [one.predicted[:, None] if one.probabilities is None else one.probabilities for one in some]
        return np.asarray(np.mean([table.astype(np.float64) for table in tables], axis=0))


def align(sources: Sequence[Source]) -> list[Aligned]:
    """The targets that all sources have, on the samples that all of them predict.

    Parameters
    ----------
    sources
        Two or more; the first with groups says how samples are grouped.

    Raises
    ------
    InputError
        If there is no target or no sample that all have, or truths differ.
    """
    columns, tables = _shared_targets(sources)
    return [_align(column, sources, {name: of[column] for name, of in tables.items()}) for column in columns]


def _shared_targets(
    sources: Sequence[Source],
) -> tuple[list[str], dict[str, Mapping[str, tuple[Predictions, ...]]]]:
    """The columns that all have, and the predictions of each source by column; an unnamed target takes its name."""
    named = [source for source in sources if UNNAMED not in source.targets]
    unnamed = [source for source in sources if UNNAMED in source.targets]
    columns = list(named[0].targets) if named else ["target"]
    for source in named[1:]:
        shared = [column for column in columns if column in source.targets]
        if not shared:
            own, theirs = listed(source.targets), listed(columns)
            raise InputError(
                source.path, f"predicts {own}, and {named[0].name} predicts {theirs}", "compare runs of one column"
            )
        columns = shared
    tables = {source.name: source.targets for source in named}
    for source in unnamed:
        if len(columns) > 1:
            problem = f"has one target without a name, and the others have {len(columns)} ({listed(columns)})"
            raise InputError(source.path, problem, "compare it with runs of one column")
        tables[source.name] = {columns[0]: source.targets[UNNAMED]}
    return columns, {source.name: tables[source.name] for source in sources}


def _align(column: str, sources: Sequence[Source], tables: Mapping[str, tuple[Predictions, ...]]) -> Aligned:
    path_of = {source.name: source.path for source in sources}
    firsts = {name: repeats[0] for name, repeats in tables.items()}
    reference = next(iter(firsts.values()))
    for name, table in firsts.items():
        if table.kind.shown_as != reference.kind.shown_as:
            problem = f"column '{shorten(column)}': predicts {table.kind.shown_as}, and others do not"
            raise InputError(path_of[name], problem, "compare numbers with numbers, classes with classes")
    ids = _shared_samples(column, sources, firsts)
    chosen = {name: tuple(_of(table, ids) for table in repeats) for name, repeats in tables.items()}
    _check_truths(column, path_of, chosen)
    labels = {label for table in firsts.values() for label in table.classes}
    classes = reference.classes if labels == set(reference.classes) else tuple(sorted(labels))
    grouped_by = next((name for name, repeats in chosen.items() if repeats[0].groups is not None), "")
    groups = chosen[grouped_by][0].groups if grouped_by else None
    observed = next(iter(chosen.values()))[0].observed
    same = {
        name: tuple(
            dataclasses.replace(with_classes(one, classes), groups=groups, observed=observed, kind=reference.kind)
            for one in repeats
        )
        for name, repeats in chosen.items()
    }
    return Aligned(
        column=column,
        sample_ids=ids,
        repeats=same,
        num_predicted={name: len(table) for name, table in firsts.items()},
        grouped_by=grouped_by,
    )


def _shared_samples(column: str, sources: Sequence[Source], firsts: Mapping[str, Predictions]) -> np.ndarray:
    shared = set.intersection(*(set(map(str, table.sample_ids)) for table in firsts.values()))
    if len(shared) >= FEWEST:
        return np.array(sorted(shared), dtype=object)
    counts = ", ".join(
        f"{source.name}: {len(firsts[source.name]):,} {source.part.replace('_', '-')}" for source in sources
    )
    problem = f"column '{shorten(column)}': {plural(len(shared), 'sample')} that all predict ({counts})"
    has_several = any(source.part != OUT_OF_FOLD and source.config for source in sources)
    remedy = "--part out-of-fold compares the training samples of blends" if has_several else "other runs"
    raise InputError(sources[-1].path, problem, remedy)


def _of(table: Predictions, ids: np.ndarray) -> Predictions:
    found = table.of_samples(ids)
    assert found is not None
    return found


def _check_truths(column: str, path_of: Mapping[str, object], chosen: Mapping[str, tuple[Predictions, ...]]) -> None:
    """Refuse sources that were told different truths of the same samples."""
    (first_name, first), *others = ((name, repeats[0]) for name, repeats in chosen.items())
    for name, table in others:
        if table.classes:
            differ = first.observed.astype(str) != table.observed.astype(str)
        else:
            differ = ~np.isclose(first.observed.astype(float), table.observed.astype(float), rtol=SAME, atol=0)
        if differ.any():
            place = int(differ.argmax())
            values = f"{shorten(str(table.observed[place]))} and {shorten(str(first.observed[place]))}"
            problem = (
                f"column '{shorten(column)}': observed values of {differ.sum():,} of {plural(len(differ), 'sample')} "
                f"differ from those of {first_name} (first: {shorten(str(table.sample_ids[place]))}, {values})"
            )
            raise InputError(str(path_of[name]), problem, "compare runs of the same metadata")


def with_classes(table: Predictions, classes: tuple[str, ...]) -> Predictions:
    """The same predictions among more classes, of which the added ones have a probability of 0."""
    if table.classes == classes or table.probabilities is None:
        return table
    shares = np.zeros((len(table), len(classes)))
    shares[:, [classes.index(label) for label in table.classes]] = table.probabilities
    return dataclasses.replace(table, classes=classes, probabilities=shares, sets=None)
