"""`aam compare`: finished runs side by side on the same samples."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from rich.box import SIMPLE_HEAD
from rich.table import Table as Grid

from aam.cli.terminal import Terminal
from aam.config import CompareConfig
from aam.evaluation.catalogue import CI, metric, value_of
from aam.evaluation.side_by_side.judge import Standing
from aam.evaluation.side_by_side.notes import part_words
from aam.evaluation.side_by_side.sources import Source
from aam.log import logging_to_terminal, say, warn
from aam.runs.layout import REPORT
from aam.text import plural
from aam.workflows.compare import compare


def run(config: CompareConfig) -> None:
    """Compare runs, and print their metrics and what differs."""
    with logging_to_terminal():
        found = compare(config)
        console = Terminal()
        for standing in found.standings:
            console.print(_grid(standing))
        say(*(f"{source.name}: {part_words(source)}{_training(source)}" for source in found.sources), "")
        say(*found.summary)
        for note in found.notes:
            warn(note)
        folder = config.compare.output_dir
        if folder is None:
            say("", "Page, figures and tables: repeat the command with --output-dir DIR")
        else:
            say("", f"report: {folder / REPORT}")


def _training(source: Source) -> str:
    size = source.training_size
    return "" if size is None else f"; a model learned from {size:,.0f} samples"


def _grid(standing: Standing) -> Grid:
    aligned = standing.aligned
    groups = f" in {plural(aligned.num_units, 'group')}" if aligned.grouped_by else ""
    title = f"{aligned.column}: {plural(len(aligned.sample_ids), 'sample')}{groups} that all predict, with {CI}"
    grid = Grid(title=title, title_justify="left", box=SIMPLE_HEAD, padding=(0, 1, 0, 0))
    rows = list(_rows(standing))
    names = next(iter(standing.metrics.values()))
    for place, header in enumerate(["run", *(metric(name).name for name in names)]):
        lines = [line for row in rows for line in row[place].splitlines()]
        grid.add_column(header, width=max(map(len, [*header.split(), *lines])))
    for row in rows:
        grid.add_row(*row)
    return grid


def _rows(standing: Standing) -> Iterator[Sequence[str]]:
    for source, found in standing.metrics.items():
        cells = []
        for name, interval in found.items():
            low, high = value_of(name, interval.low), value_of(name, interval.high)
            value = value_of(name, interval.value)
            cells.append(value if low == high else f"{value}\n{low} to\n{high}")
        yield [source, *cells]
