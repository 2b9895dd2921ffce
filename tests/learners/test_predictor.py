from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any, Self

import numpy as np
import pytest
import torch

from aam.cli.main import main
from aam.config import HeadOptions, LossOptions, SamplingOptions
from aam.data.batches.loaders import LoaderOptions
from aam.data.readers.metadata import Metadata
from aam.data.study.study import Study
from aam.data.targets.intervals import calibrate_numbers
from aam.data.targets.targets import Targets
from aam.errors import CheckpointError
from aam.learners.predictor import Combination, load_predictor, save_predictor
from aam.learners.protocol import Computing, Learner, Task
from aam.learners.registry import LEARNERS, register
from aam.learners.stored import Stored
from aam.learners.trees.forest import ForestLearner, ForestSettings
from aam.models.folder.container import read_model_folder, write_model_folder
from aam.models.folder.description import ModelDescription, build_model
from aam.models.folder.manifest import Member
from aam.models.folder.paths import WEIGHTS
from aam.models.folder.weights import load_models, save_models
from aam.models.inference import BatchPredictor, predict_in_draws
from aam.models.sequence_encoder import SelfSupervision
from tests.data.study_files import make_study, random_counts, write_table
from tests.factories import random_sequences
from tests.models.model_cases import CLASSES, COVARIATES, REGRESSION, all_weights_move, model_options, predictor_plan

DATA = {"trim_length": None, "max_bp": 150, "rarefy_depth": 200, "token_limit": 64, "asv_sampling": "abundance"}
TASK = Task(targets=Targets(specs=(REGRESSION, replace(REGRESSION, column="mass"))), data=DATA)
CPU = Computing(device="cpu", batch_size=4, seed=3)
SIZE, TRAIN, NEW = 40, np.arange(25), np.arange(25, 40)


class NearestNeighbour(Learner):
    """The training sample with the most similar reads; a kind from outside the package, in one class."""

    kind = "nearest"

    def fit(self, study: Study, rows: np.ndarray, targets: np.ndarray, groups: Any = None, weights: Any = None) -> Self:
        self.reads, self.truths = study.table.counts[rows].toarray(), targets
        return self

    def predict(self, study: Study, rows: np.ndarray, draw: int = 0) -> np.ndarray:
        distances = np.abs(study.table.counts[rows].toarray()[:, None] - self.reads).sum(axis=2)
        return self.truths[distances.argmin(axis=1)]

    def to_arrays(self) -> Stored:
        return Stored({"reads": self.reads, "truths": self.truths}, {"samples": len(self.reads)})

    @classmethod
    def from_arrays(cls, stored: Stored, task: Task, computing: Computing) -> Self:
        learner, size = cls(task), int(stored.facts["samples"])
        learner.reads = stored.array("reads", np.int64, (size, None))
        learner.truths = stored.array("truths", np.float64, (size, len(task.targets)))
        return learner


@pytest.fixture(autouse=True)
def _one_more_kind() -> Iterator[None]:
    register(NearestNeighbour)
    yield
    del LEARNERS[NearestNeighbour.kind]


@pytest.fixture(scope="module")
def study() -> Study:
    counts = random_counts(SIZE, 18, share=0.4)
    found = make_study(counts, sequences=random_sequences(18, length=30), rarefy_depth=200)
    return found


@pytest.fixture(scope="module")
def truths() -> np.ndarray:
    return np.random.default_rng(1).normal(size=(SIZE, 2))


def fitted(kind: str, study: Study, truths: np.ndarray, seed: int = 1) -> Learner:
    """One fitted learner of each kind; the network has random weights."""
    if kind == "network":
        description, model = network(seed)
        arrays = {name: tensor.numpy() for name, tensor in model.state_dict().items()}
        return LEARNERS[kind].from_arrays(Stored(arrays, description.facts), TASK, CPU)
    settings = ForestSettings(n_estimators=10, n_jobs=1, seed=seed)
    learner = ForestLearner(TASK, settings) if kind == "forest" else NearestNeighbour(TASK)
    return learner.fit(study, TRAIN, truths[TRAIN])


def network(seed: int = 1, **changes: Any) -> tuple[ModelDescription, torch.nn.Module]:
    options = model_options(embedding_dim=8, asv_layers=0, sample_layers=0, encoder_layers=0, num_soft_clades=4)
    plan = predictor_plan(TASK.targets, **changes)
    description = ModelDescription(
        options=options, supervision=SelfSupervision(), predictor=plan, data=DATA, record={"samples": 12}
    )
    model = build_model(description)
    all_weights_move(model, seed)
    return description, model.eval()


