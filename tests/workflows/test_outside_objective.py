"""An objective that another program registers is pre-trained, measured, stored and reported like one of the package."""

from __future__ import annotations

import csv
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import aam
from aam.config import CheckConfig, PretrainConfig
from aam.config.option import from_flat
from aam.evaluation.catalogue import metric
from aam.evaluation.run_results import read_run
from aam.models.folder.weights import load_model
from aam.models.objectives import find_objective, unregister_objective
from aam.models.sequence_encoder import SelfSupervision, SequenceEncoder
from aam.models.sequence_predictor import num_parameters
from aam.report.figures.run import _curves
from aam.training.run.build_run import prepare_pretraining
from aam.workflows.runs.dry_run import plan_run
from aam.workflows.runs.single_run import train_into_directory
from tests.models.objectives.richness import Richness
from tests.program import SMALL

HERE = {name.removeprefix("--").replace("-", "_"): value for name, value in SMALL.items()}


@pytest.fixture
def richness() -> Iterator[Richness]:
    """The objective, known for the time of a test."""
    objective = Richness()
    aam.register_objective(objective)
    yield objective
    unregister_objective(objective.name)


def pretrain(study: Path, folder: Path, **options: Any) -> list[dict[str, float]]:
    """Pre-train; returns the rows of ``metrics.csv``."""
    given = {"table": study / "table.biom", "output_dir": folder, **HERE, "epochs": 4, "progress": False, **options}
    config = from_flat(PretrainConfig, given)
    train_into_directory(config, "pretrain", "aam.pretrain()", partial(prepare_pretraining, config))
    with (folder / "metrics.csv").open() as file:
        return [{name: float(value or "nan") for name, value in row.items()} for row in csv.DictReader(file)]


def test_it_is_pretrained_and_reported(study: Path, tmp_path: Path, richness: Richness) -> None:
    assert find_objective("richness") is richness
    wanted = {"encoder_type": "richness", "best_metric": "richness_correlation", "count_penalty": 0.0}
    rows = pretrain(study, tmp_path / "run", **wanted)
    values = [row["val_richness_correlation"] for row in rows]
    losses = [row["train_richness_loss"] for row in rows if row["train_richness_loss"] == row["train_richness_loss"]]
    assert np.isfinite(losses).all()
    assert losses[-1] < losses[0], "it is learned"
    assert all(-1 <= value <= 1 for value in values)
    assert {"val_richness_loss", "val_richness_error", "val_nucleotide_accuracy"} <= rows[0].keys()
    assert not any("distance" in name or "count" in name for name in rows[0])
    record = read_run(tmp_path / "run")
    assert record.data["model"]["best_epoch"] == int(np.argmax(values)), "more is better"
    assert metric("richness_correlation").higher_is_better
    assert not metric("richness_error").higher_is_better
    assert metric("val_richness_error").label == "Error of richness"
    page = (tmp_path / "run" / "report.html").read_text()
    assert "Correlation of richness" in page
    assert "Loss of the richness" in _curves(record.history, "richness_correlation")


def test_its_model_is_stored_and_read(study: Path, tmp_path: Path, richness: Richness) -> None:
    pretrain(study, tmp_path / "run", encoder_type="richness", nuc_penalty=0.0, count_penalty=0.0, epochs=1)
    model, description = load_model(tmp_path / "run")
    assert isinstance(model, SequenceEncoder)
    assert description.supervision.encoder_type == "richness"
    state = model.state_dict()
    assert {"heads.richness.read.weight", "heads.richness.center"} <= state.keys()
    assert float(state["heads.richness.spread"]) > 0
    assert float(state["heads.richness.center"]) == pytest.approx(np.log(15), abs=0.7), "15 ASVs a sample"


def test_aam_check_knows_its_weights(study: Path, tmp_path: Path, richness: Richness) -> None:
    given = {"table": study / "table.biom", **HERE, "encoder_type": "richness", "count_penalty": 0.0}
    found = plan_run(from_flat(CheckConfig, given))
    supervision = SelfSupervision(encoder_type="richness", nucleotides=True)
    expected = num_parameters(SequenceEncoder(found.plan.config.model, supervision))
    assert found.weights == f"{expected:,}"
