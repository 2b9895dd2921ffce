from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from aam.explanation.removal import Removal
from aam.explanation.results.pool import pool
from tests.explanation.linear import WEIGHTS, linear_subject


def effects_of(scale: float, **changes):
    (found,) = Removal().explain(linear_subject(weights=WEIGHTS * scale, **changes))
    return found


def test_effects_of_folds_are_those_of_all_samples_together():
    one, other = effects_of(1.0), effects_of(3.0)
    (found,) = pool([[one], [other]], [np.arange(4), np.arange(4) + 4], seed=1)
    together = np.concatenate([one.by_sample_NGO, other.by_sample_NGO])
    has = np.concatenate([one.has_NG, other.has_NG])
    wanted = [together[has[:, asv], asv, 0].mean() for asv in range(4)]
    assert found.effect_GO[:, 0] == pytest.approx(wanted, rel=1e-5)
    sizes = [np.abs(together[has[:, asv], asv, 0]).mean() for asv in range(4)]
    assert found.importance_GO[:, 0] == pytest.approx(sizes, rel=1e-5)
    assert found.support_G.tolist() == (2 * one.support_G).tolist()
    assert found.agreement_GO.tolist() == [[1.0]] * 4
    assert found.presence_G.tolist() == [1.0] * 4


def test_models_that_disagree_are_not_stable():
    parts = [[effects_of(scale)] for scale in (1.0, 1.1, 0.9, 1.0, -1.0)]
    (found,) = pool(parts, [np.arange(4)] * 5, seed=1)
    assert found.agreement_GO.tolist() == [[0.8]] * 4
    assert not found.is_clear_GO[0, 0]
    assert not found.is_stable_GO.any()
    (agreeing,) = pool(parts[:4], [np.arange(4)] * 4, seed=1)
    assert agreeing.is_clear_GO[0, 0]
    assert agreeing.is_stable_GO[0, 0]


def test_what_most_models_lack_is_not_stable():
    first = effects_of(1.0)
    lacking = first.take(np.array([1, 2, 3]))
    (found,) = pool([[first], [lacking], [lacking]], [np.arange(4)] * 3, seed=1)
    assert found.names == first.names
    assert found.effect_GO[0] == pytest.approx(first.effect_GO[0])
    assert found.presence_G.tolist() == pytest.approx([1 / 3, 1, 1, 1])
    assert not found.is_stable_GO[0, 0]


def test_a_single_model_is_left_as_it_is():
    one = effects_of(1.0)
    (found,) = pool([[one]], [np.arange(4)], seed=42)
    assert found.effect_GO == pytest.approx(one.effect_GO)
    assert found.low_GO == pytest.approx(one.low_GO, nan_ok=True)
    assert found.agreement_GO is None
    assert found.is_stable_GO is None


def test_an_output_that_a_model_lacks_has_no_effect_there():
    (two,), (one,) = ([effects_of(1.0)] for _ in range(2))
    two = dataclasses.replace(
        two,
        outputs=("age", "mass"),
        **{
            name: np.repeat(getattr(two, name), 2, axis=-1)
            for name in ("effect_GO", "low_GO", "high_GO", "importance_GO", "by_sample_NGO")
        },
    )
    (found,) = pool([[two], [one]], [np.arange(4)] * 2, seed=1)
    assert found.outputs == ("age", "mass")
    assert found.effect_GO[:, 1] == pytest.approx(two.effect_GO[:, 1] / 2)


def test_unknown_truths_of_one_target_do_not_count():
    (one,) = [effects_of(1.0)]
    values = np.repeat(one.by_sample_NGO, 2, axis=-1)
    values[:2, :, 1] = np.nan
    two = {name: np.repeat(getattr(one, name), 2, axis=-1) for name in ("effect_GO", "low_GO", "high_GO")}
    both = dataclasses.replace(
        one,
        outputs=("age", "mass"),
        by_sample_NGO=values,
        has_NG=np.ones(values.shape[:2], dtype=bool),
        is_increase=True,
        importance_GO=two["effect_GO"],
        **two,
    )
    (found,) = pool([[both], [both]], [np.arange(4), np.arange(4) + 4], seed=1)
    assert found.effect_GO[:, 0] == pytest.approx(one.by_sample_NGO[:, :, 0].mean(axis=0), rel=1e-5)
    assert found.effect_GO[:, 1] == pytest.approx(one.by_sample_NGO[2:, :, 0].mean(axis=0), rel=1e-5)
