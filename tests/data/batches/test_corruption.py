from __future__ import annotations

import itertools

import pytest
import torch
from torch import Tensor

from aam.alphabet import MASK, PAD, A, N
from aam.data.batches.corruption import (
    SPAN_LENGTHS,
    apply_mask,
    hide_abundances,
    hide_levels,
    hide_numbers,
    is_base,
    mask_bases,
)


def generator(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def sequences(number: int = 400, length: int = 150) -> Tensor:
    """Random bases; the last 30 places are padded in every second sequence, one place in 20 is N."""
    tokens_UL = torch.randint(1, 5, (number, length), generator=generator(), dtype=torch.uint8)
    tokens_UL[torch.rand(number, length, generator=generator(1)) < 0.05] = N
    tokens_UL[::2, -30:] = PAD
    return tokens_UL


@pytest.mark.parametrize("strategy", ["random", "span"])
@pytest.mark.parametrize("ratio", [0.05, 0.15, 0.4])
def test_about_the_ratio_is_masked_and_only_bases(strategy: str, ratio: float) -> None:
    tokens_UL = sequences()
    masked_UL = mask_bases(tokens_UL, ratio, strategy, generator())  # type: ignore[arg-type]
    bases_UL = is_base(tokens_UL)
    assert not masked_UL[~bases_UL].any()
    assert float(masked_UL.sum() / bases_UL.sum()) == pytest.approx(ratio, rel=0.06)


@pytest.mark.parametrize("strategy", ["random", "span"])
def test_nothing_is_masked_at_ratio_0(strategy: str) -> None:
    assert not mask_bases(sequences(), 0.0, strategy, generator()).any()  # type: ignore[arg-type]


def test_spans_are_of_three_to_five_bases() -> None:
    tokens_UL = torch.full((4000, 60), A, dtype=torch.uint8)
    masked_UL = mask_bases(tokens_UL, 0.01, "span", generator())
    runs = [run for row in masked_UL.tolist() for run in _runs(row)]
    whole = [length for hidden, length, end in runs if hidden and end < 60]
    assert len(whole) > 300
    shares = [whole.count(length) / len(whole) for length in SPAN_LENGTHS]
    assert min(whole) == 3
    assert sum(shares) > 0.97, "a few runs touch"
    assert shares == pytest.approx([1 / 3] * 3, abs=0.06)


def _runs(row: list[bool]) -> list[tuple[bool, int, int]]:
    """Value, length and end of each run."""
    found, end = [], 0
    for value, run in itertools.groupby(row):
        length = len(list(run))
        end += length
        found.append((value, length, end))
    return found


def test_single_bases_are_masked_independently() -> None:
    masked_UL = mask_bases(torch.full((4000, 50), A, dtype=torch.uint8), 0.2, "random", generator())
    neighbours = masked_UL[:, 1:] & masked_UL[:, :-1]
    assert float(neighbours.float().mean()) == pytest.approx(0.04, rel=0.1)


@pytest.mark.parametrize("length", [1, 2, 3, 4])
def test_short_sequences(length: int) -> None:
    tokens_UL = torch.full((500, length), A, dtype=torch.uint8)
    masked_UL = mask_bases(tokens_UL, 0.3, "span", generator())
    assert masked_UL.shape == tokens_UL.shape
    assert masked_UL.any()


@pytest.mark.parametrize("strategy", ["random", "span"])
def test_the_choice_is_that_of_the_generator_alone(strategy: str) -> None:
    torch.manual_seed(0)
    before = torch.random.get_rng_state()
    first, second, other = (
        mask_bases(sequences(), 0.15, strategy, generator(seed))  # type: ignore[arg-type]
        for seed in (5, 5, 6)
    )
    assert torch.equal(first, second)
    assert not torch.equal(first, other)
    assert torch.equal(torch.random.get_rng_state(), before)


def test_masked_tokens_are_replaced() -> None:
    tokens_UL = sequences(10)
    masked_UL = mask_bases(tokens_UL, 0.5, "random", generator())
    hidden_UL = apply_mask(tokens_UL, masked_UL)
    assert hidden_UL.dtype == torch.uint8
    assert (hidden_UL[masked_UL] == MASK).all()
    assert torch.equal(hidden_UL[~masked_UL], tokens_UL[~masked_UL])
    assert apply_mask(tokens_UL, None) is tokens_UL


def test_hidden_abundances() -> None:
    mask_BS = torch.arange(200) < torch.randint(1, 200, (100, 1), generator=generator())
    hidden_BS = hide_abundances(mask_BS, 0.15, generator())
    assert not hidden_BS[~mask_BS].any()
    assert float(hidden_BS.sum() / mask_BS.sum()) == pytest.approx(0.15, rel=0.06)
    assert torch.equal(hide_abundances(mask_BS, 0.15, generator()), hidden_BS)
    assert torch.equal(hide_abundances(mask_BS, 1.0, generator()), mask_BS)


def test_hidden_levels() -> None:
    category_BC = torch.randint(0, 5, (4000, 3), generator=generator())
    hidden_BC = hide_levels(category_BC, 0.1, generator())
    changed_BC = hidden_BC != category_BC
    assert (hidden_BC[changed_BC] == 0).all()
    assert (changed_BC.sum(dim=0) / (category_BC > 0).sum(dim=0)).tolist() == pytest.approx([0.1] * 3, rel=0.2)
    assert torch.equal(hide_levels(category_BC, 0.1, generator()), hidden_BC)
    assert torch.equal(hide_levels(category_BC, 0.0, generator()), category_BC)


def test_hidden_numbers_are_missing_ones() -> None:
    number_BM = torch.stack([torch.randn(4000, 2, generator=generator()), torch.zeros(4000, 2)], dim=2).flatten(1)
    hidden_BM = hide_numbers(number_BM, 0.1, generator())
    changed_B2 = (hidden_BM != number_BM).unflatten(1, (2, 2)).any(dim=2)
    assert changed_B2.float().mean(dim=0).tolist() == pytest.approx([0.1, 0.1], rel=0.2)
    assert (hidden_BM.unflatten(1, (2, 2))[changed_B2] == torch.tensor([0.0, 1.0])).all()
    assert torch.equal(hide_numbers(number_BM, 0.1, generator()), hidden_BM)
    assert hide_numbers(torch.zeros(3, 0), 0.5, generator()).shape == (3, 0)
