from __future__ import annotations

import numpy as np
import pytest

from aam.report.figures.results import folds_chart
from aam.report.style import to_svg


def test_dots_of_one_fold_are_joined_and_means_are_marked() -> None:
    scores = {
        "model": [{"mae": 2.0, "r2": 0.5}, {"mae": 3.0, "r2": np.nan}, {"mae": 4.0, "r2": 0.7}],
        "forest": [{"mae": 1.0, "r2": 0.4}, {"mae": 5.0, "r2": 0.3}, {"mae": 3.0, "r2": 0.2}],
    }
    figure = folds_chart(scores, [1, 1, 2], ["mae", "r2"])
    axes, other = figure.axes
    joins, *dots = axes.collections
    ends = [sorted(segment[:, 1]) for segment in joins.get_segments()]  # type: ignore[attr-defined]
    assert ends == [[1, 2], [3, 5], [3, 4]]
    assert [np.asarray(cloud.get_offsets())[:, 1].tolist() for cloud in dots] == [[2, 3, 4], [1, 5, 3]]
    levels = [line.get_ydata()[0] for line in axes.lines if line.get_linestyle() == "--"]  # type: ignore[index]
    assert levels == pytest.approx([3, 3])
    assert [line.get_xdata()[0] for line in axes.lines if line.get_linestyle() == ":"] == [2.5]  # type: ignore[index]
    assert "dotted lines separate repeats" in other.get_xlabel()
    assert [text.get_text() for text in figure.legends[0].get_texts()] == ["AAM", "Random forest"]
    to_svg(figure)


def test_a_metric_that_no_fold_has_is_an_empty_panel() -> None:
    figure = folds_chart({"model": [{"auroc": np.nan}] * 40}, [1] * 40, ["auroc"])
    assert "nan" not in to_svg(figure).lower()
