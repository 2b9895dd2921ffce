from __future__ import annotations

import numpy as np
import pytest

from aam.data.augmentation import Drawn, OfReads, find_augmentation

SAMPLE = Drawn(np.array([1, 3, 4, 8, 9]), np.array([500, 300, 100, 60, 40]))
FOREIGN = Drawn(np.array([3, 20]), np.array([10, 90]))


def changed(name: str, strength: float, seed: int | np.random.Generator) -> Drawn:
    augmentation = find_augmentation(name)
    assert isinstance(augmentation, OfReads)
    return augmentation.changed(SAMPLE, strength, np.random.default_rng(seed), lambda rng: FOREIGN)


def check_reads(drawn: Drawn) -> None:
    assert (drawn.reads > 0).all()
    assert (np.diff(drawn.asvs) > 0).all()
    assert drawn.reads.dtype == np.int64


def test_depths_are_even_on_a_logarithmic_scale() -> None:
    rng = np.random.default_rng(0)
    found = [changed("depth", 0.04, rng) for _ in range(400)]
    totals = np.array([one.reads.sum() for one in found])
    assert 40 <= totals.min() < 50
    assert 950 < totals.max() <= 1000
    assert np.median(totals) == pytest.approx(200, rel=0.15)  # half of the logarithms
    for one in found[:20]:
        check_reads(one)
        assert set(one.asvs) <= set(SAMPLE.asvs)


def test_depth_of_one_read() -> None:
    augmentation = find_augmentation("depth")
    single = Drawn(np.array([2]), np.array([1]))
    assert augmentation.changed(single, 0.01, np.random.default_rng(0), lambda rng: None).reads.tolist() == [1]


def test_lost_asvs_are_at_most_the_share() -> None:
    sizes = [len(changed("drop", 0.8, seed).asvs) for seed in range(200)]
    assert min(sizes) == 1
    assert max(sizes) == 5
    assert changed("drop", 0.0, 0).reads.tolist() == SAMPLE.reads.tolist()


def test_foreign_reads_are_at_most_the_share() -> None:
    found = [changed("contaminate", 0.3, seed) for seed in range(200)]
    foreign = np.array([one.reads[one.asvs == 20].sum() for one in found])
    assert all(one.reads.sum() == 1000 for one in found)
    assert 200 < foreign.max() <= 300
    assert foreign.min() < 20
    for one in found[:20]:
        check_reads(one)


def test_without_another_sample_nothing_is_foreign() -> None:
    augmentation = find_augmentation("contaminate")
    assert augmentation.changed(SAMPLE, 0.3, np.random.default_rng(0), lambda rng: None) is SAMPLE
