"""`aam rf-baseline`: fit a random forest on the same samples and the same split as a model."""

from __future__ import annotations

from collections.abc import Iterator

from rich.box import SIMPLE_HEAD
from rich.table import Table as Grid

from aam.cli.terminal import Terminal
from aam.config import ForestConfig
from aam.evaluation.catalogue import CI, PREDICTORS, Interval, metric, value_of
from aam.log import logging_to_terminal
from aam.workflows.forest_baseline import Metrics, fit_forest_baseline


def run(config: ForestConfig) -> None:
    """Fit a random forest, and print how good its predictions are."""
    with logging_to_terminal():
        result = fit_forest_baseline(config)
    console = Terminal()
    title = f"{result.target.column} ({config.forest.features} features), with {CI}"
    console.print(_grid(result.metrics, title))
    console.print(f"predictions: {result.output}\nmetrics: {result.metrics_file}")
    if result.model is not None:
        console.print(f"model: {result.model}")


def _grid(results: Metrics, title: str) -> Grid:
    """The metrics of all predictors as a table for a terminal of 80 columns."""
    grid = Grid(title=title, title_justify="left", box=SIMPLE_HEAD, padding=(0, 1, 0, 0))
    rows = list(_rows(results))
    for place, name in enumerate(_header(results)):
        lines = [line for row in rows for line in row[place].splitlines()]
        grid.add_column(name, width=max(map(len, [*name.split(), *lines])))
    for row in rows:
        grid.add_row(*row)
    return grid


def _header(results: Metrics) -> list[str]:
    names = next(iter(results.values()))
    return ["part", "predictor", *(metric(name).name for name in names)]


def _rows(results: Metrics) -> Iterator[list[str]]:
    for (part, who), found in results.items():
        yield [
            part,
            PREDICTORS[who].replace(" of the ", " of the\n"),
            *(_cell(name, interval) for name, interval in found.items()),
        ]


def _cell(name: str, interval: Interval) -> str:
    low, high = value_of(name, interval.low), value_of(name, interval.high)
    value = value_of(name, interval.value)
    return value if low == high else f"{value}\n{low} to\n{high}"
