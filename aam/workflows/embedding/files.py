"""The files of an embedding."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from aam.config.commands.embed import EmbedConfig
from aam.config.option import to_flat
from aam.files.atomic import atomic_write, write_text
from aam.files.columns import Columns
from aam.files.delimited import delimited
from aam.ordination.ordinations import ordination_text
from aam.report.embedding import embedding_page
from aam.report.figure_files import write_page
from aam.runs.result_folder import ResultFolder
from aam.workflows.embedding.anndata_files import write_study, write_vectors
from aam.workflows.embedding.extras import write_emperor

if TYPE_CHECKING:
    from aam.data.readers.metadata import Metadata
    from aam.data.study.study import Study
    from aam.workflows.embedding.result import Embedding
    from aam.workflows.embedding.vectors import Vectors

NAMES = {
    "samples": ("sample_vectors", "sample-id"),
    "asvs": ("asv_vectors", "feature-id"),
    "clades": ("clade_vectors", "id"),
}
"""What vectors are of -> begin of the files' names, and the name of the column of ids."""


def write_embedding(folder: ResultFolder, found: Embedding, study: Study, config: EmbedConfig) -> None:
    """Write vectors in each format, ordinations, tests, figures, the page and the record.

    Parameters
    ----------
    folder
        Where to write.
    found
        The results.
    study
        All samples, with their metadata.
    config
        What was asked for.
    """
    path, sheet = folder.path, study.metadata
    assert sheet is not None
    by_kind = {
        "samples": found.samples,
        "asvs": found.asvs,
        "clades": None if found.clades is None else found.clades.vectors,
    }
    for kind in config.embed.of:
        vectors = by_kind[kind]
        assert vectors is not None
        known = {"samples": sheet.columns, "clades": {} if found.clades is None else _after_id(found.clades.clades)}
        for form in config.embed.format:
            _write_vectors(path, vectors, form, known.get(kind, {}))
    if "h5ad" in config.embed.format:
        write_study(path, found, study, config)
    if found.clades is not None and "clades" in config.embed.of:
        found.clades.clades.write(path / "clades.tsv")
        found.clades.members.write(path / "clade_members.tsv")
    _write_ordinations(path, found, sheet, with_emperor=config.ordination.emperor)
    named = {"permanova": found.permanova, "agreement": found.agreement, "nearest": found.nearest}
    for name, table in named.items():
        if table is not None:
            table.write(path / f"{name}.tsv")
    write_page(embedding_page(found.findings), path, ("pdf", "png"))
    made = {"options": to_flat(config), "vectors": dict(found.facts), "samples": len(found.samples)}
    folder.record.update(made, ordinated=len(found.ordinated_ids))


def _write_vectors(folder: Path, vectors: Vectors, form: str, known: Mapping[str, np.ndarray]) -> None:
    name, header = NAMES[vectors.of]
    if form == "h5ad":
        write_vectors(folder / f"{name}.h5ad", vectors, known)
    elif form == "npy":
        with atomic_write(folder / f"{name}.npy", "wb") as file:
            np.save(file, vectors.values, allow_pickle=False)
        write_text(folder / f"{name}.ids.txt", "".join(f"{one}\n" for one in vectors.ids))
    else:
        with delimited(folder / f"{name}.tsv") as write:
            write([header, *(f"v{place + 1}" for place in range(vectors.values.shape[1]))])
            for one, row in zip(vectors.ids, vectors.values, strict=True):
                write([str(one), *row.astype(str).tolist()])


def _write_ordinations(folder: Path, found: Embedding, sheet: Metadata, *, with_emperor: bool) -> None:
    ids = [str(name) for name in found.ordinated_ids]
    for name, ordination in found.ordinations.items():
        found.coordinates(name).write(folder / f"ordination_{name}.tsv")
        write_text(folder / f"ordination_{name}.ordination", ordination_text(ordination, ids))
        if with_emperor:
            columns = {column: cells[found.findings.rows] for column, cells in sheet.columns.items()}
            write_emperor(folder / f"emperor_{name}", ordination, ids, columns)
    if found.umap is not None:
        places = {"sample-id": found.ordinated_ids, "umap_1": found.umap[:, 0], "umap_2": found.umap[:, 1]}
        Columns(places).write(folder / "umap.tsv")


def _after_id(table: Columns) -> dict[str, np.ndarray]:
    return {name: cells for name, cells in table.items() if name != "id"}
