"""What a table of AnnData holds beside counts, and so gives where no other file is named: metadata and tree."""

from __future__ import annotations

import typing
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from aam.config.types import one_of

ENDINGS = (".h5ad", ".h5td")
"""Names of AnnData and TreeData files; a file of another name is not looked into."""


def with_what_the_table_holds(config: type, values: Mapping[str, Any]) -> dict[str, Any]:
    """Options in which the one table, if it is AnnData, is the metadata and the tree that are not given.

    Parameters
    ----------
    config
        The command's configuration.
    values
        Value by name of a field.
    """
    found, tables = dict(values), values.get("table")
    tables = tables if isinstance(tables, tuple) else ()
    if len(tables) != 1 or not str(tables[0]).lower().endswith(ENDINGS):
        return found
    hints: dict[str, Any] = {}
    for kind in typing.get_type_hints(config).values():
        hints |= typing.get_type_hints(kind, include_extras=True)
    lacking = {name for name in ("metadata", "tree") if name in hints and found.get(name) is None}
    if not lacking:
        return found
    from aam.files.annotated import held

    inside = held(Path(tables[0]))
    if "metadata" in lacking and inside.columns:
        found["metadata"] = tables[0]
    if "tree" in lacking and inside.tree and _uses_tree(found, hints.get("metric")):
        found["tree"] = tables[0]
    return found


def _uses_tree(values: Mapping[str, Any], hint: Any) -> bool:
    """Whether a tree would be used: not beside given distances, nor by a metric (of this type) without one."""
    metric = values.get("metric")
    known = next(filter(None, map(one_of, (hint, *typing.get_args(hint)))), None)
    return values.get("distances") is None and (metric is None or known is None or metric in known.users("tree"))
