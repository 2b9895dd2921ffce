"""The record of a run (``data.json``): what its parts look like to whoever reads it, and how its starts differ."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from itertools import groupby
from pathlib import Path
from typing import Any

from aam.config.json_dataclass import need
from aam.config.types import fits
from aam.errors import InputError
from aam.files.atomic import read_json

SAME = (
    "Repeated on this machine with the same versions, this run gives the same bytes: weights, metrics and predictions. "
    "So does resuming it, wherever it was stopped."
)
"""What a run promises of its numbers, where nothing stands in the way."""
# Of which type things are in it, where they are there.
DATA_TYPES = {
    "command": str,
    "folder": str,
    "resumed": list,
    "changes": list,
    "parts": list,
    "processes": int,
    "promise": str,
    "targets": dict | None,
    "samples": dict,
    "flow": list,
    "notes": list,
    "inputs": list,
    "environment": dict,
    "model": dict,
    "members": list,
    "learners": list,
    "left_out": list,
    "folds": dict,
    "studies": dict,
}
# What each item of a list has.
ITEM_TYPES: dict[str, dict[str, Any]] = {
    "inputs": {"path": str, "bytes": int, "sha256": str},
    "changes": {"option": str},
    "parts": {"environment": dict},
    "learners": {"name": str, "label": str, "seconds": float, "weights": dict, "figures": dict},
    "left_out": {"name": str, "reason": str},
}
FOLDS = {"number": int, "groups": int}


def read_record(path: Path) -> dict[str, Any]:
    """Read the record of a run.

    Raises
    ------
    InputError
        If it cannot be read, or a part that tells where the run comes from is not what was written.
    """
    record = read_json(path)
    if not isinstance(record, dict):
        raise InputError(path, "damaged: it does not hold the record of a run")
    with damage_named(path):
        check_record(record)
    return record


def check_record(record: Any) -> None:
    """Refuse a record whose parts have other types.

    Raises
    ------
    ValueError
        See :func:`damage_named`.
    """
    check_types(record, DATA_TYPES)
    for name, types in ITEM_TYPES.items():
        for item in record.get(name, []):
            check_types(item, types)
            need(all(member in item for member in types), "")
    check_types(record.get("folds", {}), FOLDS)


def check_types(content: Any, types: Mapping[str, Any]) -> None:
    """Refuse a JSON object that has one of these members with another type."""
    need(isinstance(content, dict) and all(fits(content[name], types[name]) for name in types if name in content), "")


@contextmanager
def damage_named(path: Path) -> Iterator[None]:
    """What comes of a record whose parts are not those that were written, as a damaged file."""
    try:
        yield
    except (ValueError, TypeError, KeyError, AttributeError, OverflowError):
        raise InputError(path, "damaged: a part of the record of the run is wrong") from None


def parts_of(record: Mapping[str, Any]) -> list[dict[str, Any]]:
    """The starts of a run, the first one first; of an older record, which has no list of them, what it says of one."""
    if "parts" in record:
        return list(record["parts"])
    known = {name: record[name] for name in ("command", "processes") if name in record}
    return [{**known, "environment": record["environment"]}] if "environment" in record else []


def differences(parts: Iterable[Mapping[str, Any]]) -> dict[str, str]:
    """What differs between the starts of a run.

    Parameters
    ----------
    parts
        With ``environment``, ``device`` and ``processes``; what one does not say is not compared.

    Returns
    -------
    dict of str to str
        Name (``torch``, ``threads``, ``device``, ...) -> its values in turn, as in ``1 -> 2``.
    """
    values: dict[str, list[str]] = {}
    for part in parts:
        started = {name: part[name] for name in ("device", "processes") if name in part}
        for name, value in {**part["environment"], **started}.items():
            values.setdefault(name, []).append(str(value))
    turns = {name: [value for value, _ in groupby(each)] for name, each in values.items()}
    return {name: " -> ".join(each) for name, each in turns.items() if len(each) > 1}