KINDS = ("network", "forest", "nearest")


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_comes_back_from_its_folder(kind: str, study: Study, truths: np.ndarray, tmp_path: Path) -> None:
    learner = fitted(kind, study, truths)
    save_predictor(tmp_path, [learner])
    found = load_predictor(tmp_path, CPU)
    assert [member.kind for member in found.manifest.members] == [kind]
    assert found.targets == TASK.targets
    expected = learner.predict(study, NEW, 1)
    assert expected.shape == (15, 2)
    assert (found.predict(study, NEW, 1) == expected).all()
    assert f"It consists of 1 {kind}." in (tmp_path / "README.md").read_text() or kind == "network"


@pytest.mark.parametrize("weights", [(), ((0.5,), (0.2,), (0.3,)), ((0.5, 0.0), (0.2, 0.25), (0.3, 0.75))])
def test_members_of_several_kinds_are_combined(
    weights: tuple[tuple[float, ...], ...], study: Study, truths: np.ndarray, tmp_path: Path
) -> None:
    learners = [fitted(kind, study, truths) for kind in KINDS]
    calibrations = (calibrate_numbers(np.arange(9.0), np.zeros(9), None), None)
    record = {"trained on": "25 samples"}
    how = Combination(
        weights=weights, record=record, calibrations=calibrations, interval_level=0.8, prediction_passes=3
    )
    save_predictor(tmp_path, learners, how)
    found = load_predictor(tmp_path, CPU)
    assert found.manifest.weights == weights
    assert found.manifest.record == record
    assert found.manifest.prediction_passes == 3
    assert (found.manifest.decoder().calibrations, found.manifest.decoder().level) == (calibrations, 0.8)
    shares = np.array(weights or [[1 / 3]] * 3)
    for draw in range(2):
        expected = sum(w * one.predict(study, NEW, draw) for w, one in zip(shares, learners, strict=True))
        assert found.predict(study, NEW, draw) == pytest.approx(expected, rel=1e-12)


def test_networks_predict_to_the_bit_what_they_did(study: Study, tmp_path: Path) -> None:
    """One after the other, or all in one pass over the samples as the training run predicts them."""
    models = [network(seed)[1] for seed in range(3)]
    save_models(tmp_path, [dict(model.state_dict()) for model in models], network()[0])
    loading, sampling = LoaderOptions(batch_size=4, seed=3), SamplingOptions(token_limit=64)
    together = BatchPredictor(load_models(tmp_path)[0], study, sampling, loading, torch.device("cpu"))
    expected = list(predict_in_draws(together, np.arange(SIZE), 2, 16))
    found = list(load_predictor(tmp_path, CPU).predict_in_draws(study, np.arange(SIZE), 2, 16))
    assert len(found) == len(expected) == 3
    for ours, theirs in zip(found, expected, strict=True):
        assert (ours.rows_B == theirs.rows_B).all()
        assert (ours.learned == theirs.learned).all()
        assert ours.learned.std(axis=0).any()


def test_networks_read_covariates_of_the_sheet(study: Study, tmp_path: Path) -> None:
    from aam.config import CovariateOptions

    options = CovariateOptions(
        categorical_columns=("season",), categorical_hierarchy=("city>country",), numeric_columns=("ph",)
    )
    description, model = network(covariates=options, covariate_spec=COVARIATES)
    all_weights_move(model, 5)
    save_models(tmp_path, [dict(model.state_dict())], description)
    found = load_predictor(tmp_path, CPU)
    assert found.manifest.needed_columns == ("season", "city", "country", "ph")
    season = np.array(["winter", "spring"] * 20, dtype=object)
    columns = {**dict.fromkeys(("city", "country", "ph"), np.full(SIZE, "", dtype=object)), "season": season}
    one, two = (
        found.predict(replace(study, metadata=Metadata("m", study.sample_ids, {**columns, "season": cells}, ())), NEW)
        for cells in (season, season[::-1])
    )
    assert (one != two).all()


