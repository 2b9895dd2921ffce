"""An explanation as AnnData: effects of ASVs beside their counts in the samples that are explained."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from aam.explanation.effects import Effects
from aam.explanation.groups import ASV
from aam.explanation.model import MODEL
from aam.explanation.results.explanation import Explanation
from aam.explanation.results.tables import FEATURE_ID
from aam.files.annotated_writing import Annotated, Frame, write_annotated
from aam.workflows.annotated import facts_of, frame_of_asvs, typed_columns

NAME = "explanation.h5ad"


def write_explained(path: Path, explanation: Explanation) -> None:
    """Write counts and metadata of the explained samples, with what is known of each ASV.

    ``var`` has the columns of ``asvs.tsv``. The whole model's effects by each method are ``varm`` (ASVs x outputs) and,
    in each sample, ``layers``; NaN where an ASV was not explained.

    Parameters
    ----------
    path
        The file.
    explanation
        What was found.
    """
    ids = list(map(str, explanation.sample_ids))
    sheet, rows = explanation.study.metadata, explanation.samples.rows_N
    columns = {} if sheet is None else typed_columns({name: cells[rows] for name, cells in sheet.columns.items()})
    place_of = {name: place for place, name in enumerate(explanation.asvs.names)}
    varm: dict[str, Frame] = {}
    layers: dict[str, np.ndarray] = {}
    for found in explanation.effects:
        if found.level != ASV or found.learner != MODEL:
            continue
        places = np.array([place_of[name] for name in found.names], dtype=np.int64)
        effects = np.full((len(place_of), len(found.outputs)), np.nan)
        effects[places] = np.where((found.support_G > 0)[:, None], found.effect_GO, np.nan)
        index = list(map(str, explanation.study.table.asv_ids))
        varm[found.method] = Frame(index, dict(zip(found.outputs, effects.T, strict=True)))
        layers |= _in_samples(found, places, (len(ids), len(place_of)))
    known = {name: cells for name, cells in explanation.asvs_table().items() if name != FEATURE_ID}
    of_asvs = {name: list(map(str, cells)) if cells.dtype.kind in "OU" else cells for name, cells in known.items()}
    content = Annotated(
        values=explanation.counts,
        obs=Frame(ids, columns),
        var=frame_of_asvs(explanation.study.table, of_asvs),
        varm=varm,
        layers=layers,
        uns=facts_of(models=list(explanation.models), methods=list(explanation.methods)),
    )
    write_annotated(path, content)


def _in_samples(found: Effects, places: np.ndarray, shape: tuple[int, int]) -> dict[str, np.ndarray]:
    """Effects in each sample, a matrix for each output."""
    layers = {}
    for output, name in enumerate(found.outputs):
        values = np.full(shape, np.nan)
        values[:, places] = found.by_sample_NGO[:, :, output]
        layers[found.method if len(found.outputs) == 1 else f"{found.method}_{name}"] = values
    return layers
