"""The distances between samples by name, and their one dispatch.

Pre-training objectives, `aam unifrac` and whatever else needs a distance find it here. Legend: ``A`` ASVs of the study,
``B`` and ``C`` samples.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    import numpy as np
    from scipy.sparse import csr_array

    from aam.phylogeny.unifrac import Phylogeny

ON_A_TREE, WITHOUT_A_TREE = "unifrac", "bray_curtis"
"""What is learned where nothing is asked for."""
TREE_OPTIONS = ("tree", "root", "clip_negative_branches", "missing_tips")


class Parameters(NamedTuple):
    """Whether weighted UniFrac is normalised to 0..1, and the weight of abundant lineages in generalised UniFrac."""

    normalized: bool = True
    alpha: float = 0.5


USUAL = Parameters()


@dataclass(frozen=True, kw_only=True)
class Distance:
    """A kind of distance: computed on a tree, or from the counts alone.

    Attributes
    ----------
    name
        As options name it.
    title
        As a sentence names it.
    on_tree
        Distances ``B x C`` of samples (``counts_BA``) from others (``others_CA``; None for themselves).
    of_counts
        Distances ``B x B`` among samples. The counts are made dense for it.
    options
        The options of :mod:`aam.config` that it uses and others may not.
    is_bounded
        Whether it lies in 0..1.
    """

    name: str
    title: str
    on_tree: Callable[[Phylogeny, Parameters, csr_array, csr_array | None], np.ndarray] | None = None
    of_counts: Callable[[csr_array], np.ndarray] | None = None
    options: tuple[str, ...] = ()
    is_bounded: Callable[[Parameters], bool] = lambda parameters: True

    @property
    def needs_tree(self) -> bool:
        """Whether there is no such distance without a tree."""
        return self.on_tree is not None


def _of_counts(name: str) -> Callable[[csr_array], np.ndarray]:
    """A function of :mod:`aam.data.distances.dissimilarity`, imported when computed, so that names are quick."""

    def compute(counts_BA: csr_array) -> np.ndarray:
        from aam.data.distances import dissimilarity

        distances: np.ndarray = getattr(dissimilarity, name)(counts_BA)
        return distances

    return compute


DISTANCES = {
    distance.name: distance
    for distance in (
        Distance(
            name="unifrac",
            title="UniFrac",
            on_tree=lambda tree, _, counts_BA, others_CA: tree.unweighted_unifrac(counts_BA, others_CA),
            options=TREE_OPTIONS,
        ),
        Distance(
            name="weighted_unifrac",
            title="UniFrac",
            on_tree=lambda tree, p, counts_BA, others_CA: tree.weighted_unifrac(counts_BA, p.normalized, others_CA),
            options=(*TREE_OPTIONS, "unifrac_normalized"),
            is_bounded=lambda parameters: parameters.normalized,
        ),
        Distance(
            name="generalized_unifrac",
            title="UniFrac",
            on_tree=lambda tree, p, counts_BA, others_CA: tree.generalized_unifrac(counts_BA, p.alpha, others_CA),
            options=(*TREE_OPTIONS, "unifrac_alpha"),
        ),
        Distance(name="bray_curtis", title="bray_curtis", of_counts=_of_counts("bray_curtis")),
        Distance(name="jaccard", title="jaccard", of_counts=_of_counts("jaccard")),
        Distance(
            name="aitchison", title="aitchison", of_counts=_of_counts("aitchison"), is_bounded=lambda parameters: False
        ),
    )
}


def names() -> tuple[str, ...]:
    """The choices of ``--metric``."""
    return tuple(DISTANCES)


def options(name: str) -> tuple[str, ...]:
    """The options that a distance uses and others may not."""
    return DISTANCES[name].options


@dataclass(frozen=True)
class Measure:
    """A distance between the samples of a study.

    Attributes
    ----------
    metric
        Which one, by name.
    phylogeny
        The tree over the ASVs, where the distance needs it.
    parameters
        Parameters of weighted and of generalised UniFrac.
    """

    metric: str
    phylogeny: Phylogeny | None = None
    parameters: Parameters = USUAL

    @property
    def distance(self) -> Distance:
        """What is known of it."""
        return DISTANCES[self.metric]

    def between(self, counts_BA: csr_array, others_CA: csr_array | None = None) -> np.ndarray:
        """Distances ``B x C``; among the samples themselves, symmetric with a diagonal of 0, without others."""
        of_counts = self.distance.of_counts
        if of_counts is None:
            return self._on_tree(counts_BA, others_CA)
        if others_CA is None:
            return of_counts(counts_BA)
        from scipy.sparse import vstack

        return of_counts(vstack([counts_BA, others_CA], format="csr"))[: counts_BA.shape[0], counts_BA.shape[0] :]

    def among(self, counts_BA: csr_array, own: slice | None = None) -> np.ndarray:
        """Distances of a batch's samples, of which some are its ``own``, to all of it.

        Parameters
        ----------
        counts_BA
            Reads of all samples of the batch.
        own
            The samples whose distances are wanted; all of them where left out.
        """
        if own is None:
            return self.between(counts_BA)
        of_counts = self.distance.of_counts
        return self._on_tree(counts_BA[own], counts_BA) if of_counts is None else of_counts(counts_BA)[own]

    def _on_tree(self, counts_BA: csr_array, others_CA: csr_array | None) -> np.ndarray:
        assert self.distance.on_tree is not None
        assert self.phylogeny is not None
        return self.distance.on_tree(self.phylogeny, self.parameters, counts_BA, others_CA)
