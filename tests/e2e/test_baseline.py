"""The forest that a run keeps beside its model predicts as the model does."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from aam.evaluation.prediction_table import read_columns
from tests.program import run_command


@pytest.fixture(scope="module")
def run(study: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run of two targets, of which one is learned as a logarithm, with covariates and groups."""
    folder = tmp_path_factory.mktemp("runs") / "run"
    inputs = {"table": study / "table.biom", "metadata": study / "metadata.tsv", "output_dir": folder}
    words = ["--metadata-column", "gradient", "--metadata-column", "other", "--no-report"]
    sheet = (study / "metadata.tsv").read_text().splitlines()
    rows = [f"{line}\t{'other' if not n else n % 7 or ''}" for n, line in enumerate(sheet)]
    inputs["metadata"] = folder.with_name("m.tsv")
    inputs["metadata"].write_text("\n".join(rows) + "\n")
    options = {"categorical_columns": "group", "group_column": "subject", "target_transform": "log-zscore"}
    assert run_command("train", *words, **inputs, **options, epochs=1, interval_level=0.5) == 0
    return folder


def test_it_predicts_what_the_report_says(run: Path, study: Path, tmp_path: Path) -> None:
    flags = {"model": run / "baseline", "table": study / "table.biom", "output": tmp_path / "p.tsv"}
    assert run_command("predict", **flags) == 2  # the sheet is lacking
    assert run_command("predict", **flags, metadata=run.with_name("m.tsv")) == 0
    said, found = read_columns(run / "forest_predictions.tsv"), read_columns(tmp_path / "p.tsv")
    row_of = {name: row for row, name in enumerate(found["sample-id"])}
    rows = [row_of[name] for name in said["sample-id"]]
    for column in ("gradient", "other"):
        assert said[f"predicted_{column}"].tolist() == found[f"predicted_{column}"][rows].tolist()
        low, middle, high = (found[f"predicted{end}_{column}"].astype(float) for end in ("_low", "", "_high"))
        assert ((low < middle) & (middle < high)).all()
        assert np.ptp(high - low) == pytest.approx(0, abs=1e-6)  # it learns the numbers as they are


def test_it_is_no_network(run: Path, study: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    inputs = {"table": study / "table.biom", "metadata": study / "metadata.tsv", "metadata_column": "gradient"}
    code = run_command("train", **inputs, pretrained_encoder=run / "baseline", output_dir=tmp_path / "run")
    assert code == 2
    assert "this needs a network, and the model holds 1 forest" in capsys.readouterr().err


def test_info_names_it(run: Path, capsys: pytest.CaptureFixture[str]) -> None:
    capsys.readouterr()
    assert run_command("info", run) == 0
    assert f"1 forest ({run / 'baseline'})" in capsys.readouterr().out


def test_overwriting_the_run_removes_it(run: Path) -> None:
    from aam.runs.layout import WRITTEN

    assert (run / "baseline" / "model.safetensors").is_file()
    assert "baseline" in WRITTEN
