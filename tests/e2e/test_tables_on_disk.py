"""Training and prediction are the same, bit for bit, where counts lie on the disk."""

from __future__ import annotations

from pathlib import Path

import pytest

from aam.cli.main import main
from aam.data.counts import blocks
from aam.evaluation.prediction_table import read_columns
from aam.files import hdf5, scratch
from aam.progress import Bar
from tests.program import run_command


def on_disk(monkeypatch: pytest.MonkeyPatch) -> None:
    for module in (scratch, hdf5):
        monkeypatch.setattr(module, "IN_MEMORY_BYTES", 0)
    for module in (scratch, blocks):
        monkeypatch.setattr(module, "BLOCK", 100)


def test_training_and_prediction_are_the_same(study: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    inputs = {"table": study / "table.biom", "metadata": study / "metadata.tsv", "metadata_column": "gradient"}
    told = {**inputs, "epochs": 1, "test_size": 0.2}

    def results(name: str) -> list[object]:
        run = tmp_path / name
        assert run_command("train", "--no-report", "--no-forest-baseline", output_dir=run, **told) == 0
        table = tmp_path / f"{name}.tsv"
        assert run_command("predict", table=study / "table.biom", model=run, output=table) == 0
        metrics = read_columns(run / "metrics.csv", ",")
        return [
            (run / "val_predictions.tsv").read_bytes(),
            (run / "test_predictions.tsv").read_bytes(),
            *(metrics[name].tolist() for name in ("train_loss", "val_loss")),
            table.read_bytes(),
        ]

    expected = results("memory")
    on_disk(monkeypatch)
    assert results("disk") == expected


@pytest.mark.parametrize(("words", "shown"), [((), True), (("--no-progress",), False)])
def test_reading_is_shown_unless_hidden(
    words: tuple[str, ...], shown: bool, study: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen = []

    class Watched(Bar):
        def start(self) -> None:
            seen.append(not self.bars.disable or self._lines is not None)
            super().start()

    monkeypatch.setattr(hdf5, "Bar", Watched)
    on_disk(monkeypatch)
    options = {"metric": "bray_curtis", "output": tmp_path / "distances.npy", "table": study / "table.biom"}
    assert (
        main(["unifrac", *(word for name, value in options.items() for word in (f"--{name}", str(value))), *words]) == 0
    )
    assert seen
    assert set(seen) == {shown}
