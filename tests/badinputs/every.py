"""All cases: importing this registers them."""

from __future__ import annotations

from tests.badinputs import (
    archives,
    commands,
    configs,
    distances,
    foreign_tables,
    found,
    models,
    options,
    sheets,
    strangers,
    tables,
    taxonomies,
    trees,
)
from tests.badinputs.cases import BAD, BAD_COMMANDS, ODD

__all__ = ["BAD", "BAD_COMMANDS", "ODD"]
assert all((archives, commands, configs, distances, found, models, options, sheets, strangers, tables, taxonomies))
assert all((foreign_tables, trees))
