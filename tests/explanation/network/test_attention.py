"""Weights of attention: those that the layers have used, and their shares of a sample."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
import torch

from aam.data.study.study import Earlier
from aam.explanation.method import Subject
from aam.explanation.network.attention import BaseAttention, Pooling, Rollout
from aam.explanation.network.members import Reader, readers_of
from aam.explanation.network.weights import layer_weights, sample_weights, watched
from tests.explanation.network.cases import network, subject


def reader(asked: Subject) -> Reader:
    (found,) = readers_of(asked)[1]
    return found


def test_the_weights_give_the_output_of_their_layer() -> None:
    asked = subject(network(attention_layers=2))
    of = reader(asked)
    ((_, batch),) = of.batches(0)
    encoder, given = of.network.base.sample_encoder, []
    layers = [*encoder.sample_transformer.layers, *encoder.encoder_transformer.layers]
    with watched(layers, lambda layer, args: given.append((layer, args))), torch.no_grad():
        of.network(batch, None, of.vectors_AD[batch.asvs_U])
    assert len(given) == 4
    for layer, (x_TD, layout) in given:
        with torch.no_grad():
            values = layer.queries(x_TD)[2].split(list(layout.lengths))
            weights = list(layer_weights(layer, x_TD, layout))
            mixed = [torch.einsum("hqk,khe->qhe", w, v) for w, v in zip(weights, values, strict=True)]
            torch.testing.assert_close(layer.merge(x_TD, torch.cat(mixed)), layer(x_TD, layout), atol=1e-5, rtol=1e-5)


def test_nothing_goes_on_watching() -> None:
    asked = subject()
    of = reader(asked)
    ((_, batch),) = of.batches(0)
    before = sample_weights(of, batch)
    assert all(not module._forward_pre_hooks for module in of.network.modules())
    torch.testing.assert_close(sample_weights(of, batch), before, atol=0, rtol=0)


@pytest.mark.parametrize("method", [Pooling(), Rollout()])
def test_shares_of_a_sample_sum_to_one(method: Pooling | Rollout) -> None:
    asked = subject(network(seed=1), network(seed=2), draws=2, rarefy_depth=60)
    asvs, halves = method.explain(asked)
    assert asvs.by_sample_NGO.sum(axis=1) == pytest.approx(1, abs=1e-5)
    assert (asvs.by_sample_NGO >= 0).all()
    assert halves.by_sample_NGO.sum(axis=1) == pytest.approx(1, abs=1e-5)
    assert asvs.agreement_GO is not None
    assert not asvs.is_clear_GO.any()


def test_a_pooling_that_learned_nothing_weighs_by_abundance() -> None:
    asked = subject(network(sample_layers=0, encoder_layers=0))
    pool = reader(asked).network.base.sample_encoder
    with torch.no_grad():
        pool.pool.score.weight.zero_()
        pool.abundance_power.fill_(1.0)
    counts = asked.study.table.counts.toarray()
    shares = counts / counts.sum(axis=1, keepdims=True)
    for method in (Pooling(), Rollout()):
        assert method.explain(asked)[0].by_sample_NGO[..., 0] == pytest.approx(shares, abs=1e-6)


def test_rollout_is_the_product_of_the_layers() -> None:
    asked = dataclasses.replace(subject(network(sample_layers=2, encoder_layers=1)), rows=np.array([2]))
    of = reader(asked)
    ((_, batch),) = of.batches(0)
    steps: list[np.ndarray] = []
    encoder = of.network.base.sample_encoder

    def keep(layer, args) -> None:  # type: ignore[no-untyped-def]
        x_TD, _ = args
        q, k, _ = (one.numpy() for one in layer.queries(x_TD))
        score = np.einsum("qhe,khe->hqk", q, k) / np.sqrt(q.shape[-1])
        weight = np.exp(score) / np.exp(score).sum(axis=-1, keepdims=True)
        steps.append((np.eye(len(q)) + weight.mean(axis=0)) / 2)

    layers = [*encoder.sample_transformer.layers, *encoder.encoder_transformer.layers]
    with watched(layers, keep), torch.no_grad():
        of.network(batch, None, of.vectors_AD[batch.asvs_U])
    pooled, rolled = sample_weights(of, batch)
    expected = pooled[0].numpy() @ steps[2] @ steps[1] @ steps[0]
    assert rolled[0].numpy() == pytest.approx(expected, rel=1e-4)
    assert (rolled[0] - pooled[0]).abs().max() > 1e-3


def test_earlier_samples_leave_the_weights_as_they_are() -> None:
    asked = subject(network(reads_earlier=True))
    rows = np.array([[-1], [0], [1], [-1], [3]])
    earlier = Earlier(study=asked.study, row_NK=rows, gap_NK=(rows >= 0).astype(float))
    with_past = dataclasses.replace(asked, study=dataclasses.replace(asked.study, earlier=earlier))
    assert next(reader(with_past).batches(0))[1].earlier is not None
    for method in (Pooling(), Rollout()):
        found, alone = method.explain(with_past)[0], method.explain(asked)[0]
        assert found.by_sample_NGO == pytest.approx(alone.by_sample_NGO, abs=1e-6)


def test_bases_of_equal_score_have_equal_shares() -> None:
    asked = subject()
    with torch.no_grad():
        reader(asked).network.base.asv_encoder.pool.score.weight.zero_()
    (found,) = BaseAttention().explain(asked)
    assert found.level == "position"
    assert found.names == ("1-3", "4-6", "7-9", "10-12", "13-14")
    assert found.by_sample_NGO == pytest.approx(0.2, abs=1e-6)


def test_bases_of_other_scores_have_other_shares() -> None:
    (found,) = BaseAttention().explain(subject())
    assert found.by_sample_NGO.sum(axis=1) == pytest.approx(1, abs=1e-5)
    assert np.ptp(found.effect_GO) > 0.01
