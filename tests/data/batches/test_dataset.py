from __future__ import annotations

import dataclasses
import pickle

import numpy as np
import pytest
import torch

from aam.alphabet import decode
from aam.config import SamplingOptions
from aam.data.batches.dataset import VALIDATION_EPOCH, Collate, SampleDataset
from aam.data.batches.truths import DrawnSamples, Truth
from aam.data.distances.dissimilarity import bray_curtis
from aam.data.study.study import Study
from tests.data.study_files import make_study, random_counts

COUNTS = random_counts(8, 30)
DEPTH = 100


def drawn_distances(drawn: DrawnSamples) -> np.ndarray:
    return bray_curtis(drawn.counts_BA)


def drawn_rows(drawn: DrawnSamples) -> np.ndarray:
    return drawn.rows_B


def drawn_asvs(drawn: DrawnSamples) -> np.ndarray:
    return drawn.asvs_U


LEARNED = (
    Truth("distance", "pairs", drawn_distances),
    Truth("row", "samples", drawn_rows),
    Truth("asv", "asvs", drawn_asvs),
)


def dataset(study: Study | None = None, seed: int = 1, **sampling: object) -> SampleDataset:
    study = study or make_study(COUNTS, rarefy_depth=DEPTH)
    return SampleDataset(study, np.arange(len(study)), SamplingOptions(**sampling), seed)


def by_sequence(study: Study, asvs: np.ndarray, counts: np.ndarray) -> dict[str, int]:
    return dict(zip(study.table.sequences[asvs], counts.tolist(), strict=True))


def test_a_draw_has_the_depth_and_only_asvs_of_the_sample() -> None:
    data = dataset()
    for position in range(8):
        sample = data[0, position]
        assert sample.row == position
        assert sample.counts.sum() == DEPTH
        assert (sample.counts > 0).all()
        assert (np.diff(sample.asvs) > 0).all()
        full = data.counts[[position]].toarray()[0]
        assert (sample.counts <= full[sample.asvs]).all()


def test_draws_differ_by_epoch_and_seed_and_repeat_otherwise() -> None:
    data = dataset()
    first = data[0, 2]
    _ = data[5, 7]
    again, next_epoch, other_seed = data[0, 2], data[1, 2], dataset(seed=2)[0, 2]
    assert np.array_equal(first.asvs, again.asvs)
    assert np.array_equal(first.counts, again.counts)
    for other in (next_epoch, other_seed, data[VALIDATION_EPOCH, 2]):
        assert not (np.array_equal(first.asvs, other.asvs) and np.array_equal(first.counts, other.counts))


@pytest.mark.parametrize("asv_sampling", ["abundance", "random", "first"])
def test_the_order_of_the_table_does_not_matter(asv_sampling: str) -> None:
    study = make_study(COUNTS, rarefy_depth=DEPTH)
    rng = np.random.default_rng(3)
    rows, columns = rng.permutation(8), rng.permutation(30)
    shuffled = make_study(
        study.table.counts.toarray()[rows][:, columns],
        [str(study.sample_ids[row]) for row in rows],
        list(study.table.sequences[columns]),
        rarefy_depth=DEPTH,
    )
    options = {"token_limit": 6, "asv_sampling": asv_sampling}
    data, other = dataset(study, **options), dataset(shuffled, **options)
    for position, row in enumerate(rows):
        one, two = data[4, int(row)], other[4, position]
        assert by_sequence(study, one.asvs, one.counts) == by_sequence(shuffled, two.asvs, two.counts)
        assert by_sequence(study, one.all_asvs, one.all_counts) == by_sequence(shuffled, two.all_asvs, two.all_counts)


def test_reads_below_the_depth_or_without_one_are_all_used() -> None:
    for depth in (None, 10**6):
        sample = dataset(make_study(COUNTS, rarefy_depth=depth))[0, 3]
        assert sample.counts.sum() == COUNTS[3].sum()


def test_token_limit() -> None:
    limited = {name: dataset(token_limit=5, asv_sampling=name)[0, 1] for name in ("abundance", "random", "first")}
    whole = dataset()[0, 1]
    for sample in limited.values():
        assert len(sample.asvs) == 5
        assert (np.diff(sample.asvs) > 0).all()
        assert np.array_equal(sample.all_asvs, whole.asvs)
        assert np.array_equal(sample.all_counts, whole.counts)
        assert by_table(sample.asvs, sample.counts).items() <= by_table(whole.asvs, whole.counts).items()
    assert sorted(limited["abundance"].counts) == sorted(whole.counts)[-5:]
    assert limited["first"].asvs.tolist() == whole.asvs[:5].tolist()
    assert dataset(token_limit=5, asv_sampling="random")[1, 1].asvs.tolist() != limited["random"].asvs.tolist()


