"""`aam models`: the models of the index."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from rich.cells import cell_len

from aam.cli.terminal import Terminal, padded
from aam.config import ModelsConfig
from aam.evaluation.catalogue import NONE
from aam.files.model_index import index_folder
from aam.log import logging_to_terminal, say
from aam.text import format_bytes, plural, shorten
from aam.workflows.sharing.index import Row, add_to_index, figure, list_index, remove_from_index, row_of, show, what

SHOWN = ("name", "target", "kind", "samples", "figure", "date", "licence", "size")
LONGEST = 36
NUMBERS = ("samples", "size")


def run(config: ModelsConfig) -> None:
    """List, show, add or remove."""
    options = config.models
    with logging_to_terminal():
        if options.add is not None:
            name = add_to_index(options.add, options.name, config.card, overwrite=options.overwrite)
            say(f"{name}: {what(row_of(name))}", "", "Next, predict with it from any folder:")
            say(f"  aam predict --model {name} --table YOUR_TABLE --output predictions.tsv")
        elif options.remove:
            assert options.name is not None
            remove_from_index(options.name)
            say(f"{options.name}: removed from the index")
        elif options.name is not None:
            Terminal().print("\n".join(show(options.name)))
        else:
            _list(config)


def _list(config: ModelsConfig) -> None:
    table = list_index(config.models.output, overwrite=config.models.overwrite)
    rows = [dict(zip(table, row, strict=True)) for row in table.rows]
    if rows:
        Terminal().print("\n".join(_lines([_cells(row) for row in rows])))
    say(f"{plural(len(rows), 'model')} in {index_folder()}")
    for row in rows:
        if row["problem"]:
            say(f"{row['name']} cannot be read: {row['problem']}")
    if config.models.output is not None:
        say(f"table: {config.models.output}")
    if not rows:
        say("", "Add a model that you trained:", "  aam models NAME --add RUN")


def _cells(row: Mapping[str, Any]) -> dict[str, str]:
    found = {name: str(row[name] or NONE) for name in ("name", "target", "kind", "date")}
    found |= {"licence": str(row["licence"] or "not stated")}
    found |= {"samples": NONE if row["samples"] is None else f"{row['samples']:,}", "size": format_bytes(row["bytes"])}
    found = {name: text if name == "name" else shorten(text, LONGEST) for name, text in found.items()}
    return {**found, "figure": figure(Row(**row)) or NONE}


def _lines(cells: Sequence[Mapping[str, str]]) -> Iterator[str]:
    titles = {name: name for name in SHOWN}
    widths = {name: max(cell_len(row[name]) for row in (titles, *cells)) for name in SHOWN}
    for row in (titles, *cells):
        yield "  ".join(padded(row[name], widths[name], name in NUMBERS) for name in SHOWN).rstrip()
