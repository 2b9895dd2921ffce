from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from sklearn.kernel_ridge import KernelRidge
from sklearn.linear_model import Ridge

from aam.data.targets.kinds import TargetSpec
from aam.learners import kernel as module
from aam.learners import reference as reference_module
from aam.learners.folds import deal_folds
from aam.learners.kernel import PENALTIES, KernelLearner, fit_ridge
from aam.learners.protocol import Computing
from aam.learners.reference import Reference
from aam.learners.similarity import SIMILARITIES
from aam.learners.stored import Stored
from tests.learners.blend_studies import (
    AGE,
    GROUPS,
    MASS,
    NEW,
    SEASONS,
    SITE,
    TRAIN,
    labelled,
    task_of,
    tiny_study,
    truths_of,
)
from tests.learners.test_reference import put

CPU = Computing(device="cpu")
FOLDS = np.arange(len(TRAIN)) % 5


def positive_kernels(name: str, study: Any, reference: Reference) -> tuple[np.ndarray, np.ndarray]:
    """Kernel of the training samples and of new ones with these: centred by hand, scaled, without what is negative."""
    similarity = SIMILARITIES[name].fit(name, reference)
    raw = similarity.between(similarity.embedded, similarity.embedded)
    new = similarity.between(similarity.embed(reference.reads_of(study, NEW)), similarity.embedded)
    number = len(raw)
    centring = np.eye(number) - np.full((number, number), 1 / number)
    kernel = centring @ raw @ centring
    others = (new - raw.mean(axis=0)) @ centring
    scale = np.trace(kernel) / number
    value, vector = np.linalg.eigh(kernel / scale)
    kept = vector[:, value > 1e-7 * value.max()]
    return kept @ kept.T @ kernel @ kept @ kept.T / scale, others @ kept @ kept.T / scale


def ridge_with_intercept(kernel: np.ndarray, truths: np.ndarray, penalty: float) -> tuple[np.ndarray, float]:
    """scikit-learn's dual coefficients on the kernel, centred again, and the intercept that goes with them."""
    mean = kernel.mean(axis=0)
    centred = kernel - mean - mean[:, None] + mean.mean()
    dual = KernelRidge(alpha=penalty, kernel="precomputed").fit(centred, truths - truths.mean()).dual_coef_
    dual = dual - dual.mean()
    return dual, float(truths.mean() - mean @ dual)


@pytest.mark.parametrize("name", SIMILARITIES)
def test_it_is_scikit_learns_kernel_ridge(name: str, tmp_path: Path) -> None:
    """Out of fold, on all samples, and for new ones; the penalty by a plain loop."""
    study, _ = tiny_study(tmp_path)
    task, samples = task_of(study, AGE, encoder=True), labelled(study, AGE)
    kernel, others = positive_kernels(name, study, task.reference)
    truths = samples.targets[:, 0]
    found = np.empty((len(PENALTIES), len(TRAIN)))
    for place, penalty in enumerate(PENALTIES):
        for fold in range(5):
            rest, own = fold != FOLDS, fold == FOLDS
            dual, intercept = ridge_with_intercept(kernel[np.ix_(rest, rest)], truths[rest], penalty)
            found[place, own] = kernel[np.ix_(own, rest)] @ dual + intercept
    errors = (found - truths) ** 2
    expected = np.empty(len(TRAIN))
    for fold in range(5):
        best = errors[:, fold != FOLDS].sum(axis=1).argmin()
        expected[fold == FOLDS] = found[best, fold == FOLDS]
    learner = KernelLearner(task, name)
    assert learner.cross_fit(study, samples, FOLDS)[:, 0] == pytest.approx(expected, abs=2e-5)
    dual, intercept = ridge_with_intercept(kernel, truths, PENALTIES[errors.sum(axis=1).argmin()])
    assert learner.predict(study, NEW)[:, 0] == pytest.approx(others @ dual + intercept, abs=2e-5)


def test_a_weighted_ridge_is_scikit_learns() -> None:
    rng = np.random.default_rng(0)
    points, wanted, weight = rng.normal(size=(36, 9)), rng.normal(size=(36, 2)), rng.uniform(0.2, 3, 36)
    found = fit_ridge(points, wanted, FOLDS, weight)
    for place, penalty in enumerate(PENALTIES):
        whole = Ridge(alpha=penalty).fit(points, wanted, weight)
        assert found.coefficients_LPO[place] == pytest.approx(whole.coef_.T, abs=1e-8)
        assert found.intercepts_LO[place] == pytest.approx(whole.intercept_, abs=1e-8)
        rest, own = FOLDS != 2, FOLDS == 2
        part = Ridge(alpha=penalty).fit(points[rest], wanted[rest], weight[rest])
        assert found.out_of_fold_LBO[place, own] == pytest.approx(part.predict(points[own]), abs=1e-8)


