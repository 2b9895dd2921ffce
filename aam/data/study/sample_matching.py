"""Ids of samples that two files write differently: which differences are known, and how to overlook them."""

from __future__ import annotations

import dataclasses
import re
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from decimal import Decimal, InvalidOperation

import numpy as np

from aam.config.sections import MatchIds
from aam.data.readers.metadata import Metadata
from aam.data.readers.metadata_values import NUMBER
from aam.errors import InputError
from aam.text import plural, shorten

Ids = np.ndarray | Sequence[str]
LOOSE = "--match-ids loose takes them for the same"
MONTHS = (
    *("january", "february", "march", "april", "may", "june"),
    *("july", "august", "september", "october", "november", "december"),
)
DAY = re.compile(r"(?P<day>\d{1,2})[-. /]?(?P<month>[a-z]{3,9})|(?P<other>[a-z]{3,9})[-. /]?(?P<number>\d{1,2})")
SHORT_MONTH = re.compile(r"\d{1,2}-[A-Z][a-z]{2}|[A-Z][a-z]{2}-\d{2}")
SHORTENED_NUMBER = re.compile(r"\d(?:[.,]\d+)?E\+\d+")


def _without_zeros(sample_id: str) -> str:
    return sample_id.strip().lstrip("0")


def _as_number(sample_id: str) -> str:
    """A number in one form: ``1.0``, ``01`` and ``1`` are alike, and so are ``1E5`` and ``100000``."""
    if NUMBER.fullmatch(sample_id) is None:
        return sample_id
    try:
        return str(Decimal(sample_id).normalize())
    except InvalidOperation:
        return sample_id


def _as_r_name(sample_id: str) -> str:
    """As R's ``make.names`` has it: dots for other signs, and no ``X`` that it puts before digits."""
    return re.sub(r"[^\w]|_", ".", re.sub(r"^[Xx](?=[\d._])", "", sample_id.strip()))


def _as_day(sample_id: str) -> str:
    """``MAR1``, ``1-Mar`` and ``Mar-01``, into which a spreadsheet turns it, in one form."""
    found = DAY.fullmatch(sample_id.strip().casefold())
    if found is None:
        return sample_id
    word, day = found["month"] or found["other"], found["day"] or found["number"]
    month = next((name for name in MONTHS if name.startswith(word) or (word == "sept" and name == "september")), None)
    return sample_id if month is None else f"{month} {int(day)}"


SPELLINGS: tuple[tuple[Callable[[str], str], str], ...] = (
    (str.strip, "are there spaces around the ids?"),
    (str.casefold, "does the case of the letters differ?"),
    (_without_zeros, "did a program drop leading zeros?"),
    (_as_number, "did a spreadsheet write the ids as numbers?"),
    (_as_r_name, "did R change the ids (X before a digit, dots for other signs)?"),
    (_as_day, "did a spreadsheet turn ids into dates?"),
)


def loose(sample_id: str) -> str:
    """What is left of an id if all known differences are overlooked."""
    day = _as_day(sample_id)
    if day != sample_id:
        return day
    plain = re.sub(r"^x(?=[\d._])", "", sample_id.strip().casefold())
    number = _as_number(plain)
    return number if NUMBER.fullmatch(plain) else _as_r_name(number)


def nothing_in_common(table_ids: Ids, table_name: str, metadata: Metadata) -> InputError:
    """The error of metadata without any sample of the table: ids of both, and a likely cause."""
    found = _other_spelling(table_ids, metadata.sample_ids)
    ours, theirs, question = found or (table_ids[0], metadata.sample_ids[0], _unlike(table_ids, metadata.sample_ids))
    ids = f"(table: '{shorten(str(ours))}', metadata: '{shorten(str(theirs))}')"
    remedy = f"{question} {LOOSE}" if found else question
    return InputError(metadata.source, f"no sample of {table_name} is in it {ids}", remedy)


