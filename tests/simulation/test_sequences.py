from __future__ import annotations

import numpy as np
import pytest

from aam.simulation import sequences
from aam.simulation.sequences import FREQUENCIES, simulate_sequences, site_rates
from aam.simulation.tree import simulate_tree


def test_sequences_are_distinct_dna_of_one_length() -> None:
    rng = np.random.default_rng(0)
    found = simulate_sequences(simulate_tree(300, 0.25, rng), 100, rng)
    assert len(set(found)) == 300
    assert {len(sequence) for sequence in found} == {100}
    assert set("".join(found)) == set("ACGT")


def test_sequences_stay_distinct_where_nothing_evolves() -> None:
    rng = np.random.default_rng(0)
    found = simulate_sequences(simulate_tree(500, 1e-6, rng), 20, rng)
    assert len(set(found)) == 500


def test_blocks_of_nodes_do_not_matter_to_the_model(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sequences, "ROWS_AT_ONCE", 7)
    rng = np.random.default_rng(0)
    assert len(set(simulate_sequences(simulate_tree(100, 0.25, rng), 60, rng))) == 100


def test_branch_length_is_the_expected_number_of_substitutions() -> None:
    rng = np.random.default_rng(0)
    start = sequences._draw_bases(rng.random((400, 1_000)))
    time = 0.02
    end = sequences._evolve(start, np.full(start.shape, time), rng)
    assert (start != end).mean() == pytest.approx(time, rel=0.05)
    transitions = (start != end) & (start % 2 == end % 2)
    assert transitions.sum() > (start != end).sum() / 2


def test_base_frequencies_are_stationary() -> None:
    rng = np.random.default_rng(0)
    start = np.zeros((100, 1_000), dtype=np.uint8)
    end = sequences._evolve(start, np.full(start.shape, 50.0), rng)
    np.testing.assert_allclose(np.bincount(end.ravel(), minlength=4) / end.size, FREQUENCIES, atol=0.01)


def test_sites_differ_in_rate_and_neighbours_are_alike() -> None:
    rates = site_rates(300, np.random.default_rng(0))
    assert rates.mean() == pytest.approx(1)
    assert np.quantile(rates, 0.25) < 0.2
    assert rates.max() > 3
    ranks = np.argsort(np.argsort(rates))
    assert np.corrcoef(ranks[:-1], ranks[1:])[0, 1] > 0.6


def test_relatives_have_similar_sequences() -> None:
    rng = np.random.default_rng(0)
    tree = simulate_tree(200, 0.25, rng)
    codes = np.array([list(sequence) for sequence in simulate_sequences(tree, 150, rng)])
    neighbours = (codes[1:] != codes[:-1]).mean()
    distant = (codes[100:] != codes[:100]).mean()
    assert neighbours < 0.6 * distant
    assert 0.1 < distant < 0.4
