from __future__ import annotations

import dataclasses

import numpy as np
import torch

from aam.data.batches.batch import NOT_BY_SAMPLE, Batch, Sample, Truths, encoded_batch, make_batch

TOKENS = np.array([[1, 2, 3, 0], [4, 4, 0, 0], [1, 1, 1, 1], [2, 2, 2, 0]], dtype=np.uint8)
LENGTHS = np.array([3, 2, 4, 3])


def sample(row: int, asvs: list[int], counts: list[int]) -> Sample:
    return Sample(row, np.array(asvs), np.array(counts), np.array(asvs), np.array(counts))


def test_each_distinct_asv_is_held_once() -> None:
    samples = [sample(7, [0, 3], [5, 1]), sample(2, [1], [2]), sample(9, [0, 1, 3], [1, 2, 3])]
    batch = make_batch(samples, TOKENS, LENGTHS)
    assert len(batch) == 3
    assert batch.rows_B.tolist() == [7, 2, 9]
    assert batch.asvs_U.tolist() == [1, 0, 3]
    assert batch.bases == (2, 3, 3)
    assert batch.index_BS.tolist() == [[1, 2, 0], [0, 0, 0], [1, 0, 2]]
    assert batch.layout.lengths == (2, 1, 3)
    assert batch.counts_BS.tolist() == [[5, 1, 0], [2, 0, 0], [1, 2, 3]]
    assert batch.mask_BS.tolist() == [[True, True, False], [True, False, False], [True, True, True]]


def test_tokens_are_trimmed_to_the_longest_of_the_batch() -> None:
    batch = make_batch([sample(0, [0, 1, 3], [1, 1, 1])], TOKENS, LENGTHS)
    assert batch.tokens_UL.tolist() == [[4, 4, 0], [1, 2, 3], [2, 2, 2]]
    assert batch.tokens_UL.dtype == torch.uint8
    assert make_batch([sample(0, [1], [1])], TOKENS, LENGTHS).tokens_UL.shape == (1, 2)


def test_types() -> None:
    batch = make_batch([sample(0, [0], [3])], TOKENS, LENGTHS)
    assert {t.dtype for t in (batch.rows_B, batch.asvs_U, batch.index_BS)} == {torch.int64}
    assert batch.counts_BS.dtype == torch.float32


def test_to_moves_every_tensor_and_keeps_what_is_absent() -> None:
    batch = make_batch([sample(0, [0], [3]), sample(1, [0, 1], [1, 1])], TOKENS, LENGTHS)
    batch.target_BT = torch.tensor([[1.5], [2.5]])
    batch.truths = Truths(pairs={"distance": torch.zeros(2, 2)})
    moved = batch.to("meta", non_blocking=True)
    assert isinstance(moved, Batch)
    assert moved.tokens_UL.device.type == "meta"
    assert moved.target_BT is not None
    assert moved.target_BT.device.type == "meta"
    assert moved.layout.place_T is not None
    assert moved.layout.place_T.device.type == "meta"
    assert moved.bases == batch.bases
    assert moved.truths.pairs["distance"].device.type == "meta"
    assert not moved.truths.samples
    assert batch.tokens_UL.device.type == "cpu"


def test_parts_by_sample_are_told_by_the_letters_of_their_names() -> None:
    """A part that is new is kept sample by sample unless it is declared not to be."""
    for field in dataclasses.fields(Batch):
        letters = field.name.rpartition("_")[2]
        is_by_sample = letters.startswith("B") and not {"B", "S"} & set(letters[1:])
        assert is_by_sample == (field.name not in NOT_BY_SAMPLE), field.name


def test_samples_without_their_asvs_keep_all_that_is_theirs() -> None:
    batch = make_batch([sample(7, [0, 3], [5, 1]), sample(2, [1], [2])], TOKENS, LENGTHS)
    batch.target_BT = torch.tensor([[1.5], [2.5]])
    batch.truths = Truths(pairs={"distance": torch.zeros(2, 2)}, asvs={"taxonomy": torch.zeros(3, dtype=torch.int64)})
    parts = batch.sample_parts()
    assert sorted(parts) == ["rows_B", "target_BT"]
    second = encoded_batch(vector_BD=torch.ones(1, 4), **{name: part[1:] for name, part in parts.items()})
    assert len(second) == 1
    assert second.rows_B.tolist() == [2]
    assert second.target_BT is not None
    assert second.target_BT.tolist() == [[2.5]]
    assert second.index_BS.shape == (1, 0)
    assert second.weight_B is None
    assert not second.truths.pairs
