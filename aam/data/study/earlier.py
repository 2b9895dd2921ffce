"""Earlier samples of the same subject: which samples have some, and how long before.

Of time only differences between samples of one subject are ever read, and of earlier samples only their reads: never
what is known of their targets. Two samples of a subject at one time are neither earlier than the other.

Legend of shapes: ``N`` samples, ``K`` earlier samples of each at most.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from typing import Any, Literal

import numpy as np

from aam.config.earlier import EarlierOptions
from aam.config.json_dataclass import need, read_plain
from aam.data.readers.metadata import Metadata
from aam.data.readers.metadata_values import NUMBER
from aam.data.study.grouping import group_labels
from aam.data.study.study import Earlier, Study
from aam.errors import InputError
from aam.text import plural, shorten

EARLIER = "earlier"
"""Where a model folder says that earlier samples are read, among how tables are treated."""
MOST = 20
SECONDS_PER_DAY = 86_400.0
SURE = 0.999
"""Correlation of a target's differences with those of time within subjects, from which on it is said that one tells
the other."""
Unit = Literal["numbers", "days"]


@dataclass(frozen=True, kw_only=True)
class EarlierSpec:
    """Which earlier samples a model reads; saved with it.

    Attributes
    ----------
    number
        Earlier samples ``K`` of each sample at most.
    subject_column, time_column
        Columns of the metadata.
    within
        Time back from which on they are too old; None for any.
    unit
        Whether times were numbers, or dates whose differences are days.
    typical
        Median time since the last earlier sample, in training: the unit in which models measure time. 0 is not known.
    """

    number: int
    subject_column: str
    time_column: str
    within: float | None = None
    unit: Unit = "numbers"
    typical: float = 0.0

    @property
    def columns(self) -> tuple[str, ...]:
        """The metadata columns that are read."""
        return self.subject_column, self.time_column

    @property
    def unit_words(self) -> str:
        """The unit of times, in words."""
        return "days" if self.unit == "days" else f"units of '{shorten(self.time_column)}'"

    @property
    def words(self) -> str:
        """What is read, in words."""
        within = "" if self.within is None else f", no older than {self.within:g}"
        most = f"up to {plural(self.number, 'earlier sample')}"
        columns = f"'{shorten(self.subject_column)}' by '{shorten(self.time_column)}'"
        typical = f"; in training the last was {self.typical:.3g} {self.unit_words} before, in median"
        return f"{most} of the same {columns}{within}{typical}"

    def to_dict(self) -> dict[str, Any]:
        """Plain JSON types."""
        return asdict(self)

    @classmethod
    def from_dict(cls, values: Any) -> EarlierSpec:
        """The inverse of :meth:`to_dict`; :class:`ValueError` if something else was written."""
        spec = read_plain(cls, values)
        need(1 <= spec.number <= MOST, "a number of earlier samples is out of range")
        need(spec.unit in ("numbers", "days"), "the unit of time is unknown")
        need(0 < spec.typical < np.inf, "the time between samples is out of range")
        need(spec.within is None or spec.within > 0, "the oldest time is out of range")
        return spec

    @classmethod
    def of_data(cls, data: Mapping[str, Any]) -> EarlierSpec | None:
        """That of a model folder, where it says how tables are treated; None where earlier samples are not read."""
        found = data.get(EARLIER)
        return None if found is None else cls.from_dict(found)


def earlier_data(spec: EarlierSpec | None) -> dict[str, Any]:
    """The entry of a model folder among how tables are treated; none where earlier samples are not read."""
    return {} if spec is None else {EARLIER: spec.to_dict()}


def data_in_words(data: Mapping[str, Any]) -> dict[str, Any]:
    """How tables are treated, as it is shown: earlier samples in words."""
    spec = EarlierSpec.of_data(data)
    return dict(data) if spec is None else {**data, EARLIER: spec.words}


def fit_earlier(options: EarlierOptions, study: Study, train_rows: np.ndarray, group_column: str | None) -> EarlierSpec:
    """Which earlier samples a model is to read, by the samples of a study.

    Parameters
    ----------
    options
        Which are asked for.
    study
        All samples, with metadata.
    train_rows
        The training samples, by which the typical time between samples is measured.
    group_column
        Column of the groups that a split keeps whole.

    Raises
    ------
    InputError
        If there is no such column, a time is none, samples of a subject lie in several groups, or no subject has two
        samples that differ in time.
    """
    sheet, subject = study.metadata, options.subject_column or group_column
    assert sheet is not None
    assert group_column is not None
    assert options.time_column is not None
    assert subject is not None
    spec = EarlierSpec(
        number=options.earlier_samples,
        subject_column=subject,
        time_column=options.time_column,
        within=options.earlier_within,
        unit=_unit_of(sheet, options.time_column),
    )
    _check_whole(sheet, subject, group_column)
    row_NK, gap_NK = links(spec, sheet)
    last = gap_NK[train_rows][row_NK[train_rows, 0] >= 0, 0]
    if not len(last):
        within = "" if spec.within is None else f" within {spec.within:g}"
        problem = (
            f"no training sample has an earlier one of the same '{shorten(subject)}' by '{shorten(spec.time_column)}'"
        )
        any_age, _ = links(dataclasses.replace(spec, within=None), sheet)
        is_too_old = bool((any_age[train_rows, 0] >= 0).any())
        remedy = "raise --earlier-within" if is_too_old else "leave out --earlier-samples"
        raise InputError(sheet.source, f"{problem}{within}", remedy)
    return dataclasses.replace(spec, typical=float(np.median(last)))


def with_earlier(study: Study, spec: EarlierSpec | None) -> Study:
    """The study whose samples know their earlier ones.

    Whatever is taken of it later keeps them: they stay as they are, whichever samples are left out or changed.

    Parameters
    ----------
    study
        With metadata; times and subjects may be missing. Earlier samples are looked for among all of its samples or,
        where it knows some already, where those are.
    spec
        Which; None for none.

    Raises
    ------
    InputError
        If there is no such column, or a time is none.
    """
    if spec is None:
        return study if study.earlier is None else dataclasses.replace(study, earlier=None)
    among = study if study.earlier is None else study.earlier.study
    source = dataclasses.replace(among, earlier=None, rarefy_depth=study.rarefy_depth)
    assert source.metadata is not None
    row_NK, gap_NK = links(spec, source.metadata)
    found = Earlier(study=source, row_NK=row_NK, gap_NK=gap_NK / spec.typical)
    if among is not study:
        place_of = {sample_id: row for row, sample_id in enumerate(source.sample_ids)}
        found = found.take(np.array([place_of[sample_id] for sample_id in study.sample_ids], dtype=np.int64))
    return dataclasses.replace(study, earlier=found)


def links(spec: EarlierSpec, sheet: Metadata) -> tuple[np.ndarray, np.ndarray]:
    """Rows of the earlier samples of each sample, ``N x K``, the latest first, and the time since each.

    Of samples at one time, those whose ids come first go before; so the order of the table does not matter.

    Parameters
    ----------
    spec
        Which.
    sheet
        Subjects and times; a sample without either has no earlier samples, and is none.

    Returns
    -------
    tuple of numpy.ndarray
        Rows, -1 where there is none; times in the unit of the column, 0 where there is none.
    """
    subject_N, time_N = sheet.labels(spec.subject_column).astype(str), _times(sheet, spec)
    row_NK = np.full((len(subject_N), spec.number), -1, dtype=np.int64)
    gap_NK = np.zeros((len(subject_N), spec.number))
    known = np.flatnonzero((subject_N != "") & ~np.isnan(time_N))
    ids = sheet.sample_ids.astype(str)
    ordered = known[np.lexsort((ids[known], -time_N[known], subject_N[known]))]
    ends = np.flatnonzero(subject_N[ordered][1:] != subject_N[ordered][:-1]) + 1
    for own in np.split(ordered, ends):
        begins = np.searchsorted(-time_N[own], -time_N[own], side="right")
        for row, begin in zip(own, begins, strict=True):
            found = own[begin : begin + spec.number]
            gaps = time_N[row] - time_N[found]
            found = found if spec.within is None else found[gaps <= spec.within]
            row_NK[row, : len(found)] = found
            gap_NK[row, : len(found)] = gaps[: len(found)]
    return row_NK, gap_NK


def describe_earlier(study: Study, spec: EarlierSpec) -> str:
    """How many samples have earlier ones, and how long before, in one line."""
    assert study.earlier is not None
    has_N = study.earlier.has_N
    number = int(has_N.sum())
    found = f"earlier samples: {number:,} of {plural(len(study), 'sample')} have one of the same"
    found += f" '{shorten(spec.subject_column)}'"
    if not number:
        return found
    median = float(np.median(study.earlier.gap_NK[has_N, 0])) * spec.typical
    return f"{found}, the last {median:.3g} {spec.unit_words} before (median)"


def clock_notes(study: Study, spec: EarlierSpec) -> list[str]:
    """For each target whose differences within subjects are those of time, a line that says so.

    Such a target moves as time does, so that the time since an earlier sample says how far it moved. Its level is
    still to be predicted.
    """
    assert study.metadata is not None
    subject_N, time_N = study.metadata.labels(spec.subject_column).astype(str), _times(study.metadata, spec)
    found = []
    for column, values in study.targets.items():
        if column == spec.time_column:
            found.append(
                f"the target '{shorten(column)}' is also the time of --time-column: a prediction would have to be told "
                "it. Name a column that is known then, such as the date of sampling; of it only differences are read"
            )
            continue
        if not np.issubdtype(values.dtype, np.floating):
            continue
        known = (subject_N != "") & ~np.isnan(time_N) & ~np.isnan(values)
        if _correlation_within(subject_N[known], time_N[known], values[known]) >= SURE:
            found.append(
                f"within a subject, '{shorten(column)}' runs with '{shorten(spec.time_column)}': the time since an "
                "earlier sample tells how far it moved; predictions need that time too"
            )
    return found


def _correlation_within(subject_B: np.ndarray, first_B: np.ndarray, second_B: np.ndarray) -> float:
    """Absolute correlation of two numbers about the means of their subjects; 0 where one is constant."""
    if not len(subject_B):
        return 0.0
    _, place_B = np.unique(subject_B, return_inverse=True)
    size_G = np.bincount(place_B)
    apart = [one - (np.bincount(place_B, one) / size_G)[place_B] for one in (first_B, second_B)]
    norm = float(np.sqrt((apart[0] @ apart[0]) * (apart[1] @ apart[1])))
    return abs(float(apart[0] @ apart[1])) / norm if norm > 0 else 0.0


def _check_whole(sheet: Metadata, subject: str, group_column: str) -> None:
    """Refuse subjects whose samples lie in several of the groups that a split keeps whole."""
    if subject == group_column:
        return
    subject_N, group_N = sheet.labels(subject).astype(str), group_labels(sheet, group_column).astype(str)
    groups_of: dict[str, set[str]] = {}
    for own, group in zip(subject_N, group_N, strict=True):
        if own:
            groups_of.setdefault(own, set()).add(group)
    torn = [own for own, groups in groups_of.items() if len(groups) > 1]
    if torn:
        problem = f"column '{shorten(group_column)}' divides {plural(len(torn), 'subject')} of '{shorten(subject)}'"
        first = f"(first: {shorten(torn[0])})"
        raise InputError(sheet.source, f"{problem} {first}", f"--group-column {subject}")


def _unit_of(sheet: Metadata, column: str) -> Unit:
    """Dates, if the first value is no number."""
    cells = [cell for cell in sheet.labels(column) if cell]
    return "days" if cells and NUMBER.fullmatch(cells[0]) is None else "numbers"


def _times(sheet: Metadata, spec: EarlierSpec) -> np.ndarray:
    """Time of each sample, NaN where it is missing; dates in days."""
    column = spec.time_column
    if spec.unit == "numbers":
        return sheet.numeric(column, remedy="--time-column takes numbers, or dates such as 2026-03-31")
    cells = sheet.labels(column)
    days = [_days(str(cell)) if cell else np.nan for cell in cells]
    wrong = [row for row, day in enumerate(days) if day is None]
    if wrong:
        number = plural(len(wrong), "cell")
        first = f"'{shorten(str(cells[wrong[0]]))}' of sample {shorten(str(sheet.sample_ids[wrong[0]]))}"
        problem = f"column '{shorten(column)}' has {number} that {'is' if len(wrong) == 1 else 'are'} no date "
        raise InputError(sheet.source, f"{problem}(first: {first})", "write dates as 2026-03-31")
    return np.array(days, dtype=np.float64)


def _days(cell: str) -> float | None:
    """Days since 1970 of a date by ISO 8601, in universal time where no zone is given; None where it is none."""
    try:
        when = datetime.fromisoformat(cell)
    except ValueError:
        return None
    return (when if when.tzinfo else when.replace(tzinfo=UTC)).timestamp() / SECONDS_PER_DAY
