"""The way back to the user's units in a graph, against NumPy's and SciPy's."""

from __future__ import annotations

from typing import Any, get_args

import numpy as np
import pytest
import torch
from scipy.special import ndtr

from aam.config.target import Transform
from aam.data.readers.metadata import Metadata
from aam.data.study.covariates import CovariateSpec, NumericColumn
from aam.data.targets.fitting import fit_target
from aam.data.targets.kinds import COUNTS, NUMBERS, Quantiles, TargetRules, TargetSpec
from aam.data.targets.targets import Targets
from aam.models.export.decoding import Covariates, Decoding, NormalDistribution

LEARNED = np.concatenate([np.random.default_rng(0).normal(0, 2, 400), [-60.0, 60.0, 500.0, -500.0, 0.0]])
LEVELS = {"level_shift": (5.0, 1.0, 9.0), "level_scale": (2.0, 0.5, 4.0)}
ROUNDING = 1e-9


def fitted(transform: Any) -> TargetSpec:
    values = np.random.default_rng(1).lognormal(2, 1, 300)
    rules = TargetRules(kind=NUMBERS, columns=("x",), transform=transform)
    return fit_target(rules, values, np.arange(250), "sheet.tsv")


def test_normal_distribution_is_scipys() -> None:
    values = np.linspace(-7, 7, 20_001)
    assert NormalDistribution()(torch.tensor(values)).numpy() == pytest.approx(ndtr(values), abs=1e-9)


@pytest.mark.parametrize("transform", [one for one in get_args(Transform) if one != "zscore-category"])
def test_each_transform_is_undone(transform: str) -> None:
    spec = fitted(transform)
    predicted, quantiles = Decoding(Targets(specs=(spec, spec)))(torch.tensor(np.stack([LEARNED, -LEARNED], 1)), None)
    assert quantiles is None
    for found, learned in zip(predicted.numpy().T, (LEARNED, -LEARNED), strict=True):
        assert found == pytest.approx(spec.decode(learned), rel=1e-9, abs=ROUNDING)


def test_scales_of_levels() -> None:
    spec = TargetSpec(column="x", kind=NUMBERS, transform="zscore-category", **LEVELS)
    targets = Targets(specs=(spec,), normalize_by=("season",), levels=("a", "b"))
    level_B = np.arange(len(LEARNED)) % 3
    predicted, _ = Decoding(targets)(torch.tensor(LEARNED)[:, None], torch.tensor(level_B))
    assert predicted[:, 0].numpy() == pytest.approx(spec.decode(LEARNED, level_B))


def test_quantiles_with_scales_of_levels() -> None:
    kind = Quantiles((0.1, 0.5, 0.9))
    spec = TargetSpec(column="x", kind=kind, transform="zscore-category", **LEVELS)
    targets = Targets(specs=(spec, spec), normalize_by=("season",), levels=("a", "b"))
    learned = np.sort(np.random.default_rng(0).normal(size=(30, 2, 3)), axis=2)
    level_B = np.arange(30) % 3
    predicted, quantiles = Decoding(targets)(torch.tensor(learned), torch.tensor(level_B))
    assert quantiles is not None
    assert torch.equal(predicted, quantiles[..., 1])
    assert quantiles[:, 1].numpy() == pytest.approx(spec.decode(learned[:, 1], level_B))


@pytest.mark.parametrize("exposure", ["", "days"])
def test_expected_counts(exposure: str) -> None:
    spec = TargetSpec(column="x", kind=COUNTS, mean=3.0)
    learned = np.array([0.0, 1e-6, 2.5, 1e12])
    exposure_B = np.array([1.0, 2.0, 0.5, 3.0]) if exposure else None
    targets = Targets(specs=(spec,), exposure_column=exposure)
    given = None if exposure_B is None else torch.tensor(exposure_B)
    predicted, _ = Decoding(targets)(torch.tensor(learned)[:, None], given)
    assert predicted[:, 0].numpy() == pytest.approx(spec.decode(learned, exposure_B))


def test_numbers_are_standardised_as_the_spec_does() -> None:
    spec = CovariateSpec((), (NumericColumn("ph", 7.0, 1.5), NumericColumn("bmi", 25.0, 1e-7)), ())
    cells = {"ph": ["6", "", "9.5"], "bmi": ["25", "24", ""]}
    columns = {name: np.array(own, dtype=object) for name, own in cells.items()}
    sheet = Metadata("sheet.tsv", np.array(["a", "b", "c"]), columns, ())
    number_BN = np.array([[6.0, 25.0], [np.nan, 24.0], [9.5, np.nan]])
    found = Covariates(spec)(torch.tensor(number_BN)).numpy()
    assert np.array_equal(found, spec.encode(sheet).number_NM)
