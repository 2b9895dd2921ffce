"""Where the entries of a run are: ``tracking.json`` in its directory, so that it goes on with them."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from aam.config.json_dataclass import need, read_plain
from aam.errors import InputError
from aam.files.atomic import read_json, write_json
from aam.runs.layout import TRACKING
from aam.runs.tracking.registry import names
from aam.runs.tracking.tracker import Place

LONGEST = 2_000
"""Characters of an id or address."""


def read_places(run: Path) -> dict[str, Place]:
    """Tracker -> the entry of a run; empty for a run that has none.

    Raises
    ------
    InputError
        If the file is damaged.
    """
    path = run / TRACKING
    if not path.exists():
        return {}
    content = read_json(path)
    try:
        need(isinstance(content, dict), "it is no JSON object")
        need(set(content) <= set(names()), "it names an unknown tracker")
        found = {name: read_plain(Place, values) for name, values in content.items()}
        for place in found.values():
            need(all(0 < len(text) <= LONGEST and text.isprintable() for text in (place.id, place.where)), "no place")
    except ValueError as error:
        raise InputError(path, f"damaged: {error}", "remove it: the run then gets new entries") from None
    return found


def write_places(run: Path, places: Mapping[str, Place]) -> None:
    """Note the entries of a run; those of earlier starts, of trackers that are not asked for now, stay."""
    kept = {**read_places(run), **places}
    write_json(run / TRACKING, {name: {"id": place.id, "where": place.where} for name, place in kept.items()})
