from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from aam.config import AugmentationOptions, SamplingOptions
from aam.data.batches.augmenter import Augmenter, ChangedSequences
from aam.data.batches.batch import make_batch
from aam.data.batches.dataset import SampleDataset
from aam.data.study.study import Study
from aam.training.memory.worst_case import Changes, WorstCase
from tests.data.study_files import make_study, random_counts


def study(depth: int | None = None) -> Study:
    return replace(make_study(random_counts(30, 50)), rarefy_depth=depth)


def test_sizes_without_rarefaction() -> None:
    whole, rows = study(), np.arange(20)
    present = whole.table.counts.toarray()[rows] > 0
    richness = np.sort(present.sum(axis=1))[::-1]
    worst = WorstCase(whole, rows, SamplingOptions())
    sizes = worst.sizes(8)
    assert (sizes.samples, sizes.asvs, sizes.places) == (8, richness[0], richness[:8].sum())
    assert sizes.bases == whole.longest_sequence
    assert sizes.distinct >= (whole.table.counts.toarray()[worst.rows[:8]] > 0).any(axis=0).sum()
    assert worst.sizes(100).samples == 20


def test_distinct_asvs_are_at_least_those_of_a_random_batch() -> None:
    rng = np.random.default_rng(0)
    present = study().table.counts.toarray()[:20] > 0
    drawn = [present[rng.choice(20, 8, replace=False)].any(axis=0).sum() for _ in range(200)]
    assert WorstCase(study(), np.arange(20), SamplingOptions()).sizes(8).distinct >= np.mean(drawn)


@pytest.mark.parametrize("depth", [20, 100, 400])
def test_no_draw_is_larger_than_the_worst_case(depth: int) -> None:
    rarefied, rows = study(depth), np.arange(30)
    dataset = SampleDataset(rarefied, rows, SamplingOptions(), seed=3)
    drawn = np.array([[len(dataset[epoch, position].asvs) for position in rows] for epoch in range(100)])
    sizes = WorstCase(rarefied, rows, SamplingOptions()).sizes(4)
    assert drawn.max() <= sizes.asvs <= 1.3 * drawn.max()
    assert np.sort(drawn, axis=1)[:, -4:].sum(axis=1).max() <= sizes.places


def test_the_token_limit_holds() -> None:
    sizes = WorstCase(study(), np.arange(20), SamplingOptions(token_limit=3)).sizes(8)
    assert (sizes.asvs, sizes.places) == (3, 24)
    assert sizes.distinct <= 24


@pytest.mark.parametrize("augment", [("mixup=1",), ("contaminate=0.99",), ("trim=0.5",), ("mixup=0.5", "trim=0.5")])
def test_augmented_batches_are_no_larger_than_expected(augment: tuple[str, ...]) -> None:
    rarefied, rows, options = study(), np.arange(20), AugmentationOptions(augment=augment)
    worst = WorstCase(rarefied, rows, SamplingOptions(), Changes.of(options)).sizes(8)
    usual = WorstCase(rarefied, rows, SamplingOptions()).sizes(8)
    assert (worst.places > usual.places) == Changes.of(options).adds_asvs
    augmenter = Augmenter.of(options, rarefied, rows, 1)
    assert augmenter is not None
    data = SampleDataset(rarefied, rows, SamplingOptions(), 1, augmenter)
    sequences = ChangedSequences.of(augmenter, list(map(str, rarefied.table.sequences)))
    for epoch in range(10):
        samples = [data[epoch, int(row)] for row in np.random.default_rng(epoch).permutation(20)[:8]]
        batch = make_batch(samples, rarefied.tokens, rarefied.lengths, sequences)
        assert len(batch.asvs_U) <= worst.distinct
        assert batch.index_BS.shape[1] <= worst.asvs


def test_errors_of_sequences_add_nothing() -> None:
    assert Changes.of(AugmentationOptions(augment=("sequencing-errors=0.01", "depth=0.1", "drop=0.2"))) == Changes()
