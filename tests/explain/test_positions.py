"""Bases that are hidden, window by window."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from aam.alphabet import PAD, N
from aam.explain.positions import MOST_WINDOWS, Positions, drawn_study, windows_of, without_bases
from aam.explain.windows import Windows
from tests.data.study_files import make_study
from tests.explain.network.cases import subject
from tests.factories import random_sequences


def test_windows_cover_each_base_once() -> None:
    assert Windows(length=7, width=3).names == ("1-3", "4-6", "7")
    assert Windows(length=3, width=1).names == ("1", "2", "3")
    columns = [np.arange(20)[one] for one in Windows(length=20, width=6).slices]
    assert np.concatenate(columns).tolist() == list(range(20))


@pytest.mark.parametrize(("length", "number"), [(14, 14), (MOST_WINDOWS, MOST_WINDOWS), (31, 16), (150, 30), (253, 29)])
def test_there_are_few_windows(length: int, number: int) -> None:
    sequences = random_sequences(3, length=length)
    assert len(windows_of(make_study(np.ones((2, 3), dtype=int), sequences=sequences))) == number


def test_hidden_bases_are_unknown_and_the_end_stays() -> None:
    study = subject().study
    study.tokens[0, 10:] = PAD
    hidden = without_bases(study, slice(8, 12)).tokens
    assert hidden[0].tolist() == [*study.tokens[0, :8], N, N, PAD, PAD, PAD, PAD]
    assert (hidden[1, 8:12] == N).all()
    assert (study.tokens[1] != N).all()


def test_effects_are_beside_other_windows() -> None:
    calls: list[int] = []
    asked = dataclasses.replace(subject(), on_done=calls.append)
    (found,) = Positions().explain(asked)
    assert found.names == tuple(map(str, range(1, 15)))
    assert found.level == "position"
    said = [
        asked.model.predict(without_bases(asked.study, slice(place, place + 1)), asked.rows)["model"]
        for place in range(14)
    ]
    assert found.by_sample_NGO[:, 4] == pytest.approx(np.mean(said, axis=0) - said[4], rel=1e-4, abs=1e-6)
    assert found.effect_GO[4] == pytest.approx((np.mean(said, axis=0) - said[4]).mean(axis=0), rel=1e-4)
    assert np.ptp(found.effect_GO) > 1e-3
    assert sum(calls) == Positions().num_predictions(asked)


def test_a_network_of_unread_bases_has_no_effect() -> None:
    asked = subject()
    (learner,) = asked.model.predictor.learners
    encoder = learner.interpreter(asked.study).models[0].base.asv_encoder  # type: ignore[attr-defined]
    encoder.embed.weight.data[:] = 0
    found = Positions().explain(dataclasses.replace(asked, study=dataclasses.replace(asked.study)))[0]
    assert found.by_sample_NGO == pytest.approx(0, abs=1e-6)


def test_only_asvs_of_the_samples_are_read_again() -> None:
    asked = dataclasses.replace(subject(draws=2), rows=np.array([3, 1]), unit_N=np.arange(2))
    drawn = drawn_study(asked)
    assert list(drawn.sample_ids) == ["s003", "s001"] * 2
    own = asked.study.table.counts[[3, 1]]
    assert len(drawn.lengths) < len(asked.study.lengths)
    assert set(drawn.table.asv_ids) <= set(asked.study.table.asv_ids[np.unique(own.indices)])
    assert drawn.table.counts.sum(axis=1) == pytest.approx(0.8 * np.tile(own.sum(axis=1), 2), abs=0.5)
    found = Positions().explain(asked)[0]
    assert found.by_sample_NGO is not None
    assert found.by_sample_NGO.shape == (2, 14, 1)
