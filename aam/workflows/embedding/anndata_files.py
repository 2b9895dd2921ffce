"""Vectors as AnnData: on their own, and beside counts, metadata, ordinations and tree."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from aam.config.commands.embed import EmbedConfig
from aam.files.annotated_writing import Annotated, Frame, write_annotated
from aam.workflows.annotated import ANNDATA, TREEDATA, facts_of, frame_of_asvs, rows_of, tree_of_table, typed_columns

if TYPE_CHECKING:
    from aam.data.study.study import Study
    from aam.workflows.embedding.result import Embedding
    from aam.workflows.embedding.vectors import Vectors

STUDY = "study"
VECTORS = "X_aam"
"""Name of the vectors in ``obsm`` and ``varm``; scanpy's functions take it as ``use_rep``."""


def write_vectors(path: Path, vectors: Vectors, columns: Mapping[str, np.ndarray]) -> None:
    """Write vectors as AnnData, a row for each sample, ASV or clade.

    Parameters
    ----------
    path
        The ``.h5ad`` file.
    vectors
        The vectors, as ``X``.
    columns
        What is known of each row, as ``obs``.
    """
    obs = Frame(list(map(str, vectors.ids)), typed_columns(columns))
    var = Frame([f"v{place + 1}" for place in range(vectors.values.shape[1])])
    facts = {"vectors": {"of": vectors.of, "words": vectors.words}}
    write_annotated(path, Annotated(values=vectors.values, obs=obs, var=var, uns=facts))


def write_study(folder: Path, found: Embedding, study: Study, config: EmbedConfig) -> None:
    """Write counts, metadata, vectors and ordinations as ``study.h5ad``; with a tree also as ``study.h5td``.

    Parameters
    ----------
    folder
        Where to.
    found
        The vectors, and ordinations of some samples (NaN for the others).
    study
        The samples.
    config
        What was asked for.
    """
    from aam.phylogeny.tree import read_tree

    sheet, options, number = study.metadata, config.ordination, len(study)
    obsm = {VECTORS: found.samples.values}
    rows = found.findings.rows
    for name, ordination in found.ordinations.items():
        obsm[f"X_pcoa_{name}"] = rows_of(ordination.coordinates_NK, rows, number)
    if found.umap is not None:
        obsm["X_umap"] = rows_of(found.umap, rows, number)
    content = Annotated(
        values=study.table.counts,
        obs=Frame(list(map(str, study.sample_ids)), {} if sheet is None else typed_columns(sheet.columns)),
        var=frame_of_asvs(study.table),
        obsm=obsm,
        varm={} if found.asvs is None else {VECTORS: found.asvs.values},
        uns=facts_of(model=config.embed.model.resolve().name, vectors=found.samples.words),
    )
    write_annotated(folder / f"{STUDY}{ANNDATA}", content)
    if options.tree is not None:
        tree = read_tree(options.tree, options.root, options.clip_negative_branches)
        with_tree = dataclasses.replace(content, trees=tree_of_table(tree, study.table))
        write_annotated(folder / f"{STUDY}{TREEDATA}", with_tree)
