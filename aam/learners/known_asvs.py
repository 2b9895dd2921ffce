"""The ASVs that a model knows from training, and where those of another study belong among them.

Legend: ``A`` known ASVs.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from aam.data.readers.strand import SequenceSet
from aam.learners.clades import ASVS_PER_BLOCK, kmer_frequencies, most_prevalent, nearest_sequences, sequence_keys
from aam.learners.stored import PerAsvsCache

if TYPE_CHECKING:
    from aam.data.study.study import Study


@dataclass(frozen=True, eq=False)
class Placement:
    """Where the ASVs of a study belong among the known ones.

    Attributes
    ----------
    known
        Place of the equal known ASV, -1 where there is none.
    nearest
        Place of the most similar known ASV, which is the equal one where there is one; 0 for new ones without DNA.
    distance
        Share of its words of six bases that the nearest known ASV lacks: 0 where it is known, 1 for a stranger.
    """

    known: np.ndarray
    nearest: np.ndarray
    distance: np.ndarray


class KnownAsvs:
    """ASVs of the training samples.

    Parameters
    ----------
    tokens
        Bases of the ``A`` ASVs, as in :class:`~aam.data.study.study.Study`.
    prevalence
        How many of all training samples have each ASV.
    has_dna
        Whether ASVs are known by their DNA, and not by their names alone; without it new ones resemble none.
    """

    def __init__(self, tokens: np.ndarray, prevalence: np.ndarray, *, has_dna: bool = True) -> None:
        self.tokens = tokens
        self.prevalence = prevalence
        self.has_dna = has_dna
        self._placement = PerAsvsCache(self.place_tokens)

    def __len__(self) -> int:
        return len(self.tokens)

    @property
    def sequences(self) -> SequenceSet | None:
        """Their sequences, with how many samples have each as reads; None for names."""
        return SequenceSet(self.tokens, self.prevalence.astype(np.float64)) if self.has_dna else None

    def placement(self, study: Study) -> Placement:
        """Where the ASVs of a study belong; found once for a study."""
        return self._placement(study)

    def place_tokens(self, tokens: np.ndarray) -> Placement:
        """Find each sequence, or the known one whose words of six bases are the most alike."""
        place_of = {key: place for place, key in enumerate(sequence_keys(self.tokens))}
        known = np.array([place_of.get(key, -1) for key in sequence_keys(tokens)], dtype=np.int64)
        nearest, distance = known.copy(), np.zeros(len(known))
        new = np.flatnonzero(known < 0)
        if not self.has_dna:
            nearest[new], distance[new] = 0, 1
        elif len(new):
            compared = most_prevalent(self.prevalence)
            nearest[new] = compared[nearest_sequences(tokens[new], self.tokens[compared])]
            distance[new] = words_lacking(tokens[new], self.tokens[nearest[new]])
        return Placement(known, nearest, distance)


def words_lacking(tokens: np.ndarray, others: np.ndarray) -> np.ndarray:
    """Bray-Curtis dissimilarity of the words of six bases of each sequence and its counterpart."""
    found = np.empty(len(tokens), dtype=np.float32)
    for start in range(0, len(tokens), ASVS_PER_BLOCK):
        block = slice(start, start + ASVS_PER_BLOCK)
        first, second = kmer_frequencies(tokens[block]), kmer_frequencies(others[block])
        found[block] = np.clip(np.asarray(abs(first - second).sum(axis=1)).ravel() / 2, 0, 1)
    return found
