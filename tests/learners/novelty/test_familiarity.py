from __future__ import annotations

from collections import Counter
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from scipy.sparse import csr_array

from aam.alphabet import decode
from aam.data.study.study import Study
from aam.learners.clades import kmer_frequencies, scale_rows, totals
from aam.learners.known_asvs import KnownAsvs
from aam.learners.novelty import familiarity as module
from aam.learners.novelty.familiarity import Familiarity, Limits, limits_of
from aam.learners.reference import Reference
from aam.learners.stored import Stored
from tests.data.study_files import make_study
from tests.learners.blend_studies import ASVS, GROUPS, NEW, TRAIN, tiny_study

STUDY, _ = tiny_study()


def fitted(study: Study = STUDY, groups: np.ndarray | None = GROUPS) -> Familiarity:
    found = Familiarity.fit(study, TRAIN, groups)
    assert found is not None
    return found


def words(sequence: str, bases: int) -> dict[str, float]:
    """Share of each word of a sequence."""
    found = Counter(sequence[at : at + bases] for at in range(len(sequence) - bases + 1))
    return {word: number / found.total() for word, number in found.items()}


def profile(study: Study, row: int) -> dict[str, float]:
    """Frequencies of words of five bases among the reads of a sample."""
    reads, found = study.table.counts.toarray()[row], Counter[str]()
    for sequence, number in zip(study.table.sequences, reads, strict=True):
        for word, share in words(str(sequence), 5).items():
            found[word] += share * number / reads.sum()
    return found


def hellinger(first: dict[str, float], second: dict[str, float]) -> float:
    every = {*first, *second}
    squares = [(first.get(word, 0) ** 0.5 - second.get(word, 0) ** 0.5) ** 2 for word in every]
    return float(np.sqrt(sum(squares) / 2))


def lacking(first: str, second: str) -> float:
    """Bray-Curtis dissimilarity of words of six bases."""
    mine, theirs = words(first, 6), words(second, 6)
    return 1 - sum(min(share, theirs.get(word, 0)) for word, share in mine.items())


def nearest(sequence: str, others: list[str]) -> str:
    """The sequence whose words of five bases are the most alike (squared Euclidean distance)."""
    mine = words(sequence, 5)

    def apart(other: str) -> float:
        theirs = words(other, 5)
        return sum((mine.get(word, 0) - theirs.get(word, 0)) ** 2 for word in {*mine, *theirs})

    return min(others, key=apart)


def test_distances_of_samples_by_hand() -> None:
    known = fitted()
    profiles = [profile(STUDY, row) for row in TRAIN]
    by_hand = [min(hellinger(profile(STUDY, row), other) for other in profiles) for row in NEW[:3]]
    assert known.from_samples(STUDY, NEW[:3]) == pytest.approx(by_hand, abs=1e-5)
    assert known.from_samples(STUDY, TRAIN) == pytest.approx(0, abs=1e-3)


def test_profiles_are_products_that_copy_nothing() -> None:
    """A product of two types copies the words of all ASVs, for each block of samples; the numbers are the same."""
    known, counts = fitted(), STUDY.table.counts[NEW]
    parts = known._parts(STUDY)
    assert parts.dtype == np.float64
    narrow = kmer_frequencies(STUDY.tokens, module.WORD)
    assert narrow.dtype == np.float32
    shares = scale_rows(csr_array(counts, dtype=np.float64), 1 / totals(counts))
    assert np.array_equal(known.roots_of(STUDY, NEW), np.sqrt((shares @ narrow).toarray()).astype(np.float32))


def test_asvs_are_placed_by_blocks_as_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    known, asked = fitted().asvs, STUDY.tokens[::-1]
    whole = known.place_tokens(asked)
    assert (whole.distance > 0).any()
    for module_name in ("aam.phylogeny.sequence_tree", "aam.learners.known_asvs"):
        monkeypatch.setattr(f"{module_name}.ASVS_PER_BLOCK", 4)
    found = known.place_tokens(asked)
    for name in ("known", "nearest", "distance"):
        assert np.array_equal(getattr(found, name), getattr(whole, name))