def test_a_toy_learner_predicts_from_the_command_line(study: Study, truths: np.ndarray, tmp_path: Path) -> None:
    learner = fitted("nearest", study, truths)
    save_predictor(tmp_path / "model", [learner])
    counts = study.table.counts.toarray()
    write_table(tmp_path / "t.tsv", counts, [*study.sample_ids], [str(s) for s in study.table.sequences])
    words = ["--model", tmp_path / "model", "--table", tmp_path / "t.tsv", "--output", tmp_path / "out.tsv"]
    assert main(["predict", *map(str, words)]) == 0
    lines = [line.split("\t") for line in (tmp_path / "out.tsv").read_text().splitlines()]
    assert lines[0] == ["sample-id", "predicted_age", "predicted_mass", "familiar_reads", "novelty", "warning"]
    learned = learner.predict(study, np.arange(SIZE))
    expected = np.column_stack([spec.decode(learned[:, place]) for place, spec in enumerate(TASK.targets.specs)])
    assert np.array([row[1:3] for row in lines[1:]], dtype=float) == pytest.approx(expected, rel=1e-9)


def test_folders_that_are_no_predictor(study: Study, truths: np.ndarray, tmp_path: Path) -> None:
    encoder = replace(network()[0], predictor=None)
    save_models(tmp_path / "encoder", [build_model(encoder).state_dict()], encoder)
    with pytest.raises(CheckpointError, match="a pre-trained encoder has no target"):
        load_predictor(tmp_path / "encoder")
    save_predictor(tmp_path / "forest", [fitted("forest", study, truths)])
    with pytest.raises(CheckpointError, match="this needs a network, and the model holds 1 forest"):
        load_models(tmp_path / "forest")


def rewritten(folder: Path, study: Study, truths: np.ndarray, kind: str, member: Member | None, **changes: Any) -> None:
    """A sound folder whose member or tensors someone changed who can make the checksum right."""
    save_predictor(folder, [fitted(kind, study, truths)])
    _, manifest, states, _ = read_model_folder(folder)
    members = manifest.members if member is None else (member,)
    write_model_folder(folder, replace(manifest, members=members), [{**states[0], **changes}])


def test_a_kind_that_is_not_known_is_refused(study: Study, truths: np.ndarray, tmp_path: Path) -> None:
    rewritten(tmp_path, study, truths, "forest", Member("oracle\n" + "x" * 99, {}))
    with pytest.raises(CheckpointError, match="unknown learner 'oracle") as caught:
        load_predictor(tmp_path)
    assert "\n" not in str(caught.value)


def test_arrays_that_cannot_be_trees_are_refused(study: Study, truths: np.ndarray, tmp_path: Path) -> None:
    for name, tensor, problem in (
        ("1.trees.left", torch.zeros(3, dtype=torch.int32), "cannot be"),
        ("1.trees.root", torch.full((3,), 10**6, dtype=torch.int32), "leads nowhere"),
        ("1.trees.value", torch.zeros(3, dtype=torch.bfloat16), "cannot be bfloat16"),
    ):
        rewritten(tmp_path, study, truths, "forest", None, **{name: tensor})
        with pytest.raises(CheckpointError, match=problem) as caught:
            load_predictor(tmp_path)
        assert str(caught.value).startswith(str(tmp_path / WEIGHTS))


def test_a_member_of_other_quantiles_is_refused(study: Study, truths: np.ndarray, tmp_path: Path) -> None:
    description, model = network(loss=LossOptions(loss_type="quantile"), head=HeadOptions())
    save_models(tmp_path, [dict(model.state_dict())], description)
    assert load_predictor(tmp_path, CPU).predict(study, NEW).shape == (15, 2, 3)
    _, manifest, states, _ = read_model_folder(tmp_path)
    write_model_folder(tmp_path, replace(manifest, targets=TASK.targets), list(states))
    with pytest.raises(CheckpointError, match="a member predicts another kind of target"):
        load_predictor(tmp_path)


def test_a_forest_of_classes_in_a_folder(study: Study, tmp_path: Path) -> None:
    task = Task(targets=Targets(specs=(CLASSES,)), data=DATA)
    codes = (np.arange(SIZE) % 3)[:, None]
    learner = ForestLearner(task, ForestSettings(n_estimators=10, n_jobs=1)).fit(study, TRAIN, codes[TRAIN])
    save_predictor(tmp_path, [learner, learner], Combination(weights=((0.25,), (0.75,))))
    found = load_predictor(tmp_path).predict(study, NEW)
    assert found == pytest.approx(learner.predict(study, NEW), abs=1e-15)
    assert found.sum(axis=1) == pytest.approx(1)
