"""A study as AnnData, with what a model made of it: predictions, vectors, effects, and the tree of its ASVs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from aam.errors import InputError
from aam.files.annotated import held
from aam.files.annotated_writing import Annotated, Frame, graph_of, typed
from aam.files.delimited import endings
from aam.text import shorten
from aam.version import __version__

if TYPE_CHECKING:
    from aam.data.readers.table import Table
    from aam.data.study.study import Study
    from aam.phylogeny.tree import Tree

ANNDATA, TREEDATA = ".h5ad", ".h5td"
TREE = "phylogeny"
"""Name of the tree in ``vart``."""
PROBABILITY = "probability_"
Cells = Mapping[str, Sequence[str]]


def is_annotated_name(path: Path) -> bool:
    """Whether a name is that of an AnnData or TreeData file."""
    return path.suffix.lower() in (ANNDATA, TREEDATA)


def check_prediction_name(path: Path, table: Sequence[Path]) -> None:
    """Refuse a name of a table of predictions that says nothing, or a tree that the table does not have.

    Raises
    ------
    InputError
        Naming the endings that are known.
    """
    if not is_annotated_name(path) or path.is_dir():
        endings(path)
    elif path.suffix.lower() == TREEDATA and not (len(table) == 1 and held(table[0]).tree):
        problem = f"{TREEDATA} holds a tree, and {shorten(table[0].name)} has none of all its ASVs"
        raise InputError(path, problem, f"end it in {ANNDATA}, or give the table as TreeData")


def predictions_of(study: Study, blocks: Sequence[Cells]) -> Annotated:
    """The counts, metadata and predictions of samples.

    Class probabilities are ``obsm["probability"]``; all other predictions are columns of ``obs``, before those of the
    metadata.

    Parameters
    ----------
    study
        The samples, with their metadata.
    blocks
        Columns of the table of predictions, of all samples one block after the other.
    """
    cells = {name: [cell for block in blocks for cell in block[name]] for name in blocks[0]}
    ids = cells.pop("sample-id")
    sheet = study.metadata.columns if study.metadata is not None else {}
    columns = {name: typed(column) for name, column in cells.items() if not name.startswith(PROBABILITY)}
    # The target's column is there as ``observed``; others of the metadata that have the name of a prediction give way.
    columns |= typed_columns({name: cells for name, cells in sheet.items() if name not in columns})
    classes = {name.removeprefix(PROBABILITY): typed(cells[name]) for name in cells if name.startswith(PROBABILITY)}
    obsm = {"probability": Frame(ids, classes)} if classes else {}
    return Annotated(values=study.table.counts, obs=Frame(ids, columns), var=frame_of_asvs(study.table), obsm=obsm)


def typed_columns(columns: Mapping[str, np.ndarray]) -> dict[str, np.ndarray | list[str]]:
    """Columns of text as numbers where they are; others as they are."""
    return {name: typed(cells.tolist()) if cells.dtype.kind in "OU" else cells for name, cells in columns.items()}


def frame_of_asvs(table: Table, more: Mapping[str, Any] | None = None) -> Frame:
    """The ASVs of a table, with their DNA as a column, and further columns."""
    dna = {"sequence": list(map(str, table.sequences))} if table.has_dna else {}
    return Frame(list(map(str, table.asv_ids)), {**dna, **(more or {})})


def facts_of(**facts: Any) -> dict[str, Any]:
    """What ``uns["aam"]`` says: the version, and more."""
    return {"aam": {"version": __version__, **{name: fact for name, fact in facts.items() if fact is not None}}}


def tree_of_table(tree: Tree, table: Table) -> dict[str, Any]:
    """A tree over the ASVs of a table, its tips named as the file that is written names ASVs.

    Parameters
    ----------
    tree
        Tips are named by ids or sequences.
    table
        The ASVs.

    Raises
    ------
    InputError
        If fewer than two of them are tips.
    """
    ids = {str(sequence): str(name) for sequence, name in zip(table.sequences, table.asv_ids, strict=True)}
    ids |= {name: name for name in ids.values()}
    own = tree.prune(name for name in tree.names if name in ids)
    if len(own.names) < 2:
        raise InputError(tree.source, f"{len(own.names)} ASVs of the table are tips of the tree, 2 are needed")
    tips = {int(node): ids[name] for node, name in zip(own.tips, own.names, strict=True)}
    return {TREE: graph_of(own.parent, own.length, tips)}


def rows_of(values_ND: np.ndarray, rows: np.ndarray, number: int) -> np.ndarray:
    """Values of some samples as a row for each of all, NaN for the others."""
    found = np.full((number, values_ND.shape[1]), np.nan)
    found[rows] = values_ND
    return found