@pytest.mark.parametrize("specs", [(AGE,), (SITE,)], ids=["number", "classes"])
def test_a_sample_of_weight_2_is_there_twice(specs: tuple[TargetSpec, ...]) -> None:
    study, _ = tiny_study()
    task = task_of(study, *specs)
    weights = np.where(np.arange(len(TRAIN)) % 3 == 0, 2.0, 1.0)
    twice = np.repeat(np.arange(len(TRAIN)), weights.astype(int))
    weighted, plain = (KernelLearner(task, "clr-radial") for _ in range(2))
    one = weighted.cross_fit(study, labelled(study, *specs, weights=weights), FOLDS)
    other = plain.cross_fit(study, labelled(study, *specs).take(twice), FOLDS[twice])
    assert one[twice] == pytest.approx(other, abs=1e-6)
    assert weighted.predict(study, NEW) == pytest.approx(plain.predict(study, NEW), abs=1e-6)


def test_landmarks_come_near_to_all_samples(monkeypatch: pytest.MonkeyPatch) -> None:
    study, _ = tiny_study()
    samples = labelled(study, AGE)
    exact = KernelLearner(task_of(study, AGE), "clades-radial")
    exact.cross_fit(study, samples, FOLDS)
    errors = []
    for kept in (10, 20, 34):
        monkeypatch.setattr(reference_module, "MAX_SAMPLES", kept)
        learner = KernelLearner(task_of(study, AGE), "clades-radial")
        learner.cross_fit(study, samples, FOLDS)
        assert learner.to_arrays().arrays["dual"].shape == (kept, 1)
        errors.append(np.sqrt(((learner.predict(study, NEW) - exact.predict(study, NEW)) ** 2).mean()))
    spread = exact.predict(study, NEW).std()
    assert errors[2] < errors[0]
    assert errors[2] < 0.4 * spread


def test_each_of_two_numbers_is_learned_from_those_that_have_it() -> None:
    """The missing masses do not count, and each number has its own penalty."""
    study, _ = tiny_study()
    task, both = task_of(study, AGE, MASS), labelled(study, AGE, MASS)
    together = KernelLearner(task, "jaccard")
    found = together.cross_fit(study, both, FOLDS)
    known = ~np.isnan(both.targets[:, 1])
    assert 0 < known.sum() < len(known)
    alone = KernelLearner(task_of(study, MASS), "jaccard")
    mass = both.take(known)
    only = type(mass)(rows=mass.rows, targets=mass.targets[:, 1:])
    assert found[known, 1:] == pytest.approx(alone.cross_fit(study, only, FOLDS[known]), abs=1e-9)
    assert together.predict(study, NEW)[:, 1:] == pytest.approx(alone.predict(study, NEW), abs=1e-9)
    age = KernelLearner(task_of(study, AGE), "jaccard")
    assert found[:, :1] == pytest.approx(age.cross_fit(study, labelled(study, AGE), FOLDS), abs=1e-9)
    assert np.isfinite(found).all()


def test_shares_of_classes_sum_to_1() -> None:
    study, _ = tiny_study()
    learner = KernelLearner(task_of(study, SITE), "clades-linear")
    found = learner.cross_fit(study, labelled(study, SITE), FOLDS)
    for shares in (found, learner.predict(study, NEW)):
        assert shares.sum(axis=1) == pytest.approx(1)
        assert (shares > 0).all()
    codes = labelled(study, SITE).targets[:, 0]
    assert (found.argmax(axis=1) == codes).mean() > 0.4


def test_covariates_change_predictions() -> None:
    """A number that the season alone tells is learned from it."""
    study, _ = tiny_study(season=SEASONS)
    task = task_of(study, AGE, covariates=True)
    warmth = np.array([{"wet": 0.0, "dry": 3.0, "cold": -5.0}[season] for season in SEASONS])
    samples = labelled(study, AGE)
    seasonal = type(samples)(rows=TRAIN, targets=warmth[TRAIN, None])
    errors = []
    for one in (task, task_of(study, AGE)):
        learner = KernelLearner(one, "clr-linear")
        learner.cross_fit(study, seasonal, FOLDS)
        errors.append(np.abs(learner.predict(study, NEW)[:, 0] - warmth[NEW]).mean())
    assert errors[0] < 0.2 * errors[1]


