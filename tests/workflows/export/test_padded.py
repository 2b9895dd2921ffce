"""What is traced is the model: padded rectangles and packed rows give the same, for every kind of head and fusion."""

from __future__ import annotations

import copy
import dataclasses

import numpy as np
import pytest
import torch

from aam.config import HeadOptions, LossOptions
from aam.data.targets.kinds import COUNTS, NUMBERS, ORDERED, TargetSpec
from aam.data.targets.targets import Targets
from aam.errors import RunError
from aam.models.export.padded import PaddedNetwork, PaddedSamples
from aam.models.sequence_predictor import encoder_of
from aam.workflows.export.check import TOLERANCE, compare, unit_of
from aam.workflows.export.parts import Exportable
from aam.workflows.export.samples import random_samples, simulated_samples
from tests.models.model_cases import CLASSES, REGRESSION, fresh_encoder
from tests.workflows.export.cases import TOLD, as_session, parts_of

TWO = Targets(specs=(REGRESSION, dataclasses.replace(REGRESSION, column="bmi", transform="log-zscore", shift=0.5)))
BY_LEVEL = Targets(
    specs=(
        TargetSpec(
            column="x", kind=NUMBERS, transform="zscore-category", level_shift=(5.0, 1.0), level_scale=(2.0, 0.5)
        ),
    ),
    normalize_by=("season",),
    levels=("winter",),
)
RATES = Targets(specs=(TargetSpec(column="eggs", kind=COUNTS, mean=3.0),), exposure_column="days")
SITES = Targets(specs=(CLASSES, dataclasses.replace(CLASSES, column="host", classes=("x", "y"), class_weights=())))
STAGES = TargetSpec(column="stage", kind=ORDERED, classes=("low", "mid", "high", "top"))
QUANTILES = LossOptions(loss_type="quantile", quantiles=(0.05, 0.5, 0.95))
HEAD = HeadOptions(
    residual_regression_head=True, learnable_output_scale=True, target_layer_norm=True, regressor_hidden_dims=(6, 4)
)
SCALED = dataclasses.replace(TOLD, conditional_output_scaling=("season", "city"))

CASES = {
    "number": lambda: parts_of(REGRESSION),
    "numbers": lambda: parts_of(TWO, HEAD),
    "levels": lambda: parts_of(BY_LEVEL),
    "quantiles": lambda: parts_of(TWO, loss=QUANTILES),
    "quantiles-of-levels": lambda: parts_of(BY_LEVEL, loss=QUANTILES),
    "classes": lambda: parts_of(SITES),
    "ordered": lambda: parts_of(STAGES),
    "counts": lambda: parts_of(RATES, loss=LossOptions(count_distribution="poisson")),
    "experts": lambda: parts_of(REGRESSION, HeadOptions(experts=3)),
    "ensemble": lambda: parts_of(CLASSES, members=3),
    "no-clades": lambda: parts_of(REGRESSION, num_soft_clades=0),
    "film": lambda: parts_of(REGRESSION, count_embedding_method="film"),
    "concat-counts": lambda: parts_of(REGRESSION, count_embedding_method="concat"),
    "single-bases": lambda: parts_of(REGRESSION, nucleotide_patch=1),
    **{
        f"{bend}-bound": lambda bend=bend: parts_of(REGRESSION, HeadOptions(output_activation=bend))
        for bend in ("relu", "softplus", "exp")
    },
    "unit-interval": lambda: parts_of(
        dataclasses.replace(REGRESSION, transform="minmax"), HeadOptions(bounded_targets=True)
    ),
    **{
        f"{fusion}-fusion": lambda fusion=fusion: parts_of(
            REGRESSION, told=dataclasses.replace(TOLD, categorical_fusion=fusion)
        )
        for fusion in ("concat", "add", "gmu", "cross-attention", "perceiver")
    },
    "scaled-outputs": lambda: parts_of(REGRESSION, told=SCALED),
}


@pytest.mark.parametrize("name", CASES)
def test_the_traced_module_gives_what_the_model_gives(name: str) -> None:
    parts = CASES[name]()
    session = as_session(parts.whole())
    found = compare(parts, session, random_samples(parts, seed=0), "random")
    assert found.samples == 64
    assert found.largest < TOLERANCE / 2
    assert compare(parts, session, simulated_samples(parts, None, seed=1, number=16), "simulated").samples == 16


