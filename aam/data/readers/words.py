"""Words of sequences, where they lie in others, and what that says of the start; and sets of numbers of 64 bits."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from aam.alphabet import NUM_BASES, A

PLACE_BITS = np.uint64(24)
MOST_PLACES = 8
"""A word at more places than these repeats itself, and says nothing of a start."""


@dataclass(frozen=True)
class Votes:
    """What one strand's words say.

    Attributes
    ----------
    similar
        Share of the reads that have a word of the reference.
    offsets, votes
        Bases of the reference before the sequences begin, and how many words say so; most votes first.
    """

    similar: float
    offsets: np.ndarray
    votes: np.ndarray

    @property
    def most(self) -> float:
        """Votes of the first offset."""
        return float(self.votes[0]) if len(self.votes) else 0.0


@dataclass(frozen=True)
class Words:
    """Words of some sequences.

    Attributes
    ----------
    codes, owner
        Each word as a number, and the row of its sequence.
    placed, place, number
        Each word at each place, ascending, and how many sequences have it there.
    reads
        Reads of each sequence.
    """

    codes: np.ndarray
    owner: np.ndarray
    placed: np.ndarray
    place: np.ndarray
    number: np.ndarray
    reads: np.ndarray

    @classmethod
    def of(cls, tokens: np.ndarray, reads: np.ndarray, word: int) -> Words:
        """All words without ambiguous letters.

        Parameters
        ----------
        tokens, reads
            As of a :class:`~aam.data.readers.strand.SequenceSet`.
        word
            Bases of a word, at most 20.
        """
        code, run = np.zeros(len(tokens), dtype=np.uint64), np.zeros(len(tokens), dtype=np.int64)
        mask, codes, owners, places = np.uint64((1 << 2 * word) - 1), [], [], []
        for column in range(tokens.shape[1]):
            base = tokens[:, column]
            is_base = (base >= A) & (base <= NUM_BASES)
            code = ((code << np.uint64(2)) | (base - is_base)) & mask
            run = np.where(is_base, run + 1, 0)
            owner = np.flatnonzero(run >= word)
            codes.append(code[owner])
            owners.append(owner)
            places.append(np.full(len(owner), column + 1 - word))
        every, place = np.concatenate(codes), np.concatenate(places)
        keys = np.sort((every << PLACE_BITS) | place.astype(np.uint64))
        starts = np.flatnonzero(np.diff(keys, prepend=~keys[:1]))
        number, keys = np.diff(starts, append=len(keys)), keys[starts]
        there = (keys & np.uint64((1 << int(PLACE_BITS)) - 1)).astype(np.int64)
        return cls(every, np.concatenate(owners), keys >> PLACE_BITS, there, number, reads)

    def on(self, reference: Words) -> Votes:
        """Where these words lie in a reference."""
        first, last = (np.searchsorted(reference.placed, self.placed, side) for side in ("left", "right"))
        times, own = last - first, np.searchsorted(self.placed, self.placed, "right")
        own -= np.searchsorted(self.placed, self.placed, "left")
        has = np.zeros(len(self.reads), dtype=bool)
        has[self.owner[is_in(self.codes, self.placed[times > 0])]] = True
        mine = np.flatnonzero((times > 0) & (times <= MOST_PLACES) & (own <= MOST_PLACES))
        first, times = first[mine], times[mine]
        own = np.repeat(mine, times)
        theirs = np.arange(len(own)) - np.repeat(np.cumsum(times) - times, times) + np.repeat(first, times)
        offsets = reference.place[theirs] - self.place[own]
        weights = np.minimum(reference.number[theirs], self.number[own])
        least = int(offsets.min(initial=0))
        votes = np.bincount(offsets - least, weights=weights, minlength=1)
        order = np.argsort(-votes, kind="stable")[: int((votes > 0).sum())]
        return Votes(share(self.reads, has), order + least, votes[order])


def distinct(values: np.ndarray) -> np.ndarray:
    """Sorted, each once. np.unique takes twenty times as long for random numbers of 64 bits."""
    ordered = np.sort(values)
    return ordered[np.flatnonzero(np.diff(ordered, prepend=~ordered[:1]))]


def is_in(values: np.ndarray, known: np.ndarray) -> np.ndarray:
    """Which values are among the sorted known ones."""
    if not len(known):
        return np.zeros(len(values), dtype=bool)
    return np.asarray(known[np.minimum(np.searchsorted(known, values), len(known) - 1)] == values)


def share(reads: np.ndarray, chosen: np.ndarray) -> float:
    """The part of all reads that some sequences have; 0 where there are no reads."""
    total = float(reads.sum())
    return float(reads[chosen].sum()) / total if total else 0.0
