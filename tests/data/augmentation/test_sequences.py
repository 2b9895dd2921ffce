from __future__ import annotations

from difflib import SequenceMatcher

import numpy as np
import pytest
from skbio import DNA

from aam.alphabet import decode, encode
from aam.data.augmentation import OfSequences, find_augmentation
from aam.data.batches.augmenter import uniform
from tests.factories import random_sequences

SEQUENCES = [*random_sequences(40, length=60), "ACGTNACGTA"]
KEYS = np.arange(len(SEQUENCES), dtype=np.uint64)


def changed(name: str, strength: float, value: float, epoch: int = 0) -> list[str]:
    augmentation = find_augmentation(name)
    assert isinstance(augmentation, OfSequences)
    tokens = encode(SEQUENCES)

    def chance(number: np.ndarray, word: str) -> np.ndarray:
        return uniform(1, word, KEYS, number.astype(np.uint64), tokens.shape[1])

    values = np.full(len(SEQUENCES), value)
    bases = np.array(list(map(len, SEQUENCES)))
    found, lengths = augmentation.changed(tokens, bases, values, strength, chance)
    texts = list(map(decode, found))
    assert list(map(len, texts)) == lengths.tolist()
    assert (lengths <= bases).all()
    return texts


def test_reverse_complements_are_those_of_scikit_bio() -> None:
    assert changed("reverse-complement", 1, 1) == [str(DNA(one).reverse_complement()) for one in SEQUENCES]
    assert changed("reverse-complement", 1, 0) == SEQUENCES


def test_trimmed_sequences_are_beginnings() -> None:
    assert changed("trim", 0.5, 0.75) == [one[: round(0.75 * len(one))] for one in SEQUENCES]


def test_lengths_are_evenly_spread() -> None:
    augmentation, rng = find_augmentation("trim"), np.random.default_rng(0)
    assert isinstance(augmentation, OfSequences)
    shares = {round(augmentation.of_sample(0.4, rng, 0), 9) for _ in range(60)}
    assert shares == {0.4, 0.6, 0.8, 1.0}


def test_a_share_of_the_samples_is_turned() -> None:
    augmentation, rng = find_augmentation("reverse-complement"), np.random.default_rng(0)
    assert isinstance(augmentation, OfSequences)
    assert np.mean([augmentation.of_sample(0.3, rng, 0) for _ in range(2000)]) == pytest.approx(0.3, abs=0.04)


def operations(before: str, after: str) -> list[str]:
    matcher = SequenceMatcher(None, before, after, autojunk=False)
    return [kind for kind, *_ in matcher.get_opcodes() if kind != "equal"]


def test_errors_come_at_the_rate_and_of_all_kinds() -> None:
    kinds, differing = [], []
    for epoch in range(20):
        found = changed("sequencing-errors", 0.02, epoch)
        for before, after in zip(SEQUENCES, found, strict=True):
            kinds += operations(before, after)
            if len(before) == len(after):
                differing.append(sum(x != y for x, y in zip(before, after, strict=True)))
    assert {"replace", "insert", "delete"} == set(kinds)
    bases = 20 * sum(map(len, SEQUENCES))
    assert len(kinds) == pytest.approx(0.02 * bases, rel=0.25)
    assert np.mean(np.array(differing) <= 5) > 0.85  # most are substitutions, which move nothing


def test_errors_differ_by_epoch_and_none_come_at_rate_0() -> None:
    assert changed("sequencing-errors", 0.1, 1) != changed("sequencing-errors", 0.1, 2)
    assert changed("sequencing-errors", 0.1, 1) == changed("sequencing-errors", 0.1, 1)
    assert changed("sequencing-errors", 0.0, 1) == SEQUENCES


def test_uniform_numbers_are_even_and_apart() -> None:
    found = uniform(3, "x", np.arange(200, dtype=np.uint64), np.full(200, 7, dtype=np.uint64), 100)
    assert 0 <= found.min() < found.max() < 1
    counts = np.histogram(found, bins=10, range=(0, 1))[0]
    assert ((counts - 2000) ** 2 / 2000).sum() < 27.9  # chi-squared with 9 degrees of freedom, one in a thousand
    assert abs(np.corrcoef(found[:-1].ravel(), found[1:].ravel())[0, 1]) < 0.03
    assert len(np.unique(found)) == found.size
