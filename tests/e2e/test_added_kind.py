"""A kind of target is added by one file: this one adds counts, with an encoding, a head, a loss and a metric."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor

from aam.config.target import ColumnOptions
from aam.data.targets.kinds import Numbers, Predictions, TargetRules, TargetSpec, register
from aam.data.targets.kinds.kind import KINDS
from aam.errors import InputError
from aam.evaluation.catalogue import METRICS, Metric
from aam.evaluation.prediction_table import read_columns
from aam.models.folder.weights import load_model
from aam.models.heads import Comparison
from aam.models.losses import fill_missing, masked_mean
from aam.models.sequence_predictor import SequencePredictor
from aam.models.target_heads import HEADS, NumbersHead
from tests.program import Run, run_command


@dataclasses.dataclass(frozen=True)
class Counts(Numbers):
    """Whole numbers from 0 on, learned as log(1 + count)."""

    saved_name = "added_counts"
    head = "added_counts"
    metrics = ("deviance", "mae", "spearman")
    main_metric = "deviance"
    mean_metric = None
    tiles = charted = ("deviance", "mae")

    def matches_options(self, target: ColumnOptions) -> bool:
        """By the column's name; a kind of the package would have an option."""
        return "visits" in target.metadata_column

    def fit(
        self, rules: TargetRules, column: str, values: np.ndarray, train_rows: np.ndarray, source: str
    ) -> TargetSpec:
        if (values < 0).any() or (values % 1 > 0).any():
            raise InputError(source, f"column '{column}' holds something else than counts")
        rules = dataclasses.replace(rules, transform="log-zscore")
        return dataclasses.replace(super().fit(rules, column, values, train_rows, source), shift=0.0, scale=1.0)

    def describe(self, spec: TargetSpec) -> str:
        return f"a count (mean {spec.mean:.4g})"


class CountsHead(NumbersHead):
    """The logarithm of a Poisson distribution's mean."""

    def loss(self, comparison: Comparison) -> Tensor:
        rate_BT, truth_BT, present_BT = fill_missing(comparison.prediction, comparison.truth)
        loss_BT = rate_BT.exp() - truth_BT.exp() * rate_BT
        return masked_mean(loss_BT, present_BT, self.presence_T, comparison.weight)


def deviance(predictions: Predictions, weights_RN: np.ndarray) -> np.ndarray:
    """Mean of 2 (y log(y / m) - y + m), with 1 added to count and mean."""
    count, mean = predictions.observed + 1, np.maximum(predictions.predicted, 0) + 1
    return weights_RN @ (2 * (count * np.log(count / mean) - count + mean)) / weights_RN.sum(axis=1)


DEVIANCE = Metric("Deviance", "twice the loss beyond a perfect model", False, formula=deviance, min_values=1)


@pytest.fixture
def counts() -> Iterator[None]:
    """Registers the kind, as its file would."""
    register(Counts())
    HEADS["added_counts"], METRICS["deviance"] = CountsHead, DEVIANCE
    yield
    del KINDS["added_counts"], HEADS["added_counts"], METRICS["deviance"]


@pytest.fixture
def sheet(study: Path, tmp_path: Path) -> Path:
    """The study's metadata with counts that follow the gradient."""
    columns = read_columns(study / "metadata.tsv")
    gradient, rng = columns["gradient"].astype(float), np.random.default_rng(0)
    columns["visits"] = rng.poisson(np.exp(1 + 2 * gradient)).astype(str)
    path = tmp_path / "sheet.tsv"
    path.write_text("\n".join(map("\t".join, [list(columns), *zip(*columns.values(), strict=True)])) + "\n")
    return path


@pytest.mark.usefixtures("counts")
def test_counts_are_trained_judged_and_predicted(train: Run, study: Path, sheet: Path, tmp_path: Path) -> None:
    options = {"metadata": sheet, "metadata_column": "visits", "test_size": 0.2, "epochs": 3, "device": "cpu"}
    assert train("--forest-baseline", "--report", **options) == 0
    run = tmp_path / "run"
    curve = read_columns(run / "metrics.csv", ",")["val_deviance"].astype(float)
    assert (curve > 0).all()
    record = json.loads((run / "data.json").read_text())
    assert record["model"]["best_metric"] == "val_deviance"
    assert record["targets"]["specs"][0]["kind"] == "added_counts"
    page = (run / "report.html").read_text()
    assert "Deviance" in page
    assert "Predicted against observed values" in page
    model, description = load_model(run / "model")
    assert description.targets is not None
    assert description.targets.kind == Counts()
    assert isinstance(model, SequencePredictor)
    assert isinstance(model.head, CountsHead)

    output = tmp_path / "predictions.tsv"
    given = {"model": run / "model", "table": study / "table.biom", "metadata": sheet, "output": output}
    assert run_command("predict", **given) == 0
    found, own = read_columns(output), read_columns(run / "test_predictions.tsv")
    assert {"predicted_low", "predicted_high", "observed"} <= set(found)
    said = dict(zip(found["sample-id"], found["predicted"].astype(float), strict=True))
    assert own["predicted"].astype(float) == pytest.approx([said[name] for name in own["sample-id"]], rel=1e-4)
    assert min(said.values()) > -1


@pytest.mark.usefixtures("counts")
def test_what_is_no_count_is_refused_in_one_line(
    train: Run, sheet: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    sheet.write_text(sheet.read_text().rstrip("\n").rpartition("\t")[0] + "\t1.5\n")
    assert train(metadata=sheet, metadata_column="visits") == 2
    assert "column 'visits' holds something else than counts" in capsys.readouterr().err


def test_the_loss_is_that_of_a_poisson_distribution() -> None:
    rate_B1, count_B1 = torch.tensor([[0.5], [2.0], [3.0]]), torch.tensor([[0.0], [4.0], [30.0]])
    expected = torch.nn.functional.poisson_nll_loss(rate_B1, count_B1 + 1)
    comparison = Comparison(rate_B1, torch.log1p(count_B1))
    head = CountsHead.__new__(CountsHead)
    torch.nn.Module.__init__(head)
    head.register_buffer("presence_T", torch.ones(1))
    assert float(head.loss(comparison)) == pytest.approx(float(expected))
