"""What an encoder learns without labels: distances between samples, Faith PD, taxonomy of the ASVs."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, NamedTuple

import numpy as np
from scipy.sparse import csr_array

from aam.config import ObjectiveOptions
from aam.config.sections import EncoderType
from aam.data.distances.dissimilarity import aitchison, bray_curtis, jaccard
from aam.data.readers.distance_matrix import Distances
from aam.errors import ConfigError, InputError
from aam.phylogeny.unifrac import Phylogeny

if TYPE_CHECKING:
    from aam.data.study.study import Study

Distance = Literal[
    "none", "stored", "unifrac", "weighted_unifrac", "generalized_unifrac", "bray_curtis", "jaccard", "aitchison"
]

ROUNDING = 1e-5


class SampleTruths(NamedTuple):
    """Distances ``BB`` between the samples of a batch and their diversity ``B``, where they are learned.

    Of several processes, each has the rows of its own samples alone.
    """

    distances_BB: np.ndarray | None
    faith_pd_B: np.ndarray | None


@dataclass(frozen=True, kw_only=True)
class ObjectiveTargets:
    """Computes what the encoder learns from the counts of a batch. Arrays only, so that workers can have it.

    Attributes
    ----------
    distance
        Which distances; ``stored`` looks them up in ``distances``.
    faith_pd
        Whether Faith's phylogenetic diversity is learned.
    phylogeny
        The tree over the study's ASVs, where UniFrac or Faith PD is computed.
    distances
        Given distances between the study's samples.
    taxonomy_A
        Taxon of each ASV of the study (-1 if unknown), where the taxonomy is learned.
    normalized, alpha
        Parameters of weighted and of generalised UniFrac.
    """

    distance: Distance = "none"
    faith_pd: bool = False
    phylogeny: Phylogeny | None = None
    distances: Distances | None = None
    taxonomy_A: np.ndarray | None = None
    normalized: bool = True
    alpha: float = 0.5

    @classmethod
    def of(cls, options: ObjectiveOptions, study: Study) -> ObjectiveTargets:
        """What resolved options ask for. Given distances stand in for those of the tree or the counts.

        Raises
        ------
        ConfigError
            If the study lacks the tree or taxonomy that is asked for.
        InputError
            If given distances are above 1 where the kind of distance cannot be.
        """
        kind = options.encoder_type
        if kind is None or not options.penalty:
            return cls()
        distance = _distance_of(kind, study.distances is not None)
        faith_pd = kind in ("faith_pd", "combined")
        needs_tree = faith_pd or distance.endswith("unifrac")
        learns_taxa = kind == "taxonomy" or (kind == "combined" and study.taxonomy_labels is not None)
        if needs_tree and study.phylogeny is None:
            raise ConfigError(f"--encoder-type {kind} needs --tree; without one try bray_curtis")
        if learns_taxa and study.taxonomy_labels is None:
            raise ConfigError("--encoder-type taxonomy needs --taxonomy")
        if distance == "stored" and study.distances is not None:
            _check_range(study.distances, kind, options)
        return cls(
            distance=distance,
            faith_pd=faith_pd,
            phylogeny=study.phylogeny if needs_tree else None,
            distances=study.distances if distance == "stored" else None,
            taxonomy_A=study.taxonomy_labels if learns_taxa else None,
            normalized=options.unifrac_normalized,
            alpha=options.unifrac_alpha,
        )

    def of_samples(self, rows_B: np.ndarray, counts_BA: csr_array, own: slice | None = None) -> SampleTruths:
        """Distances and diversity of samples.

        Parameters
        ----------
        rows_B
            Their rows in the study.
        counts_BA
            Their reads over all ASVs of the study.
        own
            The samples whose distances to all are wanted; all of them where left out.
        """
        faith_pd_B = self._tree.faith_pd(counts_BA) if self.faith_pd else None
        return SampleTruths(self._distances(rows_B, counts_BA, own), faith_pd_B)

    def of_asvs(self, asvs_U: np.ndarray) -> np.ndarray | None:
        """Taxa ``U`` of ASVs (int64, -1 if unknown), where the taxonomy is learned."""
        return None if self.taxonomy_A is None else self.taxonomy_A[asvs_U]

    def _distances(self, rows_B: np.ndarray, counts_BA: csr_array, own: slice | None) -> np.ndarray | None:
        others_CA, own = (None, slice(None)) if own is None else (counts_BA, own)
        wanted_BA = counts_BA[own]
        match self.distance:
            case "none":
                return None
            case "stored":
                assert self.distances is not None
                return self.distances.among(rows_B, own)
            case "unifrac":
                return self._tree.unweighted_unifrac(wanted_BA, others_CA)
            case "weighted_unifrac":
                return self._tree.weighted_unifrac(wanted_BA, self.normalized, others_CA)
            case "generalized_unifrac":
                return self._tree.generalized_unifrac(wanted_BA, self.alpha, others_CA)
            case "bray_curtis":
                return bray_curtis(counts_BA)[own]
            case "jaccard":
                return jaccard(counts_BA)[own]
            case "aitchison":
                return aitchison(counts_BA)[own]

    @property
    def _tree(self) -> Phylogeny:
        assert self.phylogeny is not None
        return self.phylogeny


def _distance_of(kind: EncoderType, given: bool) -> Distance:
    if kind == "faith_pd" or kind == "taxonomy":
        return "none"
    if given:
        return "stored"
    return "unifrac" if kind == "combined" else kind


def _check_range(distances: Distances, kind: str, options: ObjectiveOptions) -> None:
    unbounded = kind == "aitchison" or (kind == "weighted_unifrac" and not options.unifrac_normalized)
    largest = distances.largest()
    if not unbounded and largest > 1 + ROUNDING:
        name = "UniFrac" if "unifrac" in kind or kind == "combined" else kind
        raise InputError(
            distances.source,
            f"values up to {largest:.3g}: {name} lies in 0..1",
            "--encoder-type weighted_unifrac --no-unifrac-normalized takes any distances",
        )
