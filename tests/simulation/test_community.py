from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from aam.config.commands.simulate import SimulateOptions
from aam.simulation.community import Community, Sample, Stream, simulate_niches, stream
from aam.simulation.tree import SimulatedTree, simulate_tree


def make(**changes: Any) -> tuple[SimulatedTree, Community, SimulateOptions]:
    options = SimulateOptions(output_dir=Path("unused"), **{"asvs": 200, "asvs_per_sample": 40.0, **changes})
    tree = simulate_tree(options.asvs, options.divergence, stream(options.seed, Stream.TREE))
    niches = simulate_niches(tree, options.informative, stream(options.seed, Stream.NICHES))
    return tree, Community(options, niches), options


def counts_of(samples: list[Sample], num_asvs: int) -> np.ndarray:
    counts = np.zeros((len(samples), num_asvs))
    for row, sample in zip(counts, samples, strict=True):
        row[sample.asvs] = sample.counts
    return counts


def patristic(tree: SimulatedTree, left: np.ndarray, right: np.ndarray) -> np.ndarray:
    """Distance along the tree between pairs of tips."""
    depth = tree.root_distances()
    a, b = tree.tips[left], tree.tips[right]
    total = depth[a] + depth[b]
    while (a != b).any():
        a, b = np.where(a < b, tree.parent[a], a), np.where(b < a, tree.parent[b], b)
    return total - 2 * depth[a]


@pytest.mark.parametrize(("num_asvs", "share"), [(8, 0.01), (200, 0.3), (500, 0.1), (300, 1.0)])
def test_informative_asvs_are_whole_clades(num_asvs: int, share: float) -> None:
    tree = simulate_tree(num_asvs, 0.25, np.random.default_rng(5))
    niches = simulate_niches(tree, share, np.random.default_rng(6))
    first, size = tree.tip_ranges()
    ranges = {(int(a), int(n)) for a, n in zip(first, size, strict=True)}
    for clade in np.unique(niches.clade):
        members = np.flatnonzero(niches.clade == clade)
        assert (int(members[0]), len(members)) in ranges
        assert len(set(niches.informative[members])) == 1
    assert max(1, round(share * num_asvs * 0.95)) <= niches.informative.sum() <= max(1, share * num_asvs)
    assert np.isnan(niches.optimum[~niches.informative]).all()
    assert ((niches.optimum > 0) & (niches.optimum < 1))[niches.informative].all()
    assert (niches.width[niches.informative] > 0).all()


def test_niches_are_phylogenetically_conserved() -> None:
    tree = simulate_tree(500, 0.25, np.random.default_rng(5))
    niches = simulate_niches(tree, 0.5, np.random.default_rng(6))
    chosen = np.flatnonzero(niches.informative)
    left, right = (chosen[index] for index in np.triu_indices(len(chosen), 1))
    distance = patristic(tree, left, right)
    difference = np.abs(niches.optimum[left] - niches.optimum[right])
    close = distance < np.quantile(distance, 0.02)
    assert difference[close].mean() < 0.4 * difference.mean()


def test_a_sample_depends_on_its_number_only() -> None:
    _, community, _ = make(batches=3)
    _, again, _ = make(batches=3, samples=17)
    forwards = [community.sample(number) for number in range(6)]
    for number in reversed(range(6)):
        sample = again.sample(number)
        np.testing.assert_array_equal(sample.asvs, forwards[number].asvs)
        np.testing.assert_array_equal(sample.counts, forwards[number].counts)
        assert sample.gradient == forwards[number].gradient
        assert sample.batch == forwards[number].batch


def test_samples_are_valid_and_as_large_as_asked_for() -> None:
    _, community, options = make(reads=2_000)
    samples = [community.sample(number) for number in range(400)]
    for sample in samples:
        assert (np.diff(sample.asvs) > 0).all()
        assert sample.counts.min() > 0
        assert 0 <= sample.gradient_true <= 1
    assert np.mean([len(sample.asvs) for sample in samples]) == pytest.approx(options.asvs_per_sample, rel=0.05)
    assert np.mean([sample.counts.sum() for sample in samples]) == pytest.approx(options.reads, rel=0.1)
    logs = np.log([sample.counts.sum() for sample in samples])
    assert logs.std() == pytest.approx(options.read_dispersion, rel=0.15)
    true = np.array([sample.gradient_true for sample in samples])
    noise = np.array([sample.gradient for sample in samples]) - true
    assert noise.std() == pytest.approx(options.noise, rel=0.15)
    assert np.histogram(true, 4, (0, 1))[0].min() > 60


