"""`aam rf-baseline`: fit a random forest on the same samples and the same split as a model."""

from __future__ import annotations

from collections.abc import Iterator

from rich.box import SIMPLE_HEAD
from rich.table import Table as Grid

from aam.cli.terminal import Terminal
from aam.config import ForestConfig
from aam.evaluation.catalogue import PREDICTORS, Interval, metric, value_of
from aam.log import logging_to_terminal
from aam.workflows.forest_baseline import Metrics, fit_forest_baseline

NUM_LABELS = 2  # columns that name a row


def run(config: ForestConfig) -> None:
    """Fit a random forest, and print how good its predictions are."""
    with logging_to_terminal():
        result = fit_forest_baseline(config)
    console = Terminal()
    console.print(_grid(result.metrics, f"{result.target.column} ({config.forest.features} features), with 95 % intervals"))
    console.print(f"predictions: {result.output}\nmetrics: {result.metrics_file}")
    if result.model is not None:
        console.print(f"model: {result.model}")


def _grid(results: Metrics, title: str) -> Grid:
    """The metrics of all predictors as a table for the terminal."""
    grid = Grid(title=title, title_justify="left", box=SIMPLE_HEAD, pad_edge=False)
    for place, name in enumerate(_header(results)):
        grid.add_column(name, no_wrap=place < NUM_LABELS, min_width=max(map(len, name.split())))
    for row in _rows(results):
        grid.add_row(*row)
    return grid


def _header(results: Metrics) -> list[str]:
    names = next(iter(results.values()))
    return ["part", "predictor", *(metric(name).name for name in names)]


def _rows(results: Metrics) -> Iterator[list[str]]:
    for (part, who), found in results.items():
        yield [part, PREDICTORS[who], *(_cell(name, interval) for name, interval in found.items())]


def _cell(name: str, interval: Interval) -> str:
    low, high = value_of(name, interval.low), value_of(name, interval.high)
    value = value_of(name, interval.value)
    return value if low == high else f"{value}\n{low} to {high}"
