"""Bases that are hidden, window by window."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from aam.alphabet import PAD, N
from aam.explain.positions import MOST_WINDOWS, Positions, windows, without_bases
from tests.explain.network.cases import subject


def test_windows_cover_each_base_once() -> None:
    assert windows(7, 3).names == ("1-3", "4-6", "7")
    assert windows(3, 1).names == ("1", "2", "3")
    assert [len(windows(size, -(-size // MOST_WINDOWS))) for size in (1, 30, 31, 150, 253)] == [1, 30, 16, 30, 29]
    assert np.concatenate([np.arange(20)[one] for one in windows(20, 6).slices]).tolist() == list(range(20))


def test_hidden_bases_are_unknown_and_the_end_stays() -> None:
    study = subject().study
    study.tokens[0, 10:] = PAD
    hidden = without_bases(study, slice(8, 12)).tokens
    assert hidden[0].tolist() == [*study.tokens[0, :8], N, N, PAD, PAD, PAD, PAD]
    assert (hidden[1, 8:12] == N).all()
    assert (study.tokens[1] != N).all()


def test_effects_are_changes_of_the_prediction() -> None:
    calls: list[int] = []
    asked = dataclasses.replace(subject(), on_done=calls.append)
    (found,) = Positions().explain(asked)
    assert found.names == tuple(map(str, range(1, 15)))
    assert found.level == "position"
    hidden = without_bases(asked.study, slice(4, 5))
    change = asked.model.predict(asked.study, asked.rows)["model"] - asked.model.predict(hidden, asked.rows)["model"]
    assert found.by_sample_NGO[:, 4] == pytest.approx(change)
    assert found.effect_GO[4] == pytest.approx(change.mean(axis=0))
    assert sum(calls) == Positions().num_predictions(asked)


def test_a_network_of_unread_bases_has_no_effect() -> None:
    asked = subject()
    (learner,) = asked.model.predictor.learners
    encoder = learner.interpreter(asked.study).models[0].base.asv_encoder  # type: ignore[attr-defined]
    encoder.embed.weight.data[:] = 0
    found = Positions().explain(dataclasses.replace(asked, study=dataclasses.replace(asked.study)))[0]
    assert not found.by_sample_NGO.any()
