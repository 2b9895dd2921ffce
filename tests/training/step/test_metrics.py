from __future__ import annotations

from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest
import torch
from scipy import stats
from sklearn import metrics as oracle
from torch import Tensor

from aam.config import HeadOptions, LossOptions
from aam.data.batches.batch import Counted
from aam.data.targets import kinds
from aam.data.targets.kinds import TargetSpec
from aam.data.targets.targets import Targets
from aam.models.heads import Comparison, Head
from aam.models.target_heads.head import TargetHead, TargetOutputs, build_target_head
from aam.training.step.metrics import Truths, ValidationMetrics
from tests.data.targets.decoded import decoded
from tests.models.model_cases import CLASSES, REGRESSION


class Named:
    """A head, as far as metrics know one."""

    counted: Counted = "samples"

    def __init__(self, name: str) -> None:
        self.name = name

    def compare(self, *_: object) -> Comparison:
        raise NotImplementedError

    def loss(self, *_: object) -> Tensor:
        raise NotImplementedError


def target_head(targets: Targets) -> TargetHead:
    """The head of targets, of which metrics ask what its outputs mean."""
    return build_target_head(4, 0, TargetOutputs.of(targets), HeadOptions(), LossOptions(), 0.0)


def observed_of(targets: Targets, truth: Tensor) -> dict[str, np.ndarray]:
    """What the sheet holds of samples whose targets are these where the model learns them."""
    if targets.kind == kinds.CLASSES:
        return {targets.columns[0]: np.array(targets.specs[0].classes, dtype=object)[truth.numpy()]}
    return {spec.column: spec.decode(truth.numpy()[:, place]) for place, spec in enumerate(targets.specs)}


def measured(
    name: str, prediction: Tensor, truth: Tensor, target: TargetSpec | None = None, batches: int = 3
) -> dict[str, float]:
    """The metrics of one head, fed in batches."""
    head: Head = Named(name)
    truths = None
    if target is not None:
        targets = Targets(specs=(target,))
        if target.kind == kinds.NUMBERS:
            prediction, truth = prediction[:, None], truth[:, None]
        truths = Truths(targets, observed_of(targets, truth), np.zeros(len(truth), dtype=np.int64))
        head = target_head(targets)
    metrics = ValidationMetrics([head], truths)
    for start, end in pairwise(np.linspace(0, len(truth), batches + 1).astype(int)):
        metrics.update(head, Comparison(prediction[start:end], truth[start:end]), torch.arange(start, end))
    return metrics.compute()


def numbers(size: int = 50) -> tuple[Tensor, Tensor]:
    generator = torch.Generator().manual_seed(0)
    truth = torch.randn(size, generator=generator)
    return truth + 0.5 * torch.randn(size, generator=generator), truth


def classes(size: int = 60) -> tuple[Tensor, Tensor]:
    generator = torch.Generator().manual_seed(0)
    truth = torch.randint(0, 3, (size,), generator=generator)
    return 2 * torch.nn.functional.one_hot(truth, 3) + 2 * torch.randn(size, 3, generator=generator), truth


@pytest.mark.parametrize("transform", ["zscore", "log-zscore"])
def test_regression_in_the_users_units(transform: str) -> None:
    target = replace(REGRESSION, transform=transform, shift=3.0, scale=0.5)
    prediction, truth = numbers()
    found = measured("target", prediction, truth, target)
    predicted, true = target.decode(prediction.numpy()), target.decode(truth.numpy())
    assert found == pytest.approx(
        {
            "mae": oracle.mean_absolute_error(true, predicted),
            "rmse": oracle.root_mean_squared_error(true, predicted),
            "r2": oracle.r2_score(true, predicted),
            "spearman": stats.spearmanr(true, predicted).statistic,
        },
        rel=1e-12,
    )


@pytest.mark.parametrize(("shift", "scale"), [(2015.0, 2.0), (1e6, 1.0), (0.0, 1e-6)])
def test_numbers_far_from_zero_keep_their_r2(shift: float, scale: float) -> None:
    target = replace(REGRESSION, shift=shift, scale=scale)
    prediction, truth = numbers(500)
    expected = oracle.r2_score(truth.numpy(), prediction.numpy())
    assert measured("target", prediction, truth, target)["r2"] == pytest.approx(expected, abs=1e-4)


def test_classification() -> None:
    logits, truth = classes()
    found = measured("target", logits, truth, CLASSES)
    predicted = logits.argmax(dim=1).numpy()
    probability = logits.softmax(dim=1).double().numpy()
    probability /= probability.sum(axis=1, keepdims=True)
    assert found == pytest.approx(
        {
            "accuracy": oracle.accuracy_score(truth, predicted),
            "balanced_accuracy": oracle.balanced_accuracy_score(truth, predicted),
            "f1": oracle.f1_score(truth, predicted, average="macro"),
            "auroc": oracle.roc_auc_score(truth, probability, multi_class="ovr", average="macro"),
        },
        rel=1e-6,
    )


