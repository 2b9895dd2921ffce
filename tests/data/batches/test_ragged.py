from __future__ import annotations

import pytest
import torch

from aam.data.batches.ragged import Ragged

LENGTHS = (3, 1, 2, 2)


def test_packing_and_padding_are_inverse() -> None:
    layout = Ragged.of_lengths(LENGTHS)
    x_T = torch.arange(1, 9)
    padded = layout.pad(x_T)
    assert padded.tolist() == [[1, 2, 3], [4, 0, 0], [5, 6, 0], [7, 8, 0]]
    assert torch.equal(layout.pack(padded), x_T)
    vectors = torch.randn(8, 5)
    assert layout.pad(vectors).shape == (4, 3, 5)
    assert torch.equal(layout.pack(layout.pad(vectors)), vectors)
    assert layout.key_mask[:, 0, 0].tolist() == (padded > 0).tolist()
    assert layout.position_T.tolist() == [0, 1, 2, 0, 0, 1, 0, 1]


def test_a_mask_may_have_holes() -> None:
    mask = torch.tensor([[False, True, True], [True, False, False]])
    layout = Ragged.of_mask(mask)
    assert layout.lengths == (2, 1)
    assert layout.pack(torch.arange(6).view(2, 3)).tolist() == [1, 2, 3]
    assert layout.pad(torch.tensor([1, 2, 3])).tolist() == [[0, 1, 2], [3, 0, 0]]


@pytest.mark.parametrize(
    "layout", [Ragged.of_lengths((2, 2)), Ragged.equal(2, 2), Ragged.of_mask(torch.ones(2, 2, dtype=torch.bool))]
)
def test_rows_of_equal_length_are_not_copied(layout: Ragged) -> None:
    x_BL = torch.randn(2, 2)
    assert layout.is_rectangle
    assert layout.lengths == (2, 2)
    assert layout.pack(x_BL).data_ptr() == x_BL.data_ptr() == layout.pad(layout.pack(x_BL)).data_ptr()


def test_runs_and_starts() -> None:
    layout = Ragged.of_lengths(LENGTHS)
    assert layout.runs == [(1, 3), (1, 1), (2, 2)]
    starts = layout.starts(torch.device("cpu"))
    assert starts.tolist() == [0, 3, 4, 6, 8]
    assert starts.dtype == torch.int32
    assert layout.starts(torch.device("cpu")) is starts
