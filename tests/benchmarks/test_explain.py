from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from scipy.sparse import csr_array

from aam.explanation.catalogue import METHODS
from aam.explanation.effects import Effects
from aam.explanation.groups import AsvGroups
from benchmarks.explain import calibration, networks, nulls, rankings, recovery, studies, table
from benchmarks.explain.calibration import SAME_MODEL, Covered, Signs
from benchmarks.explain.infants import UNNAMED, name_of, read_names
from benchmarks.explain.networks import RANDOM, TRAINED
from benchmarks.explain.nulls import CLEAR, SHUFFLED, TRUE, Called
from benchmarks.explain.rankings import Ranking
from benchmarks.explain.recovery import Score
from benchmarks.explain.store import Store
from benchmarks.store import MissingError
from tests.explanation.network.cases import subject

SMALL = {"NUM_ASVS": 60, "RICHNESS": 20.0, "EXPLAINED": 24}


@pytest.fixture
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in SMALL.items():
        monkeypatch.setattr(studies, name, value)
    monkeypatch.setattr(calibration, "EXPLAINED", SMALL["EXPLAINED"])
    monkeypatch.setattr(rankings, "TREES", 10)
    monkeypatch.setattr(studies, "AUTO", "forest")
    for module in (calibration, nulls):
        monkeypatch.setattr(module, "SAMPLES", 40)


def effects(by_sample_NG: list[list[float]], level: str = "asv") -> Effects:
    by_sample = np.array(by_sample_NG)[:, :, None]
    support = (by_sample[:, :, 0] != 0).sum(axis=0)
    names = tuple(f"{level}{place}" for place in range(by_sample.shape[1]))
    mean = by_sample.sum(axis=0) / support[:, None]
    return Effects(
        method="removal",
        learner="model",
        level=level,
        names=names,
        labels=names,
        outputs=("gradient",),
        unit="prediction",
        effect_GO=mean,
        low_GO=mean - 1,
        high_GO=mean + 1,
        importance_GO=np.abs(by_sample).mean(axis=0),
        support_G=support,
        by_sample_NGO=by_sample,
        has_NG=by_sample[:, :, 0] != 0,
    )


def test_precision_and_auroc_leave_out_mixed_groups() -> None:
    # informative: 0 and 3; of the two first pure ones, one is informative; of four pairs three are in order
    ranking = Ranking(
        name="any", score_G=np.array([5, 4, 9, 1, 0.5]), is_called_G=np.array([1, 1, 1, 0, 0], dtype=bool)
    )
    found = recovery.score(ranking, np.array([1, 0, 0.5, 1, 0]), samples=1, effect=1.0, seed=0, level="asv")
    assert (found.precision, found.auroc, found.chance) == (0.5, 0.75, 0.5)
    assert (found.called, found.false, found.power) == (2, 0.5, 0.5)


def test_rare_groups_count_by_their_carriers() -> None:
    found = effects([[1, 3], [1, 0], [1, 0]])
    assert rankings.over_all(found).tolist() == [1, 1]
    assert rankings.in_carriers(found).tolist() == [1, 3]


def test_effects_are_compared_with_those_of_a_null() -> None:
    null = effects([[0.1 * place for place in range(1, 20)]])
    # of 20 equally likely places only those beyond all 19 have p = 0.05, and five of ten of them q = 0.1 at most
    found = nulls.beyond(effects([[5.0, 5.0, 5.0, 5.0, 5.0, 5.0, 0.1, 0.1, 0.1, 0.1]]), null)
    assert found.tolist() == [True] * 6 + [False] * 4
    assert not nulls.beyond(null, null).any()


def test_small_clades_support_their_asvs() -> None:
    clades = AsvGroups(
        level="clade", names=("a", "b"), labels=("a", "b"), members=csr_array(np.array([[1, 1, 0], [1, 1, 1]]))
    )
    within = clades.members.toarray()
    found = rankings.with_relatives(effects([[1, 1, 1]]), effects([[6, 2]], "clade"), clades, within)
    # sizes by their means: ASVs 1; clades 1.5 and 0.5, of which the first two are in both and the last in one
    assert found.tolist() == [2, 2, 1.5]


def test_importances_of_a_forest_find_the_informative(small: None) -> None:
    data = studies.simulated(200, 4.0, seed=1)
    groups, _ = data.groups()
    is_true = data.truth.of(groups) == 1
    for ranking in rankings.rivals(data, groups):
        assert recovery.score(ranking, data.truth.of(groups), samples=1, effect=1.0, seed=0, level="asv").auroc > 0.6
    called = rankings.rivals(data, groups)[-1].is_called_G
    assert called is not None
    assert is_true[called].mean() > 0.6


