"""The scores of held-out predictions, read from a model folder or a run that someone else may have written."""

from __future__ import annotations

from typing import Any

from aam.data.intervals import ROUNDING, Calibration
from aam.files.plain import need, read_plain


def read_calibration(values: Any) -> Calibration:
    """The inverse of :meth:`~aam.data.intervals.Calibration.to_dict`.

    Raises
    ------
    ValueError
        If something else was written.
    """
    found = read_plain(Calibration, values)
    need(len(found.scores) == len(found.weights), "there are not as many weights as scores of the intervals")
    need(list(found.scores) == sorted(set(found.scores)), "the scores of the intervals do not ascend")
    weights_fit = min(found.weights, default=0) >= 0 and sum(found.weights) <= 1 + ROUNDING
    need(weights_fit and found.num_groups > 0, "the weights of the intervals are wrong")
    need(0 < found.level < 1, "the level of the intervals is not between 0 and 1")
    return found
