from __future__ import annotations

from typing import Literal

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from aam.data.batches.ragged import Ragged
from aam.models.pooling import relative_abundance
from aam.models.sample_encoder import SampleEncoder, log_shares
from tests.models.model_cases import all_weights_move, model_options

Method = Literal["add", "concat", "film"]
METHODS: tuple[Method, ...] = ("add", "concat", "film")
NUM_ASVS, DIM = 12, 16
INDEX_BS = torch.tensor([[0, 3, 4, 7, 11], [1, 2, 5, 0, 0], [9, 0, 0, 0, 0]])
COUNTS_BS = torch.tensor([[5.0, 100.0, 1.0, 40.0, 7.0], [3.0, 2.0, 60.0, 0.0, 0.0], [8.0, 0.0, 0.0, 0.0, 0.0]])
MASK_BS = COUNTS_BS > 0


def encoder(**changes: object) -> SampleEncoder:
    torch.manual_seed(0)
    made = SampleEncoder(model_options(**changes)).eval()
    all_weights_move(made)
    return made


def vectors() -> Tensor:
    return torch.randn(NUM_ASVS, DIM, generator=torch.Generator().manual_seed(2))


@pytest.mark.parametrize("method", METHODS)
def test_the_order_of_asvs_is_irrelevant(method: Method) -> None:
    model, asv_UD = encoder(count_embedding_method=method), vectors()
    order = torch.tensor([3, 0, 4, 2, 1])
    given = model(asv_UD, INDEX_BS, COUNTS_BS)
    shuffled = model(asv_UD, INDEX_BS[:, order], COUNTS_BS[:, order])
    torch.testing.assert_close(shuffled.sample_BD, given.sample_BD, rtol=0, atol=1e-5)
    torch.testing.assert_close(shuffled.profile_BK, given.profile_BK, rtol=0, atol=1e-5)
    there = MASK_BS[:, order]
    torch.testing.assert_close(shuffled.context_BSD[there], given.context_BSD[:, order][there], rtol=0, atol=1e-5)


def test_the_order_of_the_batchs_asvs_is_irrelevant() -> None:
    model, asv_UD = encoder(), vectors()
    order = torch.randperm(NUM_ASVS, generator=torch.Generator().manual_seed(0))
    moved = model(asv_UD[order], order.argsort()[INDEX_BS], COUNTS_BS)
    torch.testing.assert_close(moved.sample_BD, model(asv_UD, INDEX_BS, COUNTS_BS).sample_BD, rtol=0, atol=1e-5)


def test_padding_is_irrelevant() -> None:
    model, asv_UD = encoder(), vectors()
    together = model(asv_UD, INDEX_BS, COUNTS_BS)
    other_index = torch.where(MASK_BS, INDEX_BS, 6)
    elsewhere = model(asv_UD, other_index, COUNTS_BS)
    torch.testing.assert_close(elsewhere.sample_BD, together.sample_BD, rtol=0, atol=1e-5)
    for row, size in enumerate(MASK_BS.sum(dim=1).tolist()):
        alone = model(asv_UD, INDEX_BS[row : row + 1, :size], COUNTS_BS[row : row + 1, :size])
        torch.testing.assert_close(alone.sample_BD[0], together.sample_BD[row], rtol=0, atol=1e-5)
        torch.testing.assert_close(alone.context_BSD[0], together.context_BSD[row, :size], rtol=0, atol=1e-5)
        torch.testing.assert_close(alone.profile_BK[0], together.profile_BK[row], rtol=0, atol=1e-5)


def test_more_reads_of_the_same_composition_change_nothing() -> None:
    model, asv_UD = encoder(), vectors()
    once, thrice = model(asv_UD, INDEX_BS, COUNTS_BS), model(asv_UD, INDEX_BS, 3 * COUNTS_BS)
    torch.testing.assert_close(thrice.sample_BD, once.sample_BD, rtol=0, atol=1e-5)


@pytest.mark.parametrize("method", METHODS)
def test_the_context_reacts_to_abundance(method: Method) -> None:
    model, asv_UD = encoder(count_embedding_method=method), vectors()
    changed = COUNTS_BS.clone()
    changed[0, 1] = 10
    before, after = model(asv_UD, INDEX_BS, COUNTS_BS), model(asv_UD, INDEX_BS, changed)
    assert (after.context_BSD[0, 1] - before.context_BSD[0, 1]).abs().max() > 0.05
    torch.testing.assert_close(after.context_BSD[1], before.context_BSD[1])


def test_without_count_embedding_only_the_readout_counts() -> None:
    model, asv_UD = encoder(count_embedding=False), vectors()
    changed = torch.where(MASK_BS, 10.0, 0.0)
    before, after = model(asv_UD, INDEX_BS, COUNTS_BS), model(asv_UD, INDEX_BS, changed)
    torch.testing.assert_close(after.context_BSD[MASK_BS], before.context_BSD[MASK_BS])
    assert (after.sample_BD[0] - before.sample_BD[0]).abs().max() > 0.05


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("hidden_places", [[1], [1, 3], [0, 1, 2, 3, 4]])
def test_hidden_abundances_cannot_leak_into_the_context(method: Method, hidden_places: list[int]) -> None:
    model, asv_UD = encoder(count_embedding_method=method), vectors()
    hidden_BS = torch.zeros_like(MASK_BS)
    hidden_BS[0, hidden_places] = True
    changed = COUNTS_BS.clone()
    changed[0, hidden_places] = torch.arange(1.0, len(hidden_places) + 1)
    before, after = (model(asv_UD, INDEX_BS, counts, hidden_BS) for counts in (COUNTS_BS, changed))
    torch.testing.assert_close(after.context_BSD[MASK_BS], before.context_BSD[MASK_BS], rtol=0, atol=1e-6)
    shown = model(asv_UD, INDEX_BS, COUNTS_BS)
    assert (shown.context_BSD[0] - before.context_BSD[0]).abs().max() > 0.01
    torch.testing.assert_close(shown.context_BSD[2, 0], before.context_BSD[2, 0])


