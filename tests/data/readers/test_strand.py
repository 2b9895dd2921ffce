from __future__ import annotations

import time
from collections.abc import Sequence

import numpy as np
import pytest

from aam.alphabet import decode
from aam.data.readers.strand import Comparison, SequenceSet, compare, reverse_complement
from tests.factories import random_sequences, related_sequences

ASVS = random_sequences(40, length=60)


def best_orientation(
    sequences: Sequence[str],
    reference: Sequence[str],
    reads: np.ndarray | None = None,
    reference_reads: np.ndarray | None = None,
) -> Comparison:
    return compare(SequenceSet.of(sequences, reads), SequenceSet.of(reference, reference_reads))


def test_reverse_complement() -> None:
    assert reverse_complement("AACGTN") == "NACGTT"
    assert reverse_complement("ACGTRYSWKMBDHVN") == "NBDHVKMWSRYACGT"
    assert reverse_complement(reverse_complement(ASVS[0])) == ASVS[0]
    some = SequenceSet.of(["AACGTN", "GG", "TACGTACGTA"])
    assert [decode(row) for row in some.turned.tokens] == ["NACGTT", "CC", "TACGTACGTA"]


@pytest.mark.parametrize("start", [0, 7])
@pytest.mark.parametrize("stop", [None, 48])
@pytest.mark.parametrize("turned", [False, True])
def test_every_way_is_found(start: int, stop: int | None, turned: bool) -> None:
    cut = [asv[start:stop] for asv in ASVS[:30]]
    found = best_orientation([reverse_complement(asv) for asv in cut] if turned else cut, ASVS)
    best = found.best
    assert (best.reverse, best.offset) == (turned, start)
    assert best.length == (None if stop is None else stop - start)
    assert (best.shared, best.asvs, best.reads) == (30, 30, 1.0)
    assert found.now.shared == (0 if start or stop or turned else 30)
    assert found.is_other_strand == turned
    assert not found.is_unrelated
    assert not found.is_mixed


def test_an_earlier_start_has_a_negative_offset() -> None:
    found = best_orientation(ASVS, [asv[5:] for asv in ASVS])
    assert (found.best.reverse, found.best.offset, found.best.length, found.best.shared) == (False, -5, None, 40)


def test_few_short_sequences() -> None:
    ours = ["ACGTACGTAGGT", "CCGTACGTACGA", "GGGTACGTACTT", "TTGTACCTACGG"]
    other = best_orientation([reverse_complement(asv) for asv in ours], ours).best
    assert (other.reverse, other.offset, other.length, other.shared) == (True, 0, None, 4)
    shorter = best_orientation([asv[:10] for asv in ours], ours).best
    assert (shorter.reverse, shorter.offset, shorter.length, shorter.shared) == (False, 0, 10, 4)


def test_reads_count_and_not_asvs_alone() -> None:
    reads = np.array([97.0, 1, 1, 1])
    found = best_orientation([ASVS[0], *random_sequences(3, seed=8, length=60)], ASVS, reads).now
    assert (found.shared, found.reads, found.reference_reads) == (1, 0.97, 1 / 40)


def test_another_region_has_nothing_in_common() -> None:
    found = best_orientation(random_sequences(50, seed=9, length=60), ASVS)
    assert found.is_unrelated
    assert found.best == found.now
    assert found.now.shared == 0
    assert found.similar == (0.0, 0.0)


def test_relatives_tell_strand_and_start() -> None:
    ours, theirs = related_sequences(60, seed=1), related_sequences(60, seed=2)
    assert not set(ours) & set(theirs)
    same = best_orientation(ours, theirs)
    assert same.best == same.now
    assert not same.is_unrelated
    turned = best_orientation([reverse_complement(asv) for asv in ours], theirs)
    assert (turned.best.reverse, turned.best.offset, turned.best.shared) == (True, 0, 0)
    later = best_orientation([asv[9:] for asv in ours], theirs)
    assert (later.best.reverse, later.best.offset) == (False, 9)
    shorter = best_orientation([asv[:90] for asv in ours], theirs)
    assert (shorter.best.offset, shorter.best.length) == (0, 90)


def test_a_few_asvs_of_the_wrong_strand_decide_nothing() -> None:
    ours, theirs = related_sequences(60, seed=1), related_sequences(60, seed=2)
    artefact = reverse_complement(theirs[0])
    found = best_orientation([*ours, artefact], theirs)
    assert found.now.shared == 0
    assert found.best == found.now
    lacking = best_orientation([*ours, theirs[0][3:]], theirs)
    assert lacking.best == lacking.now
    turned = best_orientation([*map(reverse_complement, ours), theirs[0][2:]], theirs)
    assert (turned.best.reverse, turned.best.offset) == (True, 0)


def test_chance_makes_no_strand_of_short_sequences() -> None:
    ours = [*random_sequences(30, seed=1, length=12), reverse_complement("ACGTACGTAGGT")]
    found = best_orientation(ours, ["ACGTACGTAGGT", *random_sequences(30, seed=2, length=12)])
    assert found.best == found.now
    assert found.is_unrelated


def test_both_strands_in_one_table() -> None:
    mixed = [reverse_complement(asv) if row % 2 else asv for row, asv in enumerate(ASVS)]
    found = best_orientation(mixed, ASVS)
    assert found.is_mixed
    assert not found.is_other_strand
    assert found.now.shared == 20


def test_a_large_set_is_searched_by_its_reads(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("aam.data.readers.strand.MOST_BASES", 60 * 8)
    reads = np.arange(40)
    some = SequenceSet.of(ASVS, reads)
    assert [decode(row) for row in some.searched.tokens] == ASVS[32:]
    found = compare(SequenceSet.of([reverse_complement(asv) for asv in ASVS], reads), some)
    assert found.best.reverse
    assert found.best.shared == 40


def test_time_grows_with_the_number_of_sequences() -> None:
    rng = np.random.default_rng(0)
    tokens = rng.integers(1, 5, (20_000, 100)).astype(np.uint8)
    some = SequenceSet(tokens, np.ones(len(tokens)))
    started = time.process_time()
    found = compare(SequenceSet(some.turned.tokens[::2, :80], np.ones(10_000)), some)
    assert found.best.reverse
    assert found.best.shared == 10_000
    assert time.process_time() - started < 10
