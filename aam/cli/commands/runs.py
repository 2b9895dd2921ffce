"""`aam runs`: list the runs below some folders."""

from __future__ import annotations

import math
import shlex
import sys
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from rich.cells import cell_len

from aam.cli.terminal import Terminal, padded
from aam.config import RunsConfig
from aam.evaluation.catalogue import NONE, estimate_of, value_of
from aam.log import logging_to_terminal, say
from aam.runs.layout import REPORT
from aam.text import format_bytes, format_duration, plural
from aam.workflows.listing.find import FINISHED_RUN, STATES, UNREADABLE, is_search
from aam.workflows.listing.run import listed_runs, write

NEEDED = ("run", "state", "target", "metric", "value")
"""Columns that the terminal always shows; the ends of the interval stand beside the value."""
IF_ROOM = ("problem", "forest", "date", "learners", "seconds", "samples", "judged_on", "bytes", "command")
"""Those that it shows where it is wide enough, the most wanted first."""
ORDER = (
    *("run", "state", "command", "target", "learners", "samples", "metric", "value", "low", "high", "forest"),
    *("judged_on", "date", "seconds", "bytes", "problem"),
)
TITLES = {"value": "value (95 % CI)", "judged_on": "judged on", "seconds": "time", "bytes": "size", "date": "began"}
NUMBERS = ("samples", "value", "low", "high", "forest", "seconds", "bytes")
GAP = "  "
LONGEST = {"run": 48, "learners": 24, "target": 24, "problem": 60}
"""Most characters of a cell; of a path its end is shown, of others their start."""
SHORTEST_RUN = 16

Row = Mapping[str, Any]
Cells = list[dict[str, str]]


def run(config: RunsConfig) -> None:
    """List runs, and say how many there are and what to do with them."""
    asked, output = config.runs.columns, config.runs.output
    with logging_to_terminal():
        table = listed_runs(config)
        write(table, config)
        rows = [dict(zip(table, row, strict=True)) for row in table.rows]
        if rows:
            cells = [{name: _text(row, name) for name in ORDER} for row in rows]
            console = Terminal()
            width = console.width if sys.stdout.isatty() else None
            names, left = (list(asked), []) if asked else _that_fit(cells, width)
            console.print("\n".join(_lines(cells, names)))
            say("", *_summary(rows, left))
        else:
            say(*_none(config))
        if output is not None:
            say(f"table: {output}")
        say(*(() if config.runs.children else _next(rows)))


def _that_fit(cells: Cells, width: int | None) -> tuple[list[str], list[str]]:
    """The columns for which a terminal has room, and those for which it has none; paths are cut before a column goes.

    Columns that say nothing are left out. Where there is no terminal there is room for all.
    """
    names = set(NEEDED)
    wanted = [name for name in IF_ROOM if any(row[name] not in ("", NONE) for row in cells)]
    if width is None:
        return [name for name in ORDER if name in {*names, *wanted}], []
    left = []
    for name in wanted:
        if _width(cells, {*names, name}) <= width:
            names.add(name)
        else:
            left.append(TITLES.get(name, name))
    room = width - _width(cells, names - {"run"}) - len(GAP)
    for row in cells:
        row["run"] = _end(row["run"], max(SHORTEST_RUN, room))
    return [name for name in ORDER if name in names], left


def _width(cells: Cells, names: set[str]) -> int:
    """Of a line at least, with paths cut."""
    widths = {name: _column(cells, name) for name in names}
    if "run" in widths:
        widths["run"] = min(widths["run"], 2 * SHORTEST_RUN)
    return sum(widths.values()) + len(GAP) * (len(names) - 1)


def _column(cells: Cells, name: str) -> int:
    return max(cell_len(TITLES.get(name, name)), *(cell_len(row[name]) for row in cells))


def _lines(cells: Cells, names: Sequence[str]) -> Iterator[str]:
    widths = {name: _column(cells, name) for name in names}
    for row in ({name: TITLES.get(name, name) for name in names}, *cells):
        yield GAP.join(padded(row[name], widths[name], name in NUMBERS) for name in names).rstrip()


def _text(row: Row, name: str) -> str:
    """A cell as it is read."""
    value = row[name]
    if value is None or (isinstance(value, float) and math.isnan(value)):
        return NONE
    if name in ("value", "low", "high", "forest"):
        return _score(row, name)
    if name == "seconds":
        return format_duration(value)
    if name == "bytes":
        return format_bytes(value)
    if name == "date":
        return str(value)[:16] or NONE
    if name == "samples":
        return f"{value:,}"
    text = str(value) or ("" if name == "problem" else NONE)
    longest = LONGEST.get(name, len(text))
    return _end(text, longest) if name == "run" or len(text) <= longest else f"{text[: longest - 1]}\u2026"


def _end(path: str, longest: int) -> str:
    return path if len(path) <= longest else f"\u2026{path[1 - longest :]}"


def _score(row: Row, name: str) -> str:
    if name != "value":
        return value_of(row["metric"], row[name])
    return estimate_of(row["metric"], row["value"], row["low"], row["high"])


def _summary(rows: Sequence[Row], left: Sequence[str]) -> Iterator[str]:
    """How many runs are in which state, and what is not shown."""
    states = {row["run"]: row["state"] for row in rows}
    counts = Counter(states.values())
    yield f"{plural(len(states), 'run')}: {', '.join(f'{counts[one]:,} {one}' for one in STATES if counts[one])}"
    if left:
        yield f"no room for {', '.join(left)}: widen the terminal, or choose --columns"
    unreadable = [row for row in rows if row["state"] == UNREADABLE]
    if unreadable and "problem" in left:
        yield f"{unreadable[0]['run']} cannot be read: {unreadable[0]['problem']}"


def _none(config: RunsConfig) -> Iterator[str]:
    """Why there is nothing to list."""
    if config.runs.where is not None:
        yield "no runs for which the condition holds"
        return
    for folder in config.runs.folders:
        if is_search(folder):
            page = f": its page is {REPORT}" if (folder / REPORT).is_file() else ""
            yield f"{folder}: holds a search, and no runs{page}"
        else:
            yield f"{folder}: no runs below it; `aam train` writes one with --output-dir"


def _next(rows: Sequence[Row]) -> Iterator[str]:
    """Two finished runs of one target to compare."""
    judged = [row for row in rows if row["state"] == FINISHED_RUN and row["target"]]
    for target in dict.fromkeys(row["target"] for row in judged):
        runs = [row["run"] for row in judged if row["target"] == target]
        if len(runs) > 1:
            yield from ("", "Next, compare two of them on the same samples:")
            yield f"  aam compare {' '.join(shlex.quote(run) for run in runs[:2])}"
            return
