"""Estimators and tables of the other strand."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from aam.data.readers.strand import reverse_complement
from aam.estimators import AAMRegressor
from tests.estimators.studies import numbers, table

KERNEL = {"learners": ["jaccard"], "rarefy_depth": "none"}


def turned(frame: pd.DataFrame) -> pd.DataFrame:
    return frame.set_axis([reverse_complement(asv) for asv in frame.columns], axis=1)


@pytest.mark.parametrize("direction", ["auto", "yes"])
def test_the_strand_of_training_is_found_again(direction: str) -> None:
    frame = table()
    own = turned(frame) if direction == "yes" else frame
    plain = AAMRegressor(**KERNEL).fit(frame, numbers(frame))
    fitted = AAMRegressor(**KERNEL, reverse_complement=direction).fit(own, numbers(frame))
    expected = plain.predict(frame)
    assert np.ptp(expected) > 0
    assert fitted.predict(turned(frame)) == pytest.approx(expected)
    strand, unlike = (pytest.warns(UserWarning, match=words) for words in ("lie on the other strand", "unlike the"))
    with strand, unlike:
        assert plain.predict(turned(frame)) != pytest.approx(expected)
    if direction == "auto":
        assert fitted.predict(frame) == pytest.approx(expected)
