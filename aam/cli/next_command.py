"""What the next command to type takes from the one that has just ended."""

from __future__ import annotations

import shlex
from pathlib import Path

from aam.files.model_index import name_of

TABLE_INPUTS = frozenset({"table", "table_layer", "sequences"})
"""Options that say where the reads are."""


def figures_command(model: Path) -> str:
    """The command that shows how good a model was on held-out samples."""
    name = name_of(model)
    return shlex.join(["aam", "info", str(model)] if name is None else ["aam", "models", name])