def test_distances_of_reads_by_hand() -> None:
    known, counts = fitted(), STUDY.table.counts.toarray()
    names = [decode(tokens) for tokens in known.asvs.tokens]
    sequences = [str(sequence) for sequence in STUDY.table.sequences]
    distance = known.asvs.placement(STUDY).distance
    assert (distance[-6:] > 0).all()
    assert {sequence for sequence, at in zip(sequences, distance, strict=True) if at == 0} == set(names)
    assert known.from_known_asvs(STUDY, NEW) == pytest.approx(counts[NEW] @ distance / counts[NEW].sum(axis=1))


def test_training_samples_are_judged_by_other_groups() -> None:
    """By hand: an ASV that one group alone has is compared with those of all others."""
    counts = STUDY.table.counts.toarray()[TRAIN].copy()
    for row in range(0, len(TRAIN), 4):
        counts[row, 20 + row // 4] = 50
        counts[GROUPS[row] != GROUPS, 20 + row // 4] = 0
    study = make_study(counts, sequences=[str(one) for one in STUDY.table.sequences])
    present = np.flatnonzero(counts.any(axis=0))
    sequences = [str(STUDY.table.sequences[asv]) for asv in present]
    by_hand = []
    for row, reads in enumerate(counts[:, present]):
        elsewhere = counts[GROUPS[row] != GROUPS][:, present].any(axis=0)
        others = [one for one, there in zip(sequences, elsewhere, strict=True) if there]
        there_or_nowhere = elsewhere | (reads == 0)
        new = [
            0.0 if free else lacking(one, nearest(one, others))
            for one, free in zip(sequences, there_or_nowhere, strict=True)
        ]
        by_hand.append(np.dot(new, reads) / reads.sum())
    assert max(by_hand) > 0
    asvs = KnownAsvs(study.tokens, (counts[:, present] > 0).sum(axis=0))
    group_B = np.unique(GROUPS.astype(str), return_inverse=True)[1]
    found = module._apart(study.table.counts, group_B, np.arange(len(TRAIN)), asvs)
    assert found == pytest.approx(by_hand)


def test_profiles_are_compared_across_groups() -> None:
    known = fitted()
    group_B = np.unique(GROUPS.astype(str), return_inverse=True)[1]
    found = module._from_others(known.roots, group_B)
    profiles = [profile(STUDY, row) for row in TRAIN]
    for row in (0, 7, 20):
        others = [profiles[other] for other in np.flatnonzero(GROUPS[row] != GROUPS)]
        assert found[row] == pytest.approx(min(hellinger(profiles[row], other) for other in others), abs=1e-5)


def test_limits_hold_all_but_one_in_twenty() -> None:
    rng = np.random.default_rng(1)
    reads, samples = rng.random(399), rng.random(399)
    limits = limits_of(reads, samples)
    beyond = np.maximum(reads / limits.reads, samples / limits.samples) > 1
    assert beyond.sum() == 19
    assert limits.rate == 0.05
    few = limits_of(reads[:9], samples[:9])
    assert not (np.maximum(reads[:9] / few.reads, samples[:9] / few.samples) > 1).any()
    assert few.rate == 0.1


def test_samples_that_are_all_alike_have_limits() -> None:
    assert limits_of(np.zeros(30), np.zeros(30)) == Limits(reads=0.02, samples=0.01, judged=30)


def test_new_samples_are_seldom_beyond_the_limits() -> None:
    """Samples of one kind, half of them held out: about one in twenty is beyond."""
    rng, alarms = np.random.default_rng(0), []
    sequences = [str(one) for one in STUDY.table.sequences]
    for _ in range(6):
        shares = rng.dirichlet(np.full(ASVS, 0.3), 200)
        study = make_study(np.array([rng.multinomial(500, share) for share in shares]), sequences=sequences)
        known = Familiarity.fit(study, np.arange(100))
        assert known is not None
        assert known.limits is not None
        rows = np.arange(100, 200)
        distances = known.from_known_asvs(study, rows) / known.limits.reads
        alarms.append(np.maximum(distances, known.from_samples(study, rows) / known.limits.samples) > 1)
    assert 0.02 < np.mean(alarms) < 0.09


def test_many_samples_are_a_random_choice(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MAX_SAMPLES", 10)
    known = fitted()
    assert len(known.roots) == 10
    assert known.limits is not None
    assert known.limits.judged == 10
    assert len(known.asvs) == ASVS - 6


def test_one_group_is_divided_into_its_samples() -> None:
    alone = fitted(groups=np.full(len(TRAIN), "g"))
    assert alone.limits == fitted(groups=None).limits
    assert alone.limits is not None
    single = Familiarity.fit(STUDY, TRAIN[:1])
    assert single is not None
    assert single.limits is None


@pytest.mark.parametrize("with_asvs", [False, True])
def test_names_are_known_or_not(with_asvs: bool) -> None:
    named = replace(STUDY, table=replace(STUDY.table, has_dna=False))
    known = fitted(named)
    counts = STUDY.table.counts.toarray().astype(float)
    in_training = counts[TRAIN].any(axis=0)
    shares = counts / counts.sum(axis=1, keepdims=True)
    rows = np.array([*NEW, *TRAIN[:2]])
    unknown = shares[:, ~in_training].sum(axis=1)
    np.testing.assert_allclose(known.from_known_asvs(named, rows), unknown[rows])
    profiles = np.column_stack([shares[:, in_training], unknown])
    apart = [min(np.sqrt(1 - np.sqrt(profiles[row] * profiles[one]).sum()) for one in TRAIN) for row in NEW]
    np.testing.assert_allclose(known.from_samples(named, np.array(NEW)), apart, atol=1e-3)
    others = np.array([[GROUPS[one] != GROUPS[place] for one in range(len(TRAIN))] for place in range(len(TRAIN))])
    foreign = [shares[row, ~counts[TRAIN][others[place]].any(axis=0)].sum() for place, row in enumerate(TRAIN)]
    found = module._apart(
        STUDY.table.counts[TRAIN][:, in_training], module._groups(GROUPS, len(TRAIN)), np.arange(len(TRAIN)), known.asvs
    )
    np.testing.assert_allclose(found, foreign)
    stored = known.to_arrays(with_asvs=with_asvs)
    stored = replace(stored, facts={**stored.facts, "asv_ids": "names"})
    again = Familiarity.from_arrays(stored, None if with_asvs else known.asvs)
    assert not again.asvs.has_dna
    np.testing.assert_array_equal(again.from_samples(named, rows), known.from_samples(named, rows))


@pytest.mark.parametrize("with_asvs", [False, True])
def test_it_is_stored(with_asvs: bool) -> None:
    reference = Reference.fit(STUDY, TRAIN)
    known = Familiarity.fit(STUDY, TRAIN, GROUPS, reference.asvs)
    assert known is not None
    again = Familiarity.from_arrays(known.to_arrays(with_asvs=with_asvs), None if with_asvs else reference.asvs)
    assert again.limits == known.limits
    assert again.fewest_reads == known.fewest_reads == STUDY.table.counts[TRAIN].sum(axis=1).min()
    assert (again.roots == known.roots).all()
    assert (again.asvs.tokens == known.asvs.tokens).all()
    assert (again.shortest, again.longest) == (50, 50)
    assert (again.from_known_asvs(STUDY, NEW) == known.from_known_asvs(STUDY, NEW)).all()


@pytest.mark.parametrize(
    ("facts", "arrays"),
    [
        ({"own_asvs": False}, {}),
        ({"own_asvs": 1}, {}),
        ({"fewest_reads": -1}, {}),
        ({"fewest_reads": 2.5}, {}),
        ({"limits": [1, 2]}, {}),
        ({"limits": [0.1, 0.1, 0.5]}, {}),
        ({"limits": [0.1, -0.1, 9]}, {}),
        ({"limits": [0.1, "x", 9]}, {}),
        ({"limits": 3}, {}),
        ({}, {"roots": np.full((2, 1024), 2, dtype=np.float32)}),
        ({}, {"roots": np.zeros((0, 1024), dtype=np.float32)}),
        ({}, {"roots": np.zeros((2, 256), dtype=np.float32)}),
        ({}, {"tokens": np.full((54, 3), 9, dtype=np.uint8)}),
        ({}, {"prevalence": np.zeros(54, dtype=np.int32)}),
    ],
)
def test_what_was_not_stored_is_refused(facts: dict[str, Any], arrays: dict[str, Any]) -> None:
    stored = fitted().to_arrays(with_asvs=True)
    with pytest.raises(ValueError, match=r"\w"):
        Familiarity.from_arrays(Stored({**stored.arrays, **arrays}, {**stored.facts, **facts}), None)