def test_weights_of_networks_count() -> None:
    parts = parts_of(SITES, members=2)
    even = compare(parts, as_session(parts.whole()), random_samples(parts, seed=0), "random")
    weighted = dataclasses.replace(parts, weights=((0.9, 0.2), (0.1, 0.8)))
    found = compare(weighted, as_session(weighted.whole()), random_samples(weighted, seed=0), "random")
    assert max(even.largest, found.largest) < TOLERANCE / 2
    with pytest.raises(RunError, match="differs from the model by"):
        compare(weighted, as_session(parts.whole()), random_samples(weighted, seed=0), "random")


def test_narrow_clades_are_allowed_their_rounding() -> None:
    parts = parts_of(REGRESSION)
    clades = encoder_of(parts.networks[0]).sample_encoder.soft_clades
    assert clades is not None
    with torch.no_grad():
        clades.prototype_KD.copy_(clades.prototype_KD[:1] + 1e-3 * clades.prototype_KD)
        clades.log_width_K.fill_(-5.0)
    samples, toss = random_samples(parts, seed=0), torch.Generator().manual_seed(1)
    for size, is_rounding in ((2.0**-23, True), (1e-3, False)):
        other = copy.deepcopy(parts.whole())
        with torch.no_grad():
            for weight in other.networks.parameters():
                weight.mul_(1 + size * torch.randn(weight.shape, generator=toss).sign())
        if is_rounding:
            found = compare(parts, as_session(other), samples, "random")
            assert TOLERANCE < found.largest <= 4 * found.rounding
            assert "by the last digit of its weights" in str(found)
        else:
            with pytest.raises(RunError, match="differs from the model by"):
                compare(parts, as_session(other), samples, "random")


def test_an_encoder_gives_sample_vectors() -> None:
    encoder = fresh_encoder()
    of_number = parts_of(REGRESSION)
    manifest = dataclasses.replace(of_number.manifest, targets=None)
    parts = Exportable(networks=(encoder,), manifest=manifest, targets=None)
    assert [port.name for port in parts.whole().outputs] == ["vector"]
    found = compare(parts, as_session(parts.whole()), random_samples(parts, seed=0), "random")
    assert found.largest < TOLERANCE / 2


@pytest.mark.parametrize("fusion", ["concat", "cross-attention", "perceiver"])
def test_nothing_becomes_nan_without_reads(fusion: str) -> None:
    parts = parts_of(REGRESSION, told=dataclasses.replace(TOLD, categorical_fusion=fusion))
    (given,) = random_samples(parts, seed=0)[2:3]
    arrays = {name: torch.from_numpy(array.copy()) for name, array in given.arrays.items()}
    arrays["counts"][:, 0] = 0
    arrays["tokens"][0] = 0
    with torch.no_grad():
        predicted, vector = parts.whole()(arrays)
    assert predicted.isfinite().all()
    assert vector.isfinite().all()


def test_padding_changes_nothing() -> None:
    parts = parts_of(REGRESSION)
    (given,) = random_samples(parts, seed=3)[:1]
    index, counts = (torch.from_numpy(given.arrays[name][0]) for name in ("index", "counts"))
    tokens = torch.from_numpy(given.arrays["tokens"]).long()
    network = PaddedNetwork(parts.networks[0])
    wider = torch.nn.functional.pad
    with torch.no_grad():
        tight = network(PaddedSamples(tokens, index, counts))[1]
        loose = network(PaddedSamples(wider(tokens, (0, 13)), wider(index, (0, 9)), wider(counts, (0, 9))))[1]
    assert tight is not None
    assert loose is not None
    torch.testing.assert_close(tight, loose, rtol=1e-5, atol=1e-5)


def test_a_difference_is_in_spreads_of_the_target() -> None:
    assert unit_of(REGRESSION) == pytest.approx(2.0)
    assert unit_of(RATES.specs[0]) == 3.0
    parts = parts_of(REGRESSION)
    session = as_session(parts.whole())

    def off(_: None, arrays: dict[str, np.ndarray]) -> list[np.ndarray]:
        predicted, vector = session.run(None, arrays)
        return [predicted + 1e-3, vector]

    session_off = type(session)(run=off, get_outputs=session.get_outputs)
    with pytest.raises(RunError, match=r"by .*e-0[45] over 64 random samples, more than 0.0001"):
        compare(parts, session_off, random_samples(parts, seed=0), "random")
