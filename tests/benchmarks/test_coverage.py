from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from aam.data.targets.intervals import calibrate_numbers
from benchmarks.accuracy import coverage
from benchmarks.accuracy.coverage import RULES, Judged, by_groups, judge_study, page


def test_a_group_can_count_as_one_sample() -> None:
    # nine groups of ten: each of 90 errors weighs 1/100, so that 0.9 needs the largest
    rng = np.random.default_rng(0)
    calibration = calibrate_numbers(rng.permutation(90).astype(float), np.zeros(90), np.repeat(np.arange(9), 10))
    rule = by_groups(calibration)
    assert rule.weights == pytest.approx([0.01] * 90)
    assert [rule.threshold(level) for level in (0.5, 0.9)] == [49, 89]
    assert calibration.threshold(0.9) < 89


def test_a_simulated_study_is_judged(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in {"TRAINING": 40, "TESTED": 20, "NUM_TREES": 5, "MEMBERS": ("forest", "jaccard")}.items():
        monkeypatch.setattr(coverage, name, value)
    found = list(judge_study(tmp_path / "study", seed=1, per_subject=4))
    assert {(one.column, one.rule) for one in found} == {(name, rule) for name in coverage.COLUMNS for rule in RULES}
    assert all(0.2 < one.share <= 1 and one.size > 0 for one in found)
    ours, groups = ([one.size for one in found if one.rule == rule] for rule in RULES)
    assert all(np.array(ours) <= groups)


def test_the_page_has_means_and_their_errors() -> None:
    found = [
        Judged(column="gradient", design=8, rule=RULES[0], level=0.9, share=share, size=2 * share)
        for share in (0.8, 1.0)
    ]
    # standard deviation 0.1414 by the root of 2
    assert "| 15 of 8 | 90 % | 90.0 ± 10.0 % | 1.800 |" in page(found, 2, {"cores": "2"})
