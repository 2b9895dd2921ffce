"""`aam runs`: list the runs below some folders."""

from __future__ import annotations

import math
import shlex
import sys
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from rich.cells import cell_len

from aam.cli.terminal import Terminal
from aam.config import RunsConfig
from aam.evaluation.catalogue import NONE, value_of
from aam.log import logging_to_terminal, say
from aam.text import format_bytes, format_duration, plural
from aam.workflows.listing.find import FINISHED_RUN, STATES, UNREADABLE
from aam.workflows.listing.run import listed_runs, write

SHOWN = (
    *("run", "state", "command", "target", "learners", "samples", "metric", "value", "forest", "judged_on"),
    *("date", "seconds", "bytes", "problem"),
)
"""Columns of the terminal, in this order; the ends of the interval stand beside the value."""
LEAST_NEEDED = ("command", "bytes", "judged_on", "samples", "seconds", "learners", "date", "forest", "problem")
"""Those that go first where the terminal is narrow."""
TITLES = {"value": "value (95 % CI)", "judged_on": "judged on", "seconds": "time", "bytes": "size", "date": "began"}
NUMBERS = ("samples", "value", "forest", "seconds", "bytes")
BETWEEN = "  "
LONGEST = {"run": 48, "learners": 24, "target": 24, "problem": 60}
"""Most characters of a cell; of a path its end is shown, of others their start."""


def run(config: RunsConfig) -> None:
    """List runs, and say how many there are and what to do with them."""
    asked, output = config.runs.columns, config.runs.output
    with logging_to_terminal():
        whole = listed_runs(config)
        write(whole, config)
        if not whole.size:
            say("no runs there" if config.runs.where is None else "no runs for which the condition holds")
            return
        rows = [dict(zip(whole, row, strict=True)) for row in whole.rows]
        console = Terminal()
        names = list(asked) if asked else _that_fit(rows, console.width if sys.stdout.isatty() else None)
        console.print("\n".join(_lines(rows, names)))
        say("", *_summary(rows, names if not asked else SHOWN))
        if output is not None:
            say(f"table: {output}")


def _that_fit(rows: Sequence[Mapping[str, Any]], width: int | None) -> list[str]:
    """The columns for which a terminal has room, without those that say nothing; all where there is no terminal."""
    names = [name for name in SHOWN if any(_text(row, name) not in ("", NONE) for row in rows)]
    for name in LEAST_NEEDED:
        if width is None or sum(_width(rows, one) + len(BETWEEN) for one in names) - len(BETWEEN) <= width:
            break
        names = [one for one in names if one != name]
    return names


def _lines(rows: Sequence[Mapping[str, Any]], names: Sequence[str]) -> Iterator[str]:
    widths = {name: _width(rows, name) for name in names}
    header = {name: _title(name) for name in names}
    for cells in (header, *({name: _text(row, name) for name in names} for row in rows)):
        yield BETWEEN.join(_padded(cells[name], widths[name], name in NUMBERS) for name in names).rstrip()


def _width(rows: Sequence[Mapping[str, Any]], name: str) -> int:
    return max(cell_len(_title(name)), *(cell_len(_text(row, name)) for row in rows))


def _title(name: str) -> str:
    return TITLES.get(name, name)


def _padded(text: str, width: int, is_number: bool) -> str:
    space = " " * (width - cell_len(text))
    return space + text if is_number else text + space


def _text(row: Mapping[str, Any], name: str) -> str:
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
    if len(text) <= longest:
        return text
    return f"\u2026{text[1 - longest :]}" if name == "run" else f"{text[: longest - 1]}\u2026"


def _score(row: Mapping[str, Any], name: str) -> str:
    value, metric = value_of(row["metric"], row[name]), row["metric"]
    if name != "value" or math.isnan(row["low"]):
        return value
    return f"{value} ({value_of(metric, row['low'])} to {value_of(metric, row['high'])})"


def _summary(rows: Sequence[Mapping[str, Any]], shown: Sequence[str]) -> Iterator[str]:
    """How many runs are in which state, which columns had no room, and what to type next."""
    states = {row["run"]: row["state"] for row in rows}
    counts = Counter(states.values())
    found = ", ".join(f"{counts[state]:,} {state}" for state in STATES if counts[state])
    yield f"{plural(len(states), 'run')}: {found}"
    if left := [_title(name) for name in _that_fit(rows, None) if name not in shown]:
        yield f"no room for {', '.join(left)}: widen the terminal, or choose --columns"
    if unreadable := [row["run"] for row in rows if row["state"] == UNREADABLE]:
        yield f"why a run cannot be read: aam info {shlex.quote(unreadable[0])}"
    yield from _next(rows)


def _next(rows: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    """Two finished runs of one target to compare, or one to look at."""
    judged = [row for row in rows if row["state"] == FINISHED_RUN and row["target"]]
    for target in dict.fromkeys(row["target"] for row in judged):
        runs = [row["run"] for row in judged if row["target"] == target]
        if len(runs) > 1:
            yield from ("", "Next, compare two of them on the same samples:")
            yield f"  aam compare {' '.join(shlex.quote(run) for run in runs[:2])}"
            return