def test_rows_are_predicted_in_blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    study, _ = tiny_study()
    learner = KernelLearner(task_of(study, AGE, MASS), "unifrac-dna").fit(
        study, TRAIN, truths_of(study, TRAIN, AGE, MASS), GROUPS
    )
    expected = learner.predict(study, NEW)
    monkeypatch.setattr(module, "ROWS_AT_ONCE", 3)
    assert learner.predict(study, NEW) == pytest.approx(expected, abs=1e-9)
    assert learner.predict(study, NEW[::-1]) == pytest.approx(expected[::-1], abs=1e-9)
    assert learner.predict(study, NEW[:0]).shape == (0, 2)


def test_fitting_deals_folds_of_whole_groups() -> None:
    study, _ = tiny_study()
    task, samples = task_of(study, AGE), labelled(study, AGE, groups=GROUPS)
    one, other = (KernelLearner(task, "clades-radial") for _ in range(2))
    one.fit(study, TRAIN, samples.targets, GROUPS)
    other.cross_fit(study, samples, deal_folds(task.targets.kind, samples))
    assert (one.predict(study, NEW) == other.predict(study, NEW)).all()


def test_samples_that_are_all_alike_are_predicted_as_their_mean() -> None:
    from tests.data.study_files import make_study

    study = make_study(np.tile(np.arange(1, 9), (10, 1)))
    rows, truths = np.arange(10), np.arange(10.0)[:, None]
    for name in ("jaccard", "unifrac-dna", "clr-linear", "clr-radial", "clades-radial"):
        task = task_of(study, AGE, reference=False)
        task = type(task)(targets=task.targets, reference=Reference.fit(study, rows))
        learner = KernelLearner(task, name)
        assert np.isfinite(learner.cross_fit(study, labelled_all(rows, truths), rows % 5)).all()
        assert learner.predict(study, rows) == pytest.approx(np.full((10, 1), 4.5), abs=1e-5)


def labelled_all(rows: np.ndarray, truths: np.ndarray) -> Any:
    from aam.learners.protocol import Labelled

    return Labelled(rows=rows, targets=truths)


@pytest.mark.parametrize("name", ["jaccard", "unifrac-phylogeny", "clr-radial", "clades-linear"])
@pytest.mark.parametrize("specs", [(AGE, MASS), (SITE,)], ids=["numbers", "classes"])
def test_it_comes_back_from_its_arrays(name: str, specs: tuple[TargetSpec, ...], tmp_path: Path) -> None:
    study, _ = tiny_study(tmp_path, season=SEASONS)
    task = task_of(study, *specs, covariates=True)
    learner = KernelLearner(task, name)
    learner.cross_fit(study, labelled(study, *specs), FOLDS)
    again = KernelLearner.from_arrays(learner.to_arrays(), task, CPU)
    assert (again.predict(study, NEW) == learner.predict(study, NEW)).all()
    assert again.to_arrays().facts == {"name": name}


@pytest.mark.parametrize(
    ("name", "value", "problem"),
    [
        ("name", "oracle", "unknown kernel"),
        ("name", ["jaccard"], "unknown kernel"),
        ("name", "unifrac-phylogeny", "a tree is lacking"),
        ("centre", lambda found: found[1:], "cannot be"),
        ("scale", put(0, 0.0), "scale"),
        ("scale", put(0, 1e-320), "scale"),
        ("dual", lambda found: found[:, :0], "cannot be"),
        ("dual", put(0, 1e300), "too large"),
        ("slope", lambda found: found[1:], "cannot be"),
        ("slope", put(0, -1e300), "too large"),
        ("intercept", lambda found: found.astype(np.float32), "cannot be"),
    ],
)
def test_arrays_that_are_no_kernel_are_refused(name: str, value: Any, problem: str) -> None:
    study, _ = tiny_study(season=SEASONS)
    task = task_of(study, AGE, MASS, covariates=True)
    learner = KernelLearner(task, "clr-radial")
    learner.cross_fit(study, labelled(study, AGE, MASS), FOLDS)
    stored = learner.to_arrays()
    if name == "name":
        changed = Stored(stored.arrays, {"name": value})
    else:
        changed = Stored({**stored.arrays, name: value(stored.arrays[name].copy())}, stored.facts)
    with pytest.raises(ValueError, match=problem):
        KernelLearner.from_arrays(changed, task, CPU)


def test_a_kernel_without_samples_to_compare_with_is_refused() -> None:
    study, _ = tiny_study()
    learner = KernelLearner(task_of(study, AGE), "jaccard")
    learner.cross_fit(study, labelled(study, AGE), FOLDS)
    with pytest.raises(ValueError, match="no samples to compare with"):
        KernelLearner.from_arrays(learner.to_arrays(), task_of(study, AGE, reference=False), CPU)