def other_spelling_note(table_ids: Iterable[str], metadata: Metadata) -> str:
    """A note of samples that are in the metadata under another spelling of their ids; empty where there is none."""
    known, ours = set(metadata.sample_ids), set(table_ids)
    missing = [sample_id for sample_id in table_ids if sample_id not in known]
    rest = [sample_id for sample_id in metadata.sample_ids if sample_id not in ours]
    keys = {loose(str(sample_id)) for sample_id in rest}
    alike = [sample_id for sample_id in missing if loose(str(sample_id)) in keys]
    found = _other_spelling(alike, rest) if alike else None
    if found is None:
        return ""
    are = "is" if len(alike) == 1 else "are"
    ids = f"(table: '{shorten(found[0])}', metadata: '{shorten(found[1])}')"
    return f"{plural(len(alike), 'sample')} {are} in the metadata under another id {ids}: {found[2]} {LOOSE}"


def matched(table_ids: Ids, metadata: Metadata, how: MatchIds) -> Metadata:
    """The metadata with ids as the table has them, where these differ only in known ways and ``how`` is loose.

    Every change is in the notes of the result.

    Raises
    ------
    InputError
        If an id of one file could be several of the other.
    """
    if how == "exact":
        return metadata
    theirs, ours = _by_key(metadata.sample_ids), _by_key(table_ids)
    both = set(table_ids) & set(metadata.sample_ids)
    new_id: dict[str, str] = {}
    for key, of_table in ours.items():
        of_sheet = theirs.get(key, [])
        left, right = ([name for name in names if name not in both] for names in (of_table, of_sheet))
        if left and right:
            if len(of_table) > 1 or len(of_sheet) > 1:
                raise _ambiguous(metadata.source, of_table, of_sheet)
            new_id[right[0]] = left[0]
    if not new_id:
        return metadata
    ids = metadata.sample_ids.copy()
    ids[:] = [new_id.get(sample_id, sample_id) for sample_id in ids]
    return dataclasses.replace(metadata, sample_ids=ids, notes=(*metadata.notes, _changes(new_id)))


def _changes(new_id: Mapping[str, str]) -> str:
    pairs = ", ".join(f"'{theirs}' is '{ours}'" for theirs, ours in new_id.items())
    return f"--match-ids loose: {plural(len(new_id), 'id')} of the metadata taken for ids of the table: {pairs}"


def _ambiguous(source: str, of_table: Sequence[str], of_sheet: Sequence[str]) -> InputError:
    ours, theirs = (" and ".join(f"'{shorten(name)}'" for name in names[:2]) for names in (of_table, of_sheet))
    problem = f"--match-ids loose cannot tell {theirs} of the metadata and {ours} of the table apart"
    return InputError(source, problem, "rename them, or leave out --match-ids")


def _by_key(sample_ids: Iterable[str]) -> dict[str, list[str]]:
    found: dict[str, list[str]] = defaultdict(list)
    for sample_id in sample_ids:
        found[loose(str(sample_id))].append(str(sample_id))
    return found


def _other_spelling(ours: Ids, theirs: Ids) -> tuple[str, str, str] | None:
    """An id of the table, that of the metadata which is the same but for one difference, or several, and which."""
    for simplify, explanation in (*SPELLINGS, (loose, "did a program change the ids?")):
        sheet = {simplify(str(sample_id)): str(sample_id) for sample_id in theirs}
        for sample_id in ours:
            if (key := simplify(str(sample_id))) in sheet:
                return str(sample_id), sheet[key], explanation
    return None


def _unlike(ours: Ids, theirs: Ids) -> str:
    """What a spreadsheet may have done to the ids that cannot be undone."""
    for pattern, what in ((SHORT_MONTH, "turn ids into dates"), (SHORTENED_NUMBER, "shorten long numbers")):
        for sample_ids, others in ((ours, theirs), (theirs, ours)):
            changed = [name for name in sample_ids if pattern.fullmatch(str(name))]
            if changed and not any(pattern.fullmatch(str(name)) for name in others):
                return f"did a spreadsheet {what} ('{shorten(str(changed[0]))}')? Start from the original file"
    return ""