def test_a_class_that_is_absent_is_left_out_of_the_means() -> None:
    logits, truth = classes()
    logits, truth = logits[truth != 1], truth[truth != 1]
    predicted = logits.argmax(dim=1)
    assert (predicted == 1).any()
    probability = logits.softmax(dim=1).numpy()
    found = measured("target", logits, truth, CLASSES)
    recalls = [float((predicted[truth == c] == c).double().mean()) for c in (0, 2)]
    areas = [oracle.roc_auc_score((truth == c).numpy(), probability[:, c]) for c in (0, 2)]
    assert found["balanced_accuracy"] == pytest.approx(np.mean(recalls))
    assert found["auroc"] == pytest.approx(np.mean(areas))
    assert found["f1"] == pytest.approx(oracle.f1_score(truth, predicted, average="macro"), rel=1e-5)


@pytest.mark.parametrize("size", [1, 7])
def test_one_class_alone_has_no_auroc(size: int) -> None:
    found = measured("target", classes(size)[0], torch.full((size,), 2), CLASSES, batches=1)
    assert "auroc" not in found
    assert 0 <= found["balanced_accuracy"] == found["accuracy"] <= 1


def test_a_single_sample_has_errors_but_no_correlation() -> None:
    found = measured("target", torch.tensor([1.0]), torch.tensor([3.0]), REGRESSION, batches=1)
    assert found == {"mae": 4.0, "rmse": 4.0}
    assert measured("faith_pd", torch.ones(1), torch.ones(1), batches=1) == {}
    assert measured("distance", torch.ones(1), torch.zeros(1), batches=1) == {"distance_mae": 1.0}


@pytest.mark.parametrize("size", [2, 5])
def test_constant_predictions_or_truths_neither_warn_nor_crash(size: int) -> None:
    constant, varied = torch.ones(size), torch.arange(size).float()
    for pair in [(constant, varied), (varied, constant), (constant, constant)]:
        found = measured("target", *pair, REGRESSION, batches=1)
        assert {"mae", "rmse"} <= set(found)
        assert all(np.isfinite(value) for value in found.values())
        assert "distance_correlation" not in measured("distance", *pair, batches=1)


def test_nothing_fed_is_nothing_measured() -> None:
    heads: list[Head] = [Named(name) for name in ("distance", "nucleotide", "count", "faith_pd", "taxonomy")]
    for target in (None, REGRESSION, CLASSES):
        targets = None if target is None else Targets(specs=(target,))
        known = None if targets is None else Truths(targets, {}, np.zeros(3, dtype=np.int64))
        metrics = ValidationMetrics(heads if targets is None else [target_head(targets), *heads], known)
        nothing = Comparison(torch.zeros(0, 3), torch.zeros(0, dtype=torch.long))
        metrics.update(heads[-1], nothing, torch.arange(0))
        assert metrics.compute() == {}


def test_heads_of_the_encoder() -> None:
    prediction, truth = numbers()
    expected = stats.pearsonr(prediction, truth).statistic
    for name in ("count", "faith_pd"):
        assert measured(name, prediction, truth) == pytest.approx({f"{name}_correlation": expected}, rel=1e-5)
    found = measured("distance", prediction, truth)
    error = oracle.mean_absolute_error(truth, prediction)
    assert found == pytest.approx({"distance_correlation": expected, "distance_mae": error}, rel=1e-5)


@pytest.mark.parametrize(("name", "num_classes"), [("nucleotide", 4), ("taxonomy", 5)])
def test_accuracies(name: str, num_classes: int) -> None:
    generator = torch.Generator().manual_seed(0)
    logits, truth = torch.randn(40, num_classes, generator=generator), torch.arange(40) % num_classes
    expected = oracle.accuracy_score(truth, logits.argmax(dim=1))
    assert measured(name, logits, truth) == pytest.approx({f"{name}_accuracy": expected})


def test_reset_forgets() -> None:
    prediction, truth = numbers()
    targets = Targets(specs=(REGRESSION,))
    head, distances = target_head(targets), Named("distance")
    known = Truths(targets, observed_of(targets, truth[:, None]), np.zeros(len(truth), dtype=np.int64))
    metrics = ValidationMetrics([head, distances], known)

    def feed() -> dict[str, float]:
        metrics.update(head, Comparison(prediction[:, None], truth[:, None]), torch.arange(len(truth)))
        metrics.update(distances, Comparison(prediction, truth), torch.arange(len(truth)))
        return metrics.compute()

    first = feed()
    metrics.reset()
    assert metrics.compute() == {}
    assert feed() == first


def test_predictions_of_low_precision_with_a_graph() -> None:
    prediction, truth = numbers()
    rounded = prediction.bfloat16().requires_grad_()
    assert measured("target", rounded, truth, REGRESSION)["mae"] > 0


