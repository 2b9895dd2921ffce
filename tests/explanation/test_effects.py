import numpy as np
import pytest

from aam.explanation.effects import CHANGE, PROBABILITY
from tests.report.explanations import make_effects


@pytest.mark.parametrize(
    ("unit", "words"),
    [
        (CHANGE, "change of month"),
        (PROBABILITY, "change of the probability of month"),
        ("increase of the mean absolute error", "increase of the mean absolute error"),
    ],
)
def test_units_name_what_is_predicted(unit, words):
    found = make_effects(np.zeros((3, 2)), outputs=("age", "month"), unit=unit)
    assert found.unit_of(1) == words