def by_table(asvs: np.ndarray, counts: np.ndarray) -> dict[int, int]:
    return dict(zip(asvs.tolist(), counts.tolist(), strict=True))


def test_ties_are_broken_by_the_order_of_the_sequences() -> None:
    study = make_study(np.full((1, 6), 4))
    assert dataset(study, token_limit=3)[0, 0].asvs.tolist() == [0, 1, 2]


def test_items_do_not_change_the_study() -> None:
    study = make_study(COUNTS, rarefy_depth=DEPTH)
    before = study.table.counts.data.copy()
    for position in range(8):
        dataset(study, token_limit=2)[0, position]
        dataset(dataclasses.replace(study, rarefy_depth=None), token_limit=2)[0, position]
    assert np.array_equal(study.table.counts.data, before)


def test_collate() -> None:
    study = make_study(COUNTS, rarefy_depth=DEPTH)
    target, weight = np.linspace(0, 1, 16, dtype=np.float32).reshape(8, 2), np.arange(1.0, 9.0)
    collate = Collate.of(study, LEARNED, target, weight)
    data = dataset(study, token_limit=5)
    samples = [data[0, position] for position in (6, 1, 3)]
    batch = collate(samples)
    assert batch.rows_B.tolist() == [6, 1, 3]
    assert torch.equal(batch.target_BT, torch.from_numpy(target[[6, 1, 3]]))
    assert batch.weight_B.tolist() == [7, 2, 4]
    assert batch.weight_B.dtype == batch.truths.pairs["distance"].dtype == torch.float32
    assert batch.truths.samples["row"].tolist() == [6, 1, 3]
    assert batch.truths.asvs["asv"].tolist() == batch.asvs_U.tolist()
    assert batch.truths.asvs["asv"].dtype == torch.int64
    for place, sample in enumerate(samples):
        mask = batch.mask_BS[place]
        assert batch.asvs_U[batch.index_BS[place][mask]].tolist() == sample.asvs.tolist()
        assert batch.counts_BS[place][mask].tolist() == sample.counts.tolist()
    assert [decode(row) for row in batch.tokens_UL.numpy()] == study.table.sequences[batch.asvs_U.numpy()].tolist()


def test_distances_are_those_before_the_token_limit() -> None:
    study = make_study(COUNTS, rarefy_depth=DEPTH)
    collate = Collate.of(study, LEARNED)
    limited, whole = dataset(study, token_limit=2), dataset(study)
    batch = collate([limited[0, position] for position in range(4)])
    assert batch.counts_BS.shape == (4, 2)
    other = collate([whole[0, position] for position in range(4)])
    assert torch.equal(batch.truths.pairs["distance"], other.truths.pairs["distance"])
    rarefied = np.zeros((4, 30))
    for position in range(4):
        rarefied[position, whole[0, position].asvs] = whole[0, position].counts
    expected = bray_curtis(type(study.table.counts)(rarefied))
    np.testing.assert_allclose(batch.truths.pairs["distance"].numpy(), expected, atol=1e-6)


def test_dataset_and_collate_can_be_sent_to_a_worker() -> None:
    study = make_study(COUNTS, rarefy_depth=DEPTH)
    data, collate = pickle.loads(pickle.dumps((dataset(study), Collate.of(study, LEARNED))))
    batch = collate([data[0, 1]])
    assert batch.truths.pairs["distance"].tolist() == [[0]]
    assert len(batch) == 1


@pytest.mark.parametrize(
    ("depth", "sampling", "is_random"),
    [
        (DEPTH, {}, True),
        (None, {}, False),
        (int(COUNTS.sum(axis=1).max()), {}, False),
        (None, {"token_limit": 5, "asv_sampling": "random"}, True),
        (None, {"token_limit": 5}, False),
        (None, {"token_limit": 30, "asv_sampling": "random"}, False),
    ],
)
def test_it_is_known_whether_draws_differ(depth: int | None, sampling: dict[str, object], is_random: bool) -> None:
    data = dataset(make_study(COUNTS, rarefy_depth=depth), **sampling)
    assert data.is_random == is_random
    samples = [[data[epoch, position] for position in range(8)] for epoch in (0, 1)]
    first, second = ([(sample.asvs.tolist(), sample.counts.tolist()) for sample in drawn] for drawn in samples)
    assert (first != second) == is_random
