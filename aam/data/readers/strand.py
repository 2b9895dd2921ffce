"""How some sequences lie on others: as they are, on the other strand, begun elsewhere, cut shorter, or not at all.

Words of a few bases find the strand and the start, by votes of all sequences at once, so that even ASVs that have no
equal among the others tell it; whole sequences, cut accordingly, are then compared exactly. Both take a time in
proportion to the number of sequences.

Legend: ``A`` sequences, ``L`` bases of the longest.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np

from aam.alphabet import PAD, A, C, G, N, T, encode
from aam.data.readers.words import Votes, Words, distinct, is_in, share

LONGEST_WORD, SHORTEST_WORD, TELLING_WORD = 20, 6, 12
"""Bases of a word; from the last on, chance makes few words alike, and they tell of relatives."""
MOST_BASES = 1_500_000
"""What is searched: so many bases of the sequences with the most reads. What is found is measured on all."""
MOST_OFFSETS = 4
LEAST_OVERLAP, USUAL_OVERLAP, FEWEST_SHORT = 10, 40, 2
CLEAR, FAR_MORE, SIMPLER = 2.0, 5.0, 0.7
"""How many times better another way must be: where equal sequences show it, where only similar ones do; and the part of
the best that a simpler way must have."""
FEW_SIMILAR, SOME_SIMILAR, CONTAINED = 0.05, 0.2, 0.5
SHORTER = 0.05
"""Quantile of the lengths that stands for the shortest ones."""

_COMPLEMENT = bytes.maketrans(b"ACGTRYSWKMBDHVN", b"TGCAYRSWMKVHDBN")
_OTHER_BASE = np.arange(N + 2, dtype=np.uint8)
_OTHER_BASE[[A, C, G, T]] = [T, G, C, A]


def reverse_complement(sequence: str) -> str:
    """The other strand of DNA in upper case, read from its own start; ambiguous letters become their complements."""
    return sequence.encode().translate(_COMPLEMENT)[::-1].decode()


@dataclass(frozen=True, eq=False)
class SequenceSet:
    """Sequences of one source, each there once or more.

    Attributes
    ----------
    tokens
        Bases as codes of :mod:`aam.alphabet`, ``A x L``, padded at the end.
    reads
        Reads of each sequence (``A``).
    """

    tokens: np.ndarray
    reads: np.ndarray

    @classmethod
    def of(cls, sequences: Sequence[str], reads: np.ndarray | None = None) -> SequenceSet:
        """Sequences over ACGTN, with a read each where nothing is said of their reads."""
        return cls(encode(sequences), np.ones(len(sequences)) if reads is None else np.asarray(reads, np.float64))

    @cached_property
    def lengths(self) -> np.ndarray:
        """Bases of each sequence."""
        return np.asarray((self.tokens != PAD).sum(axis=1))

    @cached_property
    def digest(self) -> str:
        """A text that tells these sequences and reads from others."""
        made = hashlib.blake2b(np.ascontiguousarray(self.tokens).tobytes(), digest_size=16)
        made.update(np.asarray(self.reads, dtype=np.float64).tobytes())
        return f"{self.tokens.shape[1]}-{made.hexdigest()}"

    @cached_property
    def turned(self) -> SequenceSet:
        """Their reverse complements."""
        places = self.lengths[:, None] - 1 - np.arange(self.tokens.shape[1])
        flipped = np.take_along_axis(_OTHER_BASE[self.tokens], np.maximum(places, 0), axis=1)
        flipped[places < 0] = PAD
        return SequenceSet(flipped, self.reads)

    @cached_property
    def searched(self) -> SequenceSet:
        """The sequences with the most reads, as many as a search takes; of equal reads, the same ones in every set."""
        most = max(1, MOST_BASES // max(1, self.tokens.shape[1]))
        if len(self.tokens) <= most:
            return self
        chosen = np.sort(np.lexsort((self.keys(), -self.reads))[:most])
        return SequenceSet(self.tokens[chosen], self.reads[chosen])

    def keys(self, start: int = 0, length: int | None = None) -> np.ndarray:
        """A number for each sequence (``A``), without its first bases and cut to a length: equal where the rest is."""
        stop = self.tokens.shape[1] if length is None else min(self.tokens.shape[1], start + length)
        factors = _factors(max(0, stop - start))
        found = np.zeros(len(self.tokens), dtype=np.uint64)
        for place, factor in enumerate(factors):
            found += self.tokens[:, start + place] * factor
        return found

    def shortest(self, start: int = 0) -> int:
        """Bases that all but the shortest have behind a start."""
        return int(np.quantile(self.lengths, SHORTER, method="lower")) - start

    def longest(self, start: int = 0) -> int:
        """Bases that all but the longest have behind a start, at most."""
        return int(np.quantile(self.lengths, 1 - SHORTER, method="higher")) - start


@dataclass(frozen=True)
class Fit:
    """One way to lay sequences on a reference, and what they then have in common.

    Attributes
    ----------
    reverse
        The sequences are taken as their reverse complements.
    offset
        Bases of the reference before the sequences begin; negative where they begin earlier.
    length
        Bases to which both are cut, counted from where both have begun; None for no cut.
    shared, asvs, reference_asvs
        Distinct sequences, cut as said, that both have; and how many each has.
    reads, reference_reads
        Share of the reads of each that belongs to these.
    """

    reverse: bool = False
    offset: int = 0
    length: int | None = None
    shared: int = 0
    asvs: int = 0
    reference_asvs: int = 0
    reads: float = 0.0
    reference_reads: float = 0.0

    @property
    def score(self) -> float:
        """The larger of both shares of reads: a small study may be a part of a large one."""
        return max(self.reads, self.reference_reads)

    @property
    def changes(self) -> int:
        """How much is done to the sequences."""
        return self.reverse + (self.offset != 0) + (self.length is not None)


@dataclass(frozen=True)
class Comparison:
    """Sequences compared with a reference.

    Attributes
    ----------
    now
        What they have in common as they are.
    best
        The way in which they have clearly more in common, or in which at least their words are found at the same places
        of the reference; as ``now`` where there is none.
    similar
        Share of their reads with a word of ``word`` bases that the reference has anywhere: as they are, and turned.
    votes
        Words that lie at the same place of sequences and reference, for the start that most of them have: as the
        sequences are, and turned.
    word
        Bases of such a word.
    """

    now: Fit
    best: Fit
    similar: tuple[float, float]
    votes: tuple[float, float]
    word: int

    @property
    def is_other_strand(self) -> bool:
        """Whether the sequences fit far better turned around."""
        return self.best.reverse

    @property
    def is_unrelated(self) -> bool:
        """Whether they have next to nothing in common either way: another region, or no DNA of this gene at all."""
        if self.word < TELLING_WORD:
            return not self.best.shared
        return max(*self.similar, self.best.reads) < FEW_SIMILAR and self.best.reference_reads < CONTAINED

    @property
    def is_mixed(self) -> bool:
        """Whether a good part of the reads lies on each strand."""
        both = min(self.similar) >= SOME_SIMILAR and min(self.votes) * FAR_MORE >= max(self.votes)
        return self.word >= TELLING_WORD and both


def compare(sequences: SequenceSet, reference: SequenceSet) -> Comparison:
    """Find out how sequences lie on reference sequences.

    Parameters
    ----------
    sequences, reference
        At least one each.
    """
    few, known = sequences.searched, reference.searched
    typical = int(min(np.median(few.lengths), np.median(known.lengths)))
    word = min(LONGEST_WORD, max(SHORTEST_WORD, typical // 2))
    words = Words.of(known.tokens, known.reads, word)
    found = [Words.of(one.tokens, one.reads, word).on(words) for one in (few, few.turned)]
    similar, votes = (found[0].similar, found[1].similar), (found[0].most, found[1].most)
    overlap = max(LEAST_OVERLAP, min(USUAL_OVERLAP, typical // 2))
    tells = word >= TELLING_WORD
    ways = _ways(few, known, found, overlap, tells=tells)
    chosen = _chosen([measure(few, known, way) for way in dict.fromkeys(way for some in ways for way in some)])
    if not tells and (chosen.score < SOME_SIMILAR or chosen.shared < FEWEST_SHORT):
        chosen = Fit()
    elif not chosen.changes and tells:
        chosen = _by_words(few, known, found, overlap)
    now = measure(sequences, reference, Fit())
    best = measure(sequences, reference, chosen) if chosen.changes else now
    found_out = Comparison(now, best, similar, votes, word)
    return replace(found_out, best=now) if found_out.is_unrelated else found_out


def measure(sequences: SequenceSet, reference: SequenceSet, way: Fit) -> Fit:
    """What sequences and reference have in common when they are laid on each other in some way."""
    own = sequences.turned if way.reverse else sequences
    starts = (max(0, -way.offset), max(0, way.offset))
    keys, others = own.keys(starts[0], way.length), reference.keys(starts[1], way.length)
    mine, theirs = own.lengths > starts[0], reference.lengths > starts[1]
    own_keys, known = distinct(keys[mine]), distinct(others[theirs])
    shared = own_keys[is_in(own_keys, known)]
    return replace(
        way,
        shared=len(shared),
        asvs=len(own_keys),
        reference_asvs=len(known),
        reads=share(own.reads, is_in(keys, shared) & mine),
        reference_reads=share(reference.reads, is_in(others, shared) & theirs),
    )


def _factors(number: int) -> np.ndarray:
    """Odd numbers that are the same in every process."""
    return np.random.default_rng(20).integers(1 << 63, size=number, dtype=np.uint64) * np.uint64(2) + np.uint64(1)


def _ways(
    few: SequenceSet, known: SequenceSet, found: Sequence[Votes], overlap: int, *, tells: bool
) -> Iterator[list[Fit]]:
    """Ways to lay the sequences on the reference, the way they are now among them.

    A strand is left out where words speak for the other one, and a start that fewer words speak for than for none: a
    few ASVs that a library has the wrong way round, or that lack some bases, decide nothing. Short words do not tell.
    """
    yield [Fit()]
    for reverse, votes in enumerate(found):
        if tells and _speaks_for(found[1 - reverse], votes):
            continue
        own = few.turned if reverse else few
        starts = votes.offsets[votes.votes >= (votes.at(0) if tells else 0)][:MOST_OFFSETS].tolist()
        for offset in dict.fromkeys([0, *starts]):
            way = Fit(reverse=bool(reverse), offset=offset)
            length = _common_length(own, known, offset)
            if length >= overlap:
                yield [way, replace(way, length=length)] if _is_cut(own, known, offset, length) else [way]


def _speaks_for(strand: Votes, other: Votes) -> bool:
    """Whether words tell clearly that sequences lie on one strand and not on the other."""
    return strand.similar >= SOME_SIMILAR and strand.similar > other.similar and strand.most > FAR_MORE * other.most


def _common_length(own: SequenceSet, known: SequenceSet, offset: int) -> int:
    return min(own.shortest(max(0, -offset)), known.shortest(max(0, offset)))


def _is_cut(own: SequenceSet, known: SequenceSet, offset: int, length: int) -> bool:
    """Whether a length cuts the usual sequence of one of them."""
    longest = (np.median(own.lengths) - max(0, -offset), np.median(known.lengths) - max(0, offset))
    return bool(max(longest) > length)


def _chosen(fits: Sequence[Fit]) -> Fit:
    """The simplest way that is nearly as good as the best; the first, which changes nothing, where none is clear."""
    now = fits[0]
    better = [fit for fit in fits if fit.score > CLEAR * now.score and fit.shared > now.shared]
    if not better:
        return now
    enough = SIMPLER * max(fit.score for fit in better)
    return min((fit for fit in better if fit.score >= enough), key=lambda fit: (fit.changes, -fit.score))


def _by_words(few: SequenceSet, known: SequenceSet, found: Sequence[Votes], overlap: int) -> Fit:
    """The way that words alone show, where hardly any whole sequence has its equal."""
    reverse = _speaks_for(found[1], found[0])
    own, votes = (few.turned if reverse else few), found[reverse]
    if votes.similar < SOME_SIMILAR:
        return Fit()
    offset = 0 if votes.at(0) * FAR_MORE >= votes.most else int(votes.offsets[0])
    length = _common_length(own, known, offset)
    if length < overlap:
        return Fit(reverse=reverse) if reverse else Fit()
    return Fit(reverse=reverse, offset=offset, length=length if _never_equal(own, known, offset) else None)


def _never_equal(own: SequenceSet, known: SequenceSet, offset: int) -> bool:
    """Whether the sequences of one are all longer than those of the other, but for the outermost."""
    cuts = (max(0, -offset), max(0, offset))
    ends = [(one.shortest(cut), one.longest(cut)) for one, cut in zip((own, known), cuts, strict=True)]
    return ends[0][1] < ends[1][0] or ends[1][1] < ends[0][0]
