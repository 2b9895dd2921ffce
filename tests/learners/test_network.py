"""A network fitted as a learner: on some rows, for the targets that it is given, with whole groups set aside."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from aam.config import TrainConfig, from_flat
from aam.data.study.study import Study
from aam.data.targets.kinds import CLASSES, NUMBERS, Quantiles, TargetSpec
from aam.data.targets.targets import Targets
from aam.learners.network import NetworkLearner
from aam.learners.network_training import GROUPS
from aam.learners.predictor import load_predictor, save_predictor
from aam.learners.protocol import Computing, Task
from tests.data.study_files import make_study, random_counts
from tests.factories import random_sequences

SIZE = 40
TRAIN = np.arange(28)
SMALL = {
    "embedding_dim": 8,
    "attention_heads": 1,
    "asv_layers": 0,
    "sample_layers": 0,
    "encoder_layers": 0,
    "num_soft_clades": 4,
    "epochs": 2,
    "batch_size": 7,
    "device": "cpu",
}
NUMBER = TargetSpec(column="age", kind=NUMBERS, transform="zscore", shift=40.0, scale=12.0)
CLASS = TargetSpec(column="site", kind=CLASSES, classes=("gut", "skin"))
CPU = Computing(device="cpu", seed=1)


@pytest.fixture(scope="module")
def study() -> Study:
    """Half of the ASVs are only where the truth is 1."""
    counts = random_counts(SIZE, 20, share=0.6)
    counts[::2, :10] = 0
    counts[1::2, 10:] = 0
    return make_study(counts, columns={}, sequences=random_sequences(20, length=40), rarefy_depth=50)


def learner(spec: TargetSpec, **changes: Any) -> NetworkLearner:
    flat = {"table": ["t"], "metadata": "m", "metadata_column": [spec.column], "output_dir": "run", "cache": False}
    flat["learners"] = ["network"]
    config = from_flat(TrainConfig, {**flat, **SMALL, "classifier": bool(spec.classes), **changes})
    return NetworkLearner(Task(targets=Targets(specs=(spec,))), CPU, config)


def test_it_learns_numbers_in_the_given_space(study: Study, tmp_path: Path) -> None:
    truths = np.where(np.arange(SIZE) % 2, 1.0, -1.0)[:, None]
    truths[3] = np.nan
    fitted = learner(NUMBER).fit(study, TRAIN, truths[TRAIN], np.arange(28) // 2)
    said = fitted.predict(study, np.arange(28, SIZE))
    assert said.shape == (12, 1)
    assert np.corrcoef(said[:, 0], truths[28:, 0])[0, 1] > 0.3
    assert np.abs(said).max() < 3  # in units of the spread, not in years
    assert fitted.description.targets == fitted.task.targets
    save_predictor(tmp_path, [fitted])
    assert (load_predictor(tmp_path, CPU).predict(study, np.arange(28, SIZE)) == said).all()
    assert study.metadata is not None
    assert GROUPS not in study.metadata.columns


def test_it_learns_classes(study: Study) -> None:
    codes = (np.arange(SIZE) % 2)[:, None]
    fitted = learner(CLASS).fit(study, TRAIN, codes[TRAIN])
    said = fitted.predict(study, np.arange(28, SIZE))
    assert said.sum(axis=1) == pytest.approx(1, abs=1e-6)
    assert (said.argmax(axis=1) == codes[28:, 0]).mean() > 0.6


def test_it_learns_quantiles_where_its_loss_does(study: Study) -> None:
    truths = np.where(np.arange(SIZE) % 2, 1.0, -1.0)[:, None]
    fitted = learner(NUMBER, epochs=1, loss_type="quantile").fit(study, TRAIN, truths[TRAIN])
    assert fitted.predict(study, TRAIN).shape == (28, 1, 3)
    assert fitted.targets.kind == Quantiles((0.1, 0.5, 0.9))


def test_the_same_seed_is_the_same_network(study: Study) -> None:
    truths = np.where(np.arange(SIZE) % 2, 1.0, -1.0)[:, None]
    one, two, other = (
        learner(NUMBER, epochs=1, seed=seed).fit(study, TRAIN, truths[TRAIN]).predict(study, TRAIN)
        for seed in (1, 1, 2)
    )
    assert (one == two).all()
    assert (one != other).any()
