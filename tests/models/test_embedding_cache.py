from __future__ import annotations

import numpy as np
import pytest
import torch

from aam.models import vector_cache as embedding_cache
from aam.models.vector_cache import encode_asvs, encode_samples, in_memory
from tests.models.model_cases import fresh_encoder, random_batch, tokens


def test_all_asvs_are_encoded_as_in_a_batch(monkeypatch: pytest.MonkeyPatch) -> None:
    model, tokens_AL = fresh_encoder(dropout=0.3), tokens()
    expected = model.asv_encoder(torch.from_numpy(tokens_AL)).asv_UD
    for block in (5, 24, 512):
        monkeypatch.setattr(embedding_cache, "ASVS_PER_BLOCK", block)
        vectors_AD = encode_asvs(model.asv_encoder, tokens_AL)
        assert vectors_AD.shape == (24, 16)
        assert not vectors_AD.requires_grad
        torch.testing.assert_close(vectors_AD, expected, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("training", [True, False])
def test_the_mode_is_given_back_and_dropout_never_used(training: bool) -> None:
    encoder = fresh_encoder(dropout=0.5).asv_encoder.train(training)
    first, second = encode_asvs(encoder, tokens()), encode_asvs(encoder, tokens())
    assert torch.equal(first, second)
    assert encoder.training == training


def test_cached_vectors_give_the_same_samples() -> None:
    model, batch = fresh_encoder(), random_batch()
    vectors_AD = encode_asvs(model.asv_encoder, tokens())
    cached = model(batch, asv_vectors_UD=vectors_AD[batch.asvs_U])
    torch.testing.assert_close(cached.sample.sample_BD, model(batch).sample.sample_BD, rtol=1e-4, atol=1e-5)


def test_tokens_are_left_as_they_are() -> None:
    tokens_AL = tokens()
    before = tokens_AL.copy()
    encode_asvs(fresh_encoder().asv_encoder, tokens_AL)
    assert np.array_equal(tokens_AL, before)


@pytest.mark.parametrize("training", [True, False])
def test_samples_are_encoded_in_evaluation_mode(training: bool) -> None:
    model, batch = fresh_encoder(dropout=0.5).train(training), random_batch()
    found = in_memory(encode_samples(model, encode_asvs(model.asv_encoder, tokens()), [batch, batch]))
    assert model.training == training
    expected = model.eval()(batch).sample
    assert torch.equal(found["rows_B"], torch.cat([batch.rows_B, batch.rows_B]))
    for vector_BD in found["vector_BD"].chunk(2):
        torch.testing.assert_close(vector_BD, expected.sample_BD, rtol=1e-4, atol=1e-5)
    assert not found["vector_BD"].requires_grad
