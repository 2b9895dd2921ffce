"""Curves for TensorBoard are an extra; the faults of the disk are in tests/faults/test_disk.py."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from tests.program import run_command


def test_curves_are_those_of_the_metrics(study: Path, tmp_path: Path) -> None:
    assert run_command("pretrain", table=study / "table.biom", output_dir=tmp_path / "run", epochs=2) == 0
    header, *rows = (line.split(",") for line in (tmp_path / "run" / "metrics.csv").read_text().splitlines())
    found = EventAccumulator(str(tmp_path / "run" / "tensorboard")).Reload()
    assert set(found.Tags()["scalars"]) == set(header) - {"epoch"}
    points = found.Scalars("train_loss")
    assert [point.step for point in points] == [int(row[header.index("step")]) for row in rows]
    losses = [float(row[header.index("train_loss")]) for row in rows]
    assert [point.value for point in points] == pytest.approx(losses, rel=1e-6)


def test_without_tensorboard_a_run_says_what_brings_curves(
    study: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setitem(sys.modules, "tensorboard", None)
    assert run_command("pretrain", table=study / "table.biom", output_dir=tmp_path / "run", epochs=1) == 0
    assert (tmp_path / "run" / "log.txt").read_text().count("pip install 'aam[tensorboard]'") == 1
    assert (tmp_path / "run" / "metrics.csv").is_file()
    assert not (tmp_path / "run" / "tensorboard").exists()