def common_logs(samples: list[Sample], community: Community, num_asvs: int) -> np.ndarray:
    """Log counts of the commonest ASVs, NaN where an ASV is absent."""
    counts = counts_of(samples, num_asvs)[:, np.argsort(community.base)[-15:]]
    return np.log(np.where(counts > 0, counts, np.nan))


def test_samples_of_a_subject_are_alike() -> None:
    _, community, options = make(effect=0.0, overdispersion=0.0, subject_effect=1.0, read_dispersion=0.0)
    samples = [community.sample(number) for number in range(200)]
    logs = common_logs(samples, community, options.asvs)
    within = np.nanmean(np.abs(logs[::4] - logs[1::4]))
    between = np.nanmean(np.abs(logs[:-4:4] - logs[4::4]))
    assert within < 0.5 * between
    true = np.array([sample.gradient_true for sample in samples])
    assert np.abs(true[::4] - true[1::4]).mean() < np.abs(true[:-4:4] - true[4::4]).mean()


def test_overdispersion_adds_variance() -> None:
    spread = {}
    for overdispersion in (0.0, 0.02, 0.2):
        still = {"effect": 0.0, "subject_effect": 0.0, "asvs_per_sample": 20.0}
        _, community, options = make(overdispersion=overdispersion, **still)
        counts = counts_of([community.sample(number) for number in range(300)], options.asvs)
        share = counts / counts.sum(axis=1, keepdims=True)
        spread[overdispersion] = share[:, np.argmax(community.base)].std()
    assert spread[0.0] < 0.7 * spread[0.02]
    assert spread[0.02] < 0.7 * spread[0.2]


@pytest.mark.parametrize("overdispersion", [1e-6, 0.999999])
def test_extreme_overdispersion_stays_finite(overdispersion: float) -> None:
    _, community, _ = make(overdispersion=overdispersion)
    for number in range(20):
        assert community.sample(number).counts.sum() > 0


def test_batches_shift_abundances_and_one_batch_does_not() -> None:
    def explained(**changes: Any) -> float:
        """Share of the variance of log counts, within ASVs, that is between batches."""
        still = {"effect": 0.0, "subject_effect": 0.0, "overdispersion": 0.001, "read_dispersion": 0.0}
        _, community, options = make(**still, **changes)
        samples = [community.sample(number) for number in range(200)]
        logs = common_logs(samples, community, options.asvs)
        logs -= np.nanmean(logs, axis=0)
        batch = np.array([sample.batch for sample in samples])
        means = np.array([np.nanmean(logs[batch == number], axis=0) for number in range(max(batch) + 1)])
        return float(np.nanmean(means[batch] ** 2) / np.nanmean(logs**2))

    assert explained(batches=4, batch_effect=1.0) > 0.5
    assert explained(batches=4, batch_effect=0.0) < 0.1
    assert explained(batches=1, batch_effect=5.0) < 0.01


def test_only_informative_asvs_follow_the_gradient() -> None:
    tree, community, options = make(effect=4.0, samples_per_subject=1, overdispersion=0.001)
    niches = simulate_niches(tree, options.informative, stream(options.seed, Stream.NICHES))
    samples = [community.sample(number) for number in range(600)]
    present = counts_of(samples, options.asvs) > 0
    true = np.array([sample.gradient_true for sample in samples])
    asvs = np.flatnonzero(niches.informative & (present.mean(axis=0) > 0.05))
    at_home = np.abs(true[:, None] - niches.optimum[asvs]) < niches.width[asvs]
    home, away = present[:, asvs][at_home].mean(), present[:, asvs][~at_home].mean()
    assert home > 2 * away
    others = np.flatnonzero(~niches.informative)
    assert present[true < 0.5][:, others].mean() == pytest.approx(present[true > 0.5][:, others].mean(), rel=0.1)


def test_more_asvs_than_can_be_had_ends_near_the_most() -> None:
    _, community, _ = make(asvs=50, asvs_per_sample=50.0, overdispersion=0.0)
    assert 30 < np.mean([len(community.sample(number).asvs) for number in range(50)]) < 50