def test_subjects_are_not_divided(small: None) -> None:
    data = studies.simulated(40, 2.0, seed=3, num_rest=20)
    parts = (data.training, data.explained, data.rest)
    assert [len(rows) for rows in parts] == [40, 24, 20]
    units = [set(data.unit_N[rows]) for rows in parts]
    assert not units[0] & units[1]
    assert not units[1] & units[2]
    shuffled = nulls.shuffled(data)
    assert sorted(shuffled) == sorted(data.target_N)
    assert not np.allclose(shuffled, data.target_N)
    blocks = {tuple(row) for row in data.target_N.reshape(-1, 4)}
    assert {tuple(row) for row in shuffled.reshape(-1, 4)} == blocks


def test_a_study_is_scored_by_every_method(small: None) -> None:
    found = list(recovery.study_scores(40, 3.0, seed=1))
    names = {one.ranking for one in found if one.level == "clade"}
    assert {"removal: model", "permutation: model", rankings.IMPURITY, rankings.PERMUTED, rankings.CORRELATION} <= names
    assert all(0 <= one.auroc <= 1 for one in found if one.level != studies.TARGET)


def test_intervals_are_judged_on_other_samples(small: None) -> None:
    found = list(calibration.study_coverage(1, refits=1, times=2))
    same = [one for one in found if one.of == SAME_MODEL and one.level == "asv"]
    assert sum(one.intervals for one in same) > 10
    assert all(one.held <= one.intervals for one in found)
    folds = list(calibration.fold_coverage(1, refits=1, folds=2))
    assert {one.models for one in folds} == {2}
    assert sum(one.intervals for one in folds) > 10
    signs = list(calibration.study_signs(1))
    assert all(one.right <= one.clear <= one.effects for one in signs)


def test_folds_are_called_clear_and_stable(small: None) -> None:
    found = list(nulls.study_calls(1, {"removal": (1, 2)}))
    assert {(one.targets, one.folds, one.word) for one in found if one.level == "asv"} == {
        (targets, folds, word)
        for targets in (TRUE, SHUFFLED)
        for folds, word in ((1, "clear"), (2, "clear"), (2, "stable"))
    }
    assert all(one.false <= one.called <= one.groups for one in found)


def test_attributions_sum_up_to_the_change() -> None:
    for method in ("abundance-gradients", "identity-gradients"):
        assert networks.incompleteness(METHODS[method], subject()) < 1e-3


def test_a_network_is_trained_beside_a_random_one(small: None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(networks, "SAMPLES", 40)
    monkeypatch.setattr(networks, "OF_NETWORKS", ("attention",))
    found = list(networks.network_scores(1, epochs=1))
    assert {(one.weights, one.method) for one in found if one.weights} == {
        (TRAINED, "removal"),
        (TRAINED, "attention"),
        (RANDOM, "attention"),
    }


def test_a_store_computes_once(tmp_path: Path) -> None:
    store = Store(tmp_path)
    assert store.get("a/b", lambda: [{"x": 1}]) == [{"x": 1}]
    assert store.get("a/b", lambda: pytest.fail("computed again")) == [{"x": 1}]
    with pytest.raises(MissingError):
        Store(tmp_path, computes=False).get("c", list)


def test_names_are_of_whole_references() -> None:
    names = read_names()
    assert {len(sequence) for sequence in names} == {100}
    sequence, name = next(iter(names.items()))
    assert name_of(sequence + "ACGT", names) == name
    assert name_of("N" * 3 + sequence[3:], names) == f"near {name} (3 of 100 bases differ)"
    assert name_of("N" * 100, names) == UNNAMED


def test_the_page_has_all_parts(tmp_path: Path) -> None:
    about = {"samples": 100, "effect": 2.0, "level": "asv", "chance": 0.3}
    scores = [
        Score(seed=seed, ranking="removal: model", precision=0.5, auroc=value, called=4, false=0.25, power=0.5, **about)
        for seed, value in enumerate((0.7, 0.8, 0.9))
    ]
    covered = [Covered(seed=0, level="asv", learner="model", of=SAME_MODEL, carriers="5 to 9", intervals=20, held=18)]
    signs = [Signs(seed=0, level="asv", learner="model", clear=4, right=3, effects=10, all_right=6)]
    called = [
        Called(
            seed=0, method="removal", level="asv", learner="model", targets=targets, folds=1, word=CLEAR,
            groups=10, called=4, false=false, informative=3, found=2,
        )
        for targets, false in ((TRUE, 2), (SHUFFLED, 3))
    ]  # fmt: skip
    parts = {"recovery": scores, "calibration": (covered, signs), "nulls": called}
    table.write(tmp_path, parts, {"cores": "2"})
    page = (tmp_path / "explain.md").read_text()
    # t(0.975, 2) * 0.1 / sqrt(3) = 4.303 * 0.0577
    assert "| removal: model | 0.80 ± 0.25 |" in page
    assert "| removal: model | 4, 25%, 50% |" in page
    assert "| model | 1 model | 5 to 9 | 90% (20) |" in page
    assert "| ASVs | model | 75% (4) | 60% (10) |" in page
    assert "| removal: model | 1 | clear | 4.0 of 10 | 4.0 of 10 | 50% | 67% |" in page
