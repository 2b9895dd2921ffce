"""A default run gives the numbers that it gave before targets, heads and covariates had options."""

from __future__ import annotations

from pathlib import Path

import pytest

from aam.evaluation.prediction_table import read_columns
from tests.program import Run

# Of the program as it was before; every value to the digits that are written.
BEFORE = {
    "train_loss": [0.2166805217, 0.2072692392, 0.2021145114, 0.2040318254],
    "val_loss": [0.4246714264, 0.4242006093, 0.4239134938, 0.4238433391],
    "val_mae": [0.2230603113, 0.2219804129, 0.2217972262, 0.2217312425],
    "val_r2": [0.06311760481, 0.06072517614, 0.06119148995, 0.06115855751],
}
PREDICTED = {"S00000004": 0.3190960052, "S00000025": -0.1357779195, "S00000060": 0.7839477134}


def test_a_default_run_gives_the_numbers_that_it_gave(train: Run, tmp_path: Path) -> None:
    assert train("--no-report", epochs=4, device="cpu") == 0
    found = read_columns(tmp_path / "run" / "metrics.csv", ",")
    for name, values in BEFORE.items():
        assert found[name].astype(float) == pytest.approx(values, rel=1e-5), name
    predictions = read_columns(tmp_path / "run" / "val_predictions.tsv")
    said = dict(zip(predictions["sample-id"], predictions["predicted"].astype(float), strict=True))
    assert {name: said[name] for name in PREDICTED} == pytest.approx(PREDICTED, rel=1e-4)