def test_every_asv_reaches_the_sample() -> None:
    model, asv_UD = encoder(), vectors().requires_grad_()
    model(asv_UD, INDEX_BS, COUNTS_BS).sample_BD.square().sum().backward()
    assert asv_UD.grad is not None
    used = torch.zeros(NUM_ASVS, dtype=torch.bool)
    used[INDEX_BS[MASK_BS]] = True
    assert asv_UD.grad[used].abs().sum(dim=1).min() > 0
    assert not asv_UD.grad[~used].any()


@pytest.mark.parametrize("num_soft_clades", [0, 3, 40])
def test_the_profile_is_optional(num_soft_clades: int) -> None:
    encoded = encoder(num_soft_clades=num_soft_clades)(vectors(), INDEX_BS, COUNTS_BS)
    assert encoded.sample_BD.shape == (3, DIM)
    if num_soft_clades:
        assert encoded.profile_BK is not None
        assert encoded.profile_BK.shape == (3, num_soft_clades)
    else:
        assert encoded.profile_BK is None


def test_levels_without_layers() -> None:
    encoded = encoder(sample_layers=0, encoder_layers=0)(vectors(), INDEX_BS, COUNTS_BS)
    assert torch.isfinite(encoded.sample_BD).all()


def test_log_shares() -> None:
    shares = log_shares(torch.tensor([[1.0, 3.0, 0.0], [0.0, 0.0, 0.0]])).exp()
    torch.testing.assert_close(shares, torch.tensor([[0.25, 0.75, 1e-9], [1e-9, 1e-9, 1e-9]]))


@pytest.mark.parametrize("precision", [torch.bfloat16, torch.float16])
def test_lower_precision_stays_near(precision: torch.dtype) -> None:
    model, asv_UD = encoder(), vectors()
    exact = model(asv_UD, INDEX_BS, COUNTS_BS)
    with torch.autocast("cpu", precision):
        rounded = model(asv_UD, INDEX_BS, COUNTS_BS)
    torch.testing.assert_close(rounded.profile_BK, exact.profile_BK)
    torch.testing.assert_close(rounded.sample_BD.float(), exact.sample_BD, rtol=0.1, atol=0.2)


def everything_padded(model: SampleEncoder, asv_UD: Tensor, index_BS: Tensor, counts_BS: Tensor) -> tuple[Tensor, ...]:
    """The contexts and sample vectors with the contexts padded at once, whoever asks for them."""
    layout, log_BS = Ragged.of_mask(counts_BS > 0), log_shares(counts_BS)
    assert model.abundance is not None
    assert model.soft_clades is not None
    x_TD = model.abundance(F.embedding(layout.pack(index_BS), asv_UD), layout.pack(log_BS), None)
    context_TD = model.sample_transformer(x_TD, layout)
    context_BSD = layout.pad(context_TD)
    encoded_BSD = layout.pad(model.encoder_transformer(context_TD, layout))
    pooled_BD = model.pool(encoded_BSD, None if layout.is_rectangle else counts_BS > 0, model.abundance_power * log_BS)
    profile_BK = model.soft_clades(asv_UD, relative_abundance(index_BS, counts_BS, len(asv_UD)))
    return context_BSD, model.norm(pooled_BD + model.profile(profile_BK))


@pytest.mark.parametrize("rows", [[0, 1, 2], [0]])
def test_contexts_that_are_made_when_asked_for_change_no_bit(rows: list[int]) -> None:
    """Neither of the outputs nor of a gradient, with and without padding."""
    index_BS, counts_BS = INDEX_BS[rows], COUNTS_BS[rows]
    found = []
    for is_lazy in (True, False):
        model, asv_UD = encoder(), vectors().requires_grad_()
        if is_lazy:
            encoded = model(asv_UD, index_BS, counts_BS)
            context_BSD, sample_BD = encoded.context_BSD, encoded.sample_BD
        else:
            context_BSD, sample_BD = everything_padded(model, asv_UD, index_BS, counts_BS)
        (context_BSD.square().sum() + sample_BD.exp().sum()).backward()
        given = {name: weight for name, weight in model.named_parameters() if weight.grad is not None}
        gradients = {name: weight.grad for name, weight in {**given, "asv_UD": asv_UD}.items()}
        found.append({"context_BSD": context_BSD, "sample_BD": sample_BD, **gradients})
    lazy, eager = found
    assert len(lazy) > 20
    assert lazy.keys() == eager.keys()
    for name, values in lazy.items():
        assert torch.equal(values, eager[name]), name  # type: ignore[arg-type]


def test_contexts_are_zero_where_padded_and_packed_elsewhere() -> None:
    found = encoder()(vectors(), INDEX_BS, COUNTS_BS)
    assert found.context_TD.shape == (int(MASK_BS.sum()), DIM)
    assert torch.equal(found.context_BSD[MASK_BS], found.context_TD)
    assert not found.context_BSD[~MASK_BS].any()
