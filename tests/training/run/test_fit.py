"""What fitting a prepared run leaves in its directory."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from aam.evaluation.prediction_table import read_columns
from aam.models.folder.weights import load_model
from aam.runs.directory import RunDirectory
from aam.training.run.fit import describe_model, fit
from tests.training.small_runs import prepare_small


def test_the_best_model_is_in_the_run_directory(study: Path, tmp_path: Path) -> None:
    epochs = 2
    found, run = prepare_small(study, epochs=epochs, lr=1e-2), RunDirectory(tmp_path)
    run.checkpoints.mkdir()
    fitted = fit(found, run, "train")
    assert (fitted.epochs, fitted.late_signal, fitted.skipped_steps) == (epochs, None, ())
    metrics = read_columns(tmp_path / "metrics.csv", ",")
    assert len(metrics["epoch"]) == epochs
    values = metrics["val_mae"].astype(float)
    assert fitted.best_value <= min(values) + 1e-9
    if fitted.best_epoch >= 0:
        assert fitted.best_value == pytest.approx(values[fitted.best_epoch], rel=1e-6)
    kept, description = load_model(run.model)
    assert description.record["epochs of training"] == fitted.best_epoch + 1
    assert describe_model(found, {}).options == description.options
    if fitted.best_epoch == epochs - 1:
        state = found.model.state_dict()
        assert all(torch.equal(value, state[name]) for name, value in kept.state_dict().items())
