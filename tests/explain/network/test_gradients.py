"""Gradients of networks: their sums are differences of predictions, in the user's units."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
import torch
from scipy.sparse import csr_array

from aam.config import LossOptions
from aam.data.targets.kinds import NUMBERS, TargetSpec
from aam.explain.method import Subject
from aam.explain.model import with_counts
from aam.explain.network import gradients
from aam.explain.network.baseline import log_counts, mean_vector, training_shares
from aam.explain.network.gradients import AbundanceGradients, IdentityGradients
from aam.explain.network.members import readers_of
from aam.learners.novelty.familiarity import Familiarity
from aam.learners.reference import Reference
from tests.explain.network.cases import network, subject
from tests.models.model_cases import CLASSES, REGRESSION

LOGS = TargetSpec(column="cells", kind=NUMBERS, transform="log-zscore", shift=3.0, scale=1.5)
CASES = {
    "numbers": (REGRESSION, None),
    "logs": (LOGS, None),
    "classes": (CLASSES, None),
    "quantiles": (LOGS, LossOptions(loss_type="quantile")),
}


def even(subject: Subject) -> np.ndarray:
    """Predictions of the samples with one read of each of their ASVs."""
    counts = subject.study.table.counts[subject.rows]
    ones = csr_array((np.ones_like(counts.data), counts.indices, counts.indptr), counts.shape)
    variants = with_counts(subject.study, subject.rows, ones)
    return subject.model.predict(variants, np.arange(len(subject)))["model"]


def alike(subject: Subject) -> np.ndarray:
    """Predictions of the samples with the mean vector for all ASVs."""
    (reader,) = readers_of(subject)[1]
    weight = np.bincount(subject.study.table.counts.indices)
    mean = torch.from_numpy(weight / weight.sum()).float() @ reader.vectors_AD
    ((_, batch),) = reader.batches(0)
    with torch.no_grad():
        learned = reader.network.outputs(reader.network(batch, None, mean.expand(len(batch.asvs_U), -1))).double()
    return subject.model.in_units(subject.study, subject.rows, learned.numpy())


@pytest.mark.parametrize("case", CASES)
@pytest.mark.parametrize(("method", "baseline"), [(AbundanceGradients(), even), (IdentityGradients(), alike)])
def test_they_sum_to_the_change_from_the_baseline(method, baseline, case: str) -> None:  # type: ignore[no-untyped-def]
    spec, loss = CASES[case]
    asked = subject(network(spec, loss=loss))
    asvs, halves = method.explain(asked)
    change = asked.model.predict(asked.study, asked.rows)["model"] - baseline(asked)
    assert np.abs(change).max() > 1e-3
    assert asvs.by_sample_NGO.sum(axis=1) == pytest.approx(change, rel=1e-3, abs=1e-3 * np.abs(change).max())
    assert halves.by_sample_NGO.sum(axis=1) == pytest.approx(asvs.by_sample_NGO.sum(axis=1), rel=1e-4, abs=1e-6)


@pytest.mark.parametrize("method", [AbundanceGradients(), IdentityGradients()])
def test_what_a_sample_lacks_has_no_part(method: AbundanceGradients | IdentityGradients) -> None:
    asked = subject()
    found = method.explain(asked)[0]
    has = asked.study.table.counts.toarray() > 0
    assert not found.by_sample_NGO[~has].any()
    assert (found.support_G == has.sum(axis=0)).all()
    assert found.learner == "model"


def test_the_same_asv_under_two_names_has_the_same_part() -> None:
    asked = subject()
    tokens = asked.study.tokens.copy()
    tokens[1] = tokens[0]
    counts = np.full((5, 12), 7) + np.arange(12) // 2
    study = dataclasses.replace(asked.study, tokens=tokens)
    table = dataclasses.replace(study.table, counts=csr_array(counts))
    twins = dataclasses.replace(asked, study=dataclasses.replace(study, table=table))
    for method in (AbundanceGradients(), IdentityGradients()):
        part = method.explain(twins)[0].by_sample_NGO
        assert part[:, 0] == pytest.approx(part[:, 1], rel=1e-4, abs=1e-6)
        assert np.abs(part[:, 0] - part[:, 2]).max() > 1e-4


def test_networks_of_an_ensemble_are_averaged_and_compared() -> None:
    one, other = network(seed=1), network(seed=2)
    both = AbundanceGradients().explain(subject(one, other))[0]
    alone = [AbundanceGradients().explain(subject(each))[0] for each in (one, other)]
    # Of numbers that are only scaled, the mean of the networks' attributions is that of their mean.
    assert both.by_sample_NGO == pytest.approx(np.mean([each.by_sample_NGO for each in alone], axis=0), abs=1e-5)
    same = np.sign(alone[0].effect_GO) == np.sign(alone[1].effect_GO)
    assert both.agreement_GO is not None
    assert (both.agreement_GO[same] == 1).all()
    assert (both.agreement_GO[~same] == 0.5).all()
    assert alone[0].agreement_GO is None


def test_draws_are_averaged_and_widen_the_interval() -> None:
    calls: list[int] = []
    drawn = dataclasses.replace(subject(draws=3, rarefy_depth=40), on_done=calls.append)
    found = AbundanceGradients().explain(drawn)[0]
    assert sum(calls) == AbundanceGradients().num_predictions(drawn)
    one = AbundanceGradients().explain(dataclasses.replace(drawn, draws=1))[0]
    assert not np.allclose(found.by_sample_NGO, one.by_sample_NGO)
    assert found.has_NG is not None
    assert one.has_NG is not None
    assert found.has_NG.sum() > one.has_NG.sum()


def test_the_baseline_is_the_mean_training_composition() -> None:
    asked = subject()
    counts = np.array([[3, 1] + [0] * 10, [1, 1] + [0] * 10])
    trained = dataclasses.replace(asked.study.table, counts=csr_array(counts), sample_ids=asked.study.sample_ids[:2])
    reference = Reference.fit(dataclasses.replace(asked.study, table=trained), np.arange(2))
    (learner,) = asked.model.predictor.learners
    learner.task = dataclasses.replace(learner.task, reference=reference)
    share_A = training_shares(asked.model.predictor, asked.study)
    assert share_A == pytest.approx([0.625, 0.375] + [0] * 10)
    ((_, batch),) = readers_of(asked)[1][0].batches(0)
    there = batch.mask_BS[0].numpy()
    asvs, reads = batch.asvs_U.numpy()[batch.index_BS[0].numpy()[there]], batch.counts_BS[0].sum().item()
    expected = (share_A + 1e-4)[asvs] / (share_A + 1e-4)[asvs].sum() * reads
    assert log_counts(batch, share_A)[0].exp().numpy()[there] == pytest.approx(expected, rel=1e-4)


def test_the_weights_can_be_trained_afterwards() -> None:
    asked = subject()
    AbundanceGradients().explain(asked)
    assert all(weight.requires_grad for weight in readers_of(asked)[1][0].network.parameters())


def test_more_steps_are_taken_where_few_do_not_sum_up(monkeypatch: pytest.MonkeyPatch) -> None:
    asked = subject()
    asked.model.predictor.learners[0].interpreter(asked.study).models[0].head.out.weight.data *= 30  # type: ignore[attr-defined]
    method, change = AbundanceGradients(), asked.model.predict(asked.study, asked.rows)["model"] - even(asked)
    off = []
    for steps in ((1,), (1, 64), (64,)):
        monkeypatch.setattr(gradients, "STEPS", steps)
        off.append(np.abs(method.explain(asked)[0].by_sample_NGO.sum(axis=1) - change).max())
    assert off[0] > 1e-2 * np.abs(change).max()
    assert off[1] == off[2] < 1e-3 * np.abs(change).max()


def test_covariates_stay_those_of_their_sample() -> None:
    asked = dataclasses.replace(subject(network(told=True)), rows=np.array([4, 1, 0]), unit_N=np.arange(3))
    found = AbundanceGradients().explain(asked)[0]
    change = asked.model.predict(asked.study, asked.rows)["model"] - even(asked)
    assert found.by_sample_NGO.sum(axis=1) == pytest.approx(change, rel=1e-3, abs=1e-3 * np.abs(change).max())


def test_the_vector_of_the_baseline_is_that_of_training_asvs() -> None:
    asked = subject()
    familiarity = Familiarity.fit(asked.study, np.array([0, 1]))
    (learner,) = asked.model.predictor.learners
    (reader,) = readers_of(asked)[1]
    unknown = mean_vector(reader, asked)
    learner.task = dataclasses.replace(learner.task, familiarity=familiarity)
    weight = np.bincount(asked.study.table.counts[[0, 1]].indices, minlength=12)
    expected = torch.from_numpy(weight / weight.sum()).float() @ reader.vectors_AD
    torch.testing.assert_close(mean_vector(reader, asked), expected, atol=1e-5, rtol=1e-5)
    assert (unknown - expected).abs().max() > 1e-3
