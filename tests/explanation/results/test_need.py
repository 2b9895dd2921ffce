"""What a model needs: things whose exchange makes its error grow."""

from __future__ import annotations

import numpy as np
import pytest

from aam.explanation.results.need import is_needed, need_of
from tests.report.explanations import make_effects


def increases(values: list[list[float]], outputs: tuple[str, ...]):
    return make_effects(np.array(values), method="permutation", outputs=outputs, is_increase=True)


def test_of_several_targets_the_one_that_suffers_most_counts():
    found = increases([[0.1, 0.5], [0.4, -0.3], [0.0, 0.0]], ("age", "mass"))
    need = need_of([found], "genus")
    assert [one.value for one in need.values()] == pytest.approx([0.5, 0.4, 0.0])
    assert [is_needed(one) for one in need.values()] == [True, True, False]
    assert [is_needed(one) for one in need_of([found], "genus", "mass").values()] == [True, False, False]


def test_nothing_is_known_without_exchange():
    removal = make_effects(np.array([[2.0], [-1.0], [0.05]]), outputs=("age",))
    assert need_of([removal], "genus") == {}
    assert need_of([increases([[1.0], [1.0], [1.0]], ("age",))], "asv") == {}