THREE = Targets(
    specs=(
        replace(REGRESSION, column="age", shift=30.0, scale=10.0),
        replace(REGRESSION, column="pH of soil", transform="log-zscore", shift=1.5, scale=0.2),
        replace(REGRESSION, column="depth"),
    )
)


def several(num_samples: int = 40) -> tuple[Tensor, np.ndarray]:
    """Predictions where the model learns them, and observed values of which some are missing."""
    rng = np.random.default_rng(0)
    learned_NT = rng.normal(size=(num_samples, 3))
    observed_NT = decoded(THREE, learned_NT + 0.5 * rng.normal(size=(num_samples, 3)))
    observed_NT[rng.random((num_samples, 3)) < 0.3] = np.nan
    observed_NT[:, 2] = np.nan
    return torch.from_numpy(learned_NT).float(), observed_NT


def measured_several(learned_NT: Tensor, observed_NT: np.ndarray, size: int = 7) -> dict[str, float]:
    level_N, head = np.zeros(len(observed_NT), dtype=np.int64), target_head(THREE)
    observed = {column: observed_NT[:, place] for place, column in enumerate(THREE.columns)}
    metrics = ValidationMetrics([head], Truths(THREE, observed, level_N))
    truth_NT = torch.from_numpy(THREE.encode(observed))
    for rows in torch.randperm(len(learned_NT), generator=torch.Generator().manual_seed(0)).split(size):
        metrics.update(head, Comparison(learned_NT[rows], truth_NT[rows]), rows)
    return metrics.compute()


def test_targets_are_judged_on_samples_that_have_them() -> None:
    learned_NT, observed_NT = several()
    predicted_NT = decoded(THREE, learned_NT.numpy())
    found = measured_several(learned_NT, observed_NT)
    expected = {}
    for place, ending in ((0, "_age"), (1, "_pH_of_soil")):
        present = ~np.isnan(observed_NT[:, place])
        true, said = observed_NT[present, place], predicted_NT[present, place]
        assert 10 < len(true) < 40
        expected[f"mae{ending}"] = oracle.mean_absolute_error(true, said)
        expected[f"rmse{ending}"] = oracle.root_mean_squared_error(true, said)
        expected[f"r2{ending}"] = oracle.r2_score(true, said)
        expected[f"spearman{ending}"] = stats.spearmanr(true, said).statistic
    assert found == pytest.approx(expected, rel=1e-12), "nobody has the third, and so there are no means"


def test_what_has_no_unit_is_averaged_over_the_targets() -> None:
    learned_NT, observed_NT = several()
    observed_NT[:, 2] = 1 + decoded(THREE, learned_NT.numpy())[:, 2]
    found = measured_several(learned_NT, observed_NT)
    for name in ("r2", "spearman"):
        own = [found[f"{name}{ending}"] for ending in ("_age", "_pH_of_soil", "_depth")]
        assert found[name] == pytest.approx(np.mean(own))
    assert found["mae_depth"] == pytest.approx(1, rel=1e-5)
    assert "mae" not in found
    assert "rmse" not in found


def test_truths_are_those_of_the_sheet_not_rescaled() -> None:
    """A quantile transform ends at the training samples' range; the sheet's values do not."""
    spec = replace(REGRESSION, transform="quantile", parameters=tuple(np.linspace(0, 10, 11)), shift=0.0, scale=1.0)
    observed_N1 = np.array([[2.0], [25.0]])
    targets = Targets(specs=(spec,))
    head = target_head(targets)
    metrics = ValidationMetrics([head], Truths(targets, {"age": observed_N1[:, 0]}, np.zeros(2, dtype=np.int64)))
    learned = torch.from_numpy(spec.encode(observed_N1[:, 0]))[:, None]
    metrics.update(head, Comparison(learned, learned), torch.arange(2))
    assert metrics.compute()["mae"] == pytest.approx((0 + 15) / 2, abs=0.1)


def test_numbers_scaled_within_levels_are_unscaled_within_them() -> None:
    spec = replace(REGRESSION, level_shift=(0.0, 100.0, 200.0), level_scale=(1.0, 10.0, 20.0))
    targets = Targets(specs=(spec,), normalize_by=("site",), levels=("a", "b"))
    level_N = np.array([1, 2, 2, 1])
    observed_N1 = np.array([[110.0], [220.0], [180.0], [90.0]])
    head = target_head(targets)
    metrics = ValidationMetrics([head], Truths(targets, {"age": observed_N1[:, 0]}, level_N))
    for rows in (torch.tensor([2, 0]), torch.tensor([3, 1])):
        zero = torch.zeros(2, 1)
        metrics.update(head, Comparison(zero, zero), rows)
    assert metrics.compute()["mae"] == pytest.approx((10 + 20 + 20 + 10) / 4)
