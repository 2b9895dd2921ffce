from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest

from aam.config import HeadOptions
from aam.data.readers.metadata import Metadata
from aam.data.targets.fitting import fit_targets
from aam.data.targets.kinds import COUNTS, IntervalSettings, Samples, TargetRules
from aam.data.targets.kinds.counts import LEAST_SHARE, whole_counts
from aam.data.targets.targets import Targets
from aam.errors import InputError

VALUES = np.array([0.0, 3, 1, 12, 5, 0, 2, 7])


def fitted(values: np.ndarray = VALUES, **rules: Any) -> Targets:
    target = TargetRules(columns=("episodes",), kind=COUNTS, transform="none", **rules)
    return fit_targets(target, {"episodes": values}, np.arange(len(values)), "m.tsv")


def samples_of(values: np.ndarray, exposure: np.ndarray | None = None) -> Samples:
    ids = np.array([f"s{place}" for place in range(len(values))], dtype=object)
    level = np.zeros(len(ids), dtype=np.int64) if exposure is None else exposure
    return Samples(sample_ids=ids, observed={"episodes": values}, level_B=level)


@pytest.mark.parametrize("wrong", [-1.0, 2.5, 1e12])
def test_what_is_no_count_is_refused(wrong: float) -> None:
    values = VALUES.copy()
    values[2] = wrong
    with pytest.raises(InputError, match=r"'episodes': 1 value is not a count \(whole .* 1,000,000,000; first: "):
        fitted(values)


def test_counts_are_learned_for_a_unit_of_exposure() -> None:
    (spec,) = fitted().specs
    exposure = np.array([1.0, 2, 10, 3, 7, 365, 0.5, 4])
    rates = spec.encode(VALUES, exposure)
    assert rates == pytest.approx(VALUES / exposure, rel=1e-6)
    assert whole_counts(rates, exposure).tolist() == VALUES.tolist()
    expected = spec.decode(rates.astype(np.float64), exposure)
    assert expected == pytest.approx(np.maximum(VALUES, LEAST_SHARE * VALUES.mean() * exposure), rel=1e-6)
    assert spec.encode(VALUES, np.zeros(len(VALUES), dtype=np.int64)).tolist() == VALUES.tolist()


def test_the_constant_prediction_is_the_mean_rate() -> None:
    exposure = np.array([1.0, 2, 10, 3, 7, 365, 0.5, 4])
    rules = TargetRules(columns=("episodes",), kind=COUNTS, transform="none", exposure_column="days")
    trained = np.array([0, 1, 2, 5])
    (spec,) = fit_targets(rules, {"episodes": VALUES}, trained, "m.tsv", exposure).specs
    assert spec.mean == pytest.approx((0 + 3 + 1 + 0) / (1 + 2 + 10 + 365))
    assert spec.median == pytest.approx((0.1 + 0) / 2)
    settings = IntervalSettings(level=0.8, head=HeadOptions())
    table = COUNTS.predict(spec, VALUES, VALUES[None], samples_of(VALUES, exposure), settings)
    assert COUNTS.constant(spec, table).predicted == pytest.approx(spec.mean * exposure)


def test_exposures_are_read_and_saved() -> None:
    targets = fitted(exposure_column="days")
    assert Targets.from_dict(json.loads(json.dumps(targets.to_dict()))) == targets
    ids = np.array(["a", "b"], dtype=object)
    sheet = Metadata("m.tsv", ids, {"days": np.array(["3", "0.5"], dtype=object)}, ())
    assert targets.level_codes(sheet).tolist() == [3, 0.5]
    for cell in ("0", "", "-2"):
        sheet = Metadata("m.tsv", ids, {"days": np.array(["3", cell], dtype=object)}, ())
        with pytest.raises(InputError, match="'days': 1 sample without an exposure above 0"):
            targets.level_codes(sheet)


def test_intervals_are_whole_and_hold_as_often_as_promised() -> None:
    rng, held = np.random.default_rng(0), []
    for _ in range(40):
        mean = np.exp(rng.normal(1, 1, size=500))
        counts = rng.negative_binomial(3, 3 / (3 + mean)).astype(np.float64)
        (spec,) = fitted(counts[:200]).specs
        settings = IntervalSettings(level=0.8, head=HeadOptions())
        calibration = COUNTS.calibrate(spec, mean[:200], samples_of(counts[:200]), settings)
        settings = IntervalSettings(level=0.8, head=HeadOptions(), calibration=calibration)
        table = COUNTS.predict(spec, mean[200:], mean[None, 200:], samples_of(counts[200:]), settings)
        assert table.low is not None
        assert table.high is not None
        for end in (table.low, table.high):
            assert (end == np.rint(end)).all()
        assert (table.low >= 0).all()
        assert (table.low <= table.high).all()
        held.append(((table.low <= table.observed) & (table.observed <= table.high)).mean())
    assert 0.79 < np.mean(held) < 0.86


def test_missing_counts_do_not_calibrate() -> None:
    (spec,) = fitted().specs
    settings = IntervalSettings(level=0.8, head=HeadOptions())
    none = np.full(len(VALUES), np.nan)
    assert COUNTS.calibrate(spec, VALUES, samples_of(none), settings) is None
    some = np.where(np.arange(len(VALUES)) < 3, VALUES, np.nan)
    found = COUNTS.calibrate(spec, VALUES, samples_of(some), settings)
    assert found is not None
    assert found.num_samples == 3
