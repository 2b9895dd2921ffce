from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from aam.config import StudyOptions, TableOptions
from aam.data.study.study import load_study
from benchmarks.speed import start
from benchmarks.speed.large_study import load_in_child, write_large_study


def test_the_large_study_is_a_sound_one(tmp_path: Path) -> None:
    write_large_study(tmp_path, samples=30, asvs=70, asvs_per_sample=8)
    study = load_study(
        TableOptions(table=(tmp_path / "table.biom",)),
        StudyOptions(metadata=tmp_path / "metadata.tsv", tree=tmp_path / "tree.nwk"),
        None,
        None,
    )
    assert study.table.counts.shape == (30, 70)
    assert np.diff(study.table.counts.indptr).tolist() == [8] * 30
    assert study.notes == ()
    assert set(load_in_child(tmp_path, cache=True)) == {"seconds", "processor", "peak", "own"}


def test_tables() -> None:
    ways = dict.fromkeys(start.WAYS, 1.5)
    records = {"commands": {"aam --help": 0.2}, "studies": {"gut": {"aam check": ways, "aam train": ways}}}
    lines = start.command_table(records).splitlines()
    assert lines[2] == "|  | aam --help | 0.20 |  |  |"
    assert lines[-1] == "| gut | aam train, up to the first step | 1.50 | 1.50 | 1.50 |"
    found = {way: {"seconds": 1.0, "processor": 2.0, "peak": 3.0, "own": 4.0} for way in start.WAYS}
    assert start.large_table(found).splitlines()[-1] == "| warm | 1.00 | 2.00 | 3.00 | 4.00 |"


def test_seconds_of_a_process(tmp_path: Path) -> None:
    assert 0 < start.seconds_of(start.PROGRAM, ["--version"], tmp_path, threads=1) < 60


def test_the_program_writes_its_tables(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    ways = dict.fromkeys(start.WAYS, 1.5)
    large = {way: {"seconds": 1.0, "processor": 2.0, "peak": 3.0, "own": 4.0} for way in start.WAYS}
    monkeypatch.setattr(start, "measure_study", lambda *_: {"aam check": ways})
    monkeypatch.setattr(start, "measure_large", lambda *_: large)
    words = ["--data", str(tmp_path), "--study", "infant_ecam", "--repeats", "1", "--large", "9", "8", "7"]
    start.main([*words, "--output", str(tmp_path / "start.md")])
    said = (tmp_path / "start.md").read_text()
    assert "| infant_ecam | aam check | 1.50 | 1.50 | 1.50 |" in said
    assert "Reading 9 samples of 8 ASVs, 63 counts" in said
