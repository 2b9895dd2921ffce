from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import Tensor

from aam.alphabet import PAD
from aam.models.asv_encoder import AsvEncoder, sinusoids
from tests.models.model_cases import all_weights_move, model_options, tokens


def encoder(**changes: object) -> AsvEncoder:
    torch.manual_seed(0)
    made = AsvEncoder(model_options(**changes)).eval()
    all_weights_move(made)
    return made


def codes() -> Tensor:
    return torch.from_numpy(tokens())


@pytest.mark.parametrize("patch", [1, 3, 5])
def test_padding_cannot_matter(patch: int) -> None:
    model, tokens_UL = encoder(nucleotide_patch=patch), codes()
    together = model(tokens_UL)
    wider = model(torch.nn.functional.pad(tokens_UL, (0, 13), value=PAD))
    torch.testing.assert_close(wider.asv_UD, together.asv_UD, rtol=1e-4, atol=1e-5)
    for row, sequence in enumerate(tokens_UL):
        alone = model(sequence[sequence != PAD][None])
        torch.testing.assert_close(alone.asv_UD[0], together.asv_UD[row], rtol=1e-4, atol=1e-5)
        patches = alone.patch_UPD[0]
        torch.testing.assert_close(together.patch_UPD[row, : len(patches)], patches, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize(("patch", "places"), [(1, 17), (5, 4), (17, 1), (30, 1)])
def test_shapes(patch: int, places: int) -> None:
    encoded = encoder(nucleotide_patch=patch)(codes())
    assert encoded.asv_UD.shape == (24, 16)
    assert encoded.patch_UPD.shape == (24, places, 16)


@pytest.mark.parametrize("chunk", [1, 7, 24, 100])
def test_chunks_give_the_same(chunk: int) -> None:
    whole, parts = encoder()(codes()), encoder(asv_chunk_size=chunk)(codes())
    torch.testing.assert_close(parts.asv_UD, whole.asv_UD, rtol=1e-4, atol=1e-5)
    torch.testing.assert_close(parts.patch_UPD, whole.patch_UPD, rtol=1e-4, atol=1e-5)


def test_the_order_of_asvs_is_irrelevant() -> None:
    model, tokens_UL = encoder(), codes()
    order = torch.from_numpy(np.random.default_rng(0).permutation(len(tokens_UL)))
    torch.testing.assert_close(model(tokens_UL[order]).asv_UD, model(tokens_UL).asv_UD[order], rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("patch", [1, 5])
def test_the_order_of_bases_is_not(patch: int) -> None:
    model = encoder(nucleotide_patch=patch)
    sequence = torch.tensor([[1, 2, 3, 4, 1, 3, 3, 2, 4, 4]], dtype=torch.uint8)
    shifted = sequence.roll(5, dims=1)
    assert (model(sequence).asv_UD - model(shifted).asv_UD).abs().max() > 1e-2


@pytest.mark.parametrize("patch", [1, 5])
def test_every_base_matters(patch: int) -> None:
    model = encoder(nucleotide_patch=patch)
    sequence = codes()[:1]
    for place in range(sequence.shape[1]):
        changed = sequence.clone()
        changed[0, place] = changed[0, place] % 4 + 1
        assert (model(changed).asv_UD - model(sequence).asv_UD).abs().max() > 1e-4


def test_a_fresh_encoder_tells_near_and_far_sequences() -> None:
    torch.manual_seed(0)
    model = AsvEncoder(model_options(embedding_dim=64)).eval()
    tokens_UL = torch.from_numpy(tokens(longest=150))
    near = tokens_UL.clone()
    near[:, 3] = near[:, 3] % 4 + 1
    vectors, moved = model(tokens_UL).asv_UD, model(near).asv_UD
    to_near = (vectors - moved).norm(dim=1)
    to_others = torch.cdist(vectors, vectors).fill_diagonal_(torch.inf).min(dim=1).values
    assert (to_near < to_others).all()


def test_sinusoids() -> None:
    like = torch.zeros(1, 1, 6)
    table_PD = sinusoids(4, 5, like)
    rate = np.array([1, 10_000 ** (-1 / 3), 10_000 ** (-2 / 3)])
    angle = 5 * np.arange(4)[:, None] * rate
    expected = np.concatenate([np.sin(angle), np.cos(angle)], axis=1)
    assert table_PD.numpy() == pytest.approx(expected, abs=1e-5)
    assert sinusoids(4, 5, torch.zeros(1, 1, 7)).shape == (4, 7)
    assert sinusoids(2, 1, like.bfloat16()).dtype == torch.bfloat16


def test_sinusoids_encode_the_base_position() -> None:
    like = torch.zeros(1, 1, 8)
    torch.testing.assert_close(sinusoids(4, 5, like), sinusoids(20, 1, like)[::5])


def test_recomputing_gives_the_same_gradients() -> None:
    gradients = []
    for recompute in (False, True):
        model = encoder(gradient_checkpointing=recompute).train()
        model(codes()).asv_UD.square().sum().backward()
        gradients.append([parameter.grad for parameter in model.parameters()])
    torch.testing.assert_close(gradients[0], gradients[1])
