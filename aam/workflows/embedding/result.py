"""What an embedding gives: vectors, ordinations, tests and nearest training samples, in memory."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from aam.files.columns import Columns
from aam.ordination.ordinations import Ordination
from aam.report.embedding import Findings, embedding_page, summary
from aam.report.figure_files import figures_on_white

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from aam.workflows.embedding.clades import CladeVectors
    from aam.workflows.embedding.vectors import Vectors


@dataclass(frozen=True, kw_only=True, eq=False)
class Embedding:
    """Vectors of samples, ASVs and clades as a model has them, and what they tell.

    Attributes
    ----------
    samples
        Vectors of all samples; their Euclidean distances are the learned ones.
    asvs, clades
        Vectors of ASVs and of clades, where they were asked for.
    ordinated_ids
        Ids of the samples of the ordinations.
    ordinations
        ``learned``, and the name of the distance beside it -> ordination of these samples.
    umap
        Their places by UMAP, where asked for.
    permanova
        Tests of metadata columns: a row for each column and distance.
    agreement
        How far the two distances agree: Mantel's test and Procrustes.
    nearest
        The nearest training samples of each sample, where a table of these was given.
    findings
        The same, as the report shows it.
    facts
        How the vectors were made, in JSON types.
    """

    samples: Vectors
    asvs: Vectors | None
    clades: CladeVectors | None
    ordinated_ids: np.ndarray
    ordinations: Mapping[str, Ordination]
    umap: np.ndarray | None
    permanova: Columns | None
    agreement: Columns | None
    nearest: Columns | None
    findings: Findings
    facts: Mapping[str, Any]

    def __repr__(self) -> str:
        number, width = self.samples.values.shape
        return f"<Embedding of {number} samples in {width} dimensions>"

    def coordinates(self, name: str) -> Columns:
        """Coordinates of the ordinated samples by one of the ordinations."""
        points = self.ordinations[name].coordinates_NK
        axes = {f"axis_{place + 1}": column for place, column in enumerate(points.T)}
        return Columns({"sample-id": self.ordinated_ids, **axes})

    @property
    def summary(self) -> tuple[str, ...]:
        """What was found, in plain words."""
        return tuple(summary(self.findings))

    @property
    def figures(self) -> dict[str, Figure]:
        """The figures of the report by name, drawn when asked for."""
        return figures_on_white(embedding_page(self.findings))
