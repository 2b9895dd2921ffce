"""The folder of a blend: what its members share is stored once, and whatever is damaged is refused."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from aam.data.study.study import Study
from aam.data.targets.kinds import TargetSpec
from aam.errors import CheckpointError
from aam.learners.members import new_member
from aam.learners.predictor import Combination, load_predictor, save_predictor
from aam.learners.protocol import Learner
from aam.learners.trees import extra_trees
from aam.learners.trees.forest import ForestLearner, ForestSettings
from aam.models.folder.container import read_model_folder, write_model_folder
from aam.models.folder.manifest import Manifest
from aam.models.folder.paths import CARD, WEIGHTS
from tests.learners.blend_studies import AGE, MASS, NEW, SEASONS, SITE, TRAIN, labelled, task_of, tiny_study

NAMES = ("trees-dna", "trees-phylogeny", "jaccard", "unifrac-dna", "unifrac-phylogeny", "clr-radial", "clades-linear")
FOLDS = np.arange(len(TRAIN)) % 4


@pytest.fixture(autouse=True)
def _few_trees(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(extra_trees, "NUM_TREES", 6)


@pytest.fixture
def study(tmp_path: Path) -> Study:
    return tiny_study(tmp_path, season=SEASONS)[0]


def fitted(study: Study, *specs: TargetSpec) -> list[Learner]:
    task = task_of(study, *specs, covariates=True)
    learners: list[Learner] = [ForestLearner(task, ForestSettings(n_estimators=6, n_jobs=1))]
    learners += [new_member(name, task, 1) for name in NAMES]
    samples = labelled(study, *specs)
    for learner in learners:
        learner.fit(study, samples.rows, samples.targets)
    return learners


def weights_of(number: int, columns: int) -> tuple[tuple[float, ...], ...]:
    drawn = np.random.default_rng(0).dirichlet(np.ones(number), columns).T
    return tuple(tuple(map(float, row)) for row in drawn)


@pytest.mark.parametrize("specs", [(AGE,), (AGE, MASS), (SITE,)], ids=["number", "two", "classes"])
def test_a_blend_comes_back_to_the_bit(specs: tuple[TargetSpec, ...], study: Study, tmp_path: Path) -> None:
    learners = fitted(study, *specs)
    weights = weights_of(len(learners), len(specs))
    save_predictor(tmp_path / "model", learners, Combination(weights=weights))
    found = load_predictor(tmp_path / "model")
    assert found.manifest.weights == weights
    assert [member.name for member in found.manifest.members] == ["forest", *NAMES]
    for one, other in zip(found.learners, learners, strict=True):
        assert (one.predict(study, NEW) == other.predict(study, NEW)).all()
    by_hand = sum(np.array(row) * one.predict(study, NEW) for row, one in zip(weights, learners, strict=True))
    assert found.predict(study, NEW) == pytest.approx(by_hand, rel=1e-12)
    card = (tmp_path / "model" / CARD).read_text()
    assert f"trees-dna ({np.mean(weights[1]):.3g}), " in card
    assert "the weighted mean of their predictions" in card


def test_what_members_share_is_stored_once(study: Study, tmp_path: Path) -> None:
    save_predictor(tmp_path / "model", fitted(study, AGE))
    _, manifest, states, reference = read_model_folder(tmp_path / "model")
    assert {name.partition(".")[0] for name in reference} == {"tokens", "prevalence", "counts", "dna", "phylogeny"}
    assert manifest.reference == {"trees": ["dna", "phylogeny"], "num_samples": len(TRAIN)}
    assert not any(name.startswith(("counts", "dna")) for state in states for name in state)
    jaccard = states[1 + NAMES.index("jaccard")]
    assert set(jaccard) == {"centre", "scale", "dual", "slope", "intercept"}


def changed(folder: Path, owner: int | str, name: str, change: Any) -> None:
    """A tensor of a member or of what they share, changed by someone who can make the checksum right."""
    _, manifest, states, reference = read_model_folder(folder)
    owners: Mapping[int | str, dict[str, torch.Tensor]] = {**dict(enumerate(states)), "reference": reference}
    owners[owner][name] = change(owners[owner][name].clone())
    write_model_folder(folder, manifest, list(states), reference)


def put(place: int, value: float) -> Any:
    def change(tensor: torch.Tensor) -> torch.Tensor:
        tensor.view(-1)[place] = value
        return tensor

    return change


DAMAGED: list[tuple[int | str, str, Any, str]] = [
    ("reference", "tokens", put(0, 77), "letters other than bases"),
    ("reference", "counts.indices", put(0, 10**6), "out of range"),
    ("reference", "counts.data", put(0, -4), "not positive"),
    ("reference", "phylogeny.parent", put(0, 0), "do not form a tree"),
    ("reference", "dna.length", put(0, -1.0), "no length"),
    ("reference", "dna.length", lambda tensor: tensor.float(), "cannot be float32"),
    (1, "nodes", put(0, 10**6), "out of range"),
    (1, "0.trees.root", put(0, 10**6), "leads nowhere"),
    (2, "0.codes", lambda tensor: torch.ones(1, dtype=torch.int32), "classes of trees"),
    (3, "dual", lambda tensor: tensor[1:], "'dual' cannot be"),
    (6, "similarity.width", put(0, -1.0), "another width"),
    (7, "similarity.columns", put(0, -1), "out of range"),
]


@pytest.mark.parametrize(("owner", "name", "change", "problem"), DAMAGED)
def test_damaged_arrays_are_refused(
    owner: int | str, name: str, change: Any, problem: str, study: Study, tmp_path: Path
) -> None:
    save_predictor(tmp_path / "model", fitted(study, AGE))
    changed(tmp_path / "model", owner, name, change)
    with pytest.raises(CheckpointError, match=problem) as caught:
        load_predictor(tmp_path / "model")
    assert str(caught.value).startswith(str(tmp_path / "model" / WEIGHTS))


@pytest.mark.parametrize(
    ("changes", "problem"),
    [
        ({"reference": None}, "a tree is lacking"),
        ({"reference": {}}, "unknown tree"),
        ({"reference": {"trees": ["dna"], "num_samples": True}}, "prevalence"),
        ({"reference": {"trees": ["dna"], "num_samples": len(TRAIN)}}, "a tree is lacking"),
        ({"weights": ((0.5,),) * 8}, "do not sum to 1"),
        ({"weights": ((0.125, 0.125, 0.125),) * 8}, "not those of the targets"),
        ({"weights": (*((0.125,),) * 7, (0.125, 0.125))}, "not those of the targets"),
        ({"weights": ((2.0,), (-1.0,), *((0.0,),) * 6)}, "out of range"),
        ({"weights": ((float("nan"),),) * 8}, "out of range"),
    ],
)
def test_facts_that_cannot_be_are_refused(changes: dict[str, Any], problem: str, study: Study, tmp_path: Path) -> None:
    save_predictor(tmp_path / "model", fitted(study, AGE, MASS))
    _, manifest, states, reference = read_model_folder(tmp_path / "model")
    write_model_folder(tmp_path / "model", replace(manifest, **changes), list(states), reference)
    with pytest.raises(CheckpointError, match=problem):
        load_predictor(tmp_path / "model")


@pytest.mark.parametrize("weights", [[[0.5], [0.5]], [0.125] * 8, [[0.125]] * 7 + [None]])
def test_a_manifest_weighs_every_member(weights: Any, study: Study, tmp_path: Path) -> None:
    save_predictor(tmp_path / "model", fitted(study, AGE))
    content = read_model_folder(tmp_path / "model").manifest.to_dict()
    with pytest.raises(ValueError, match="a member has no weight"):
        Manifest.from_dict({**content, "weights": weights})


def test_tensors_that_no_member_has_are_refused(study: Study, tmp_path: Path) -> None:
    save_predictor(tmp_path / "model", fitted(study, AGE))
    _, manifest, states, reference = read_model_folder(tmp_path / "model")
    write_model_folder(tmp_path / "model", manifest, list(states), {})
    with pytest.raises(CheckpointError, match="'tokens' is lacking"):
        load_predictor(tmp_path / "model")
    write_model_folder(
        tmp_path / "model", replace(manifest, members=manifest.members[:-1]), list(states)[:-1], reference
    )
    assert len(load_predictor(tmp_path / "model").learners) == len(NAMES)
