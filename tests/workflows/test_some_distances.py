"""Distances of a random choice of samples are those of all samples."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from aam.cli.main import main


def distances(folder: Path, name: str, study: Path, *words: str) -> tuple[np.ndarray, list[str]]:
    output = folder / f"{name}.npy"
    files = ["--table", str(study / "table.biom"), "--tree", str(study / "tree.nwk"), "--output", str(output)]
    assert main(["unifrac", *files, "--rarefy-depth", "300", *words]) == 0
    return np.load(output), output.with_suffix(".ids.txt").read_text().split()


def test_they_are_those_of_all_samples(study: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    every, every_ids = distances(tmp_path, "all", study)
    capsys.readouterr()
    some, ids = distances(tmp_path, "some", study, "--max-samples", "7")
    assert f"7 of {len(every_ids)} samples are drawn at random" in capsys.readouterr().out
    rows = [every_ids.index(name) for name in ids]
    assert len(rows) == 7
    assert rows == sorted(rows)
    assert some.tolist() == every[np.ix_(rows, rows)].tolist()


def test_another_seed_draws_others_and_enough_draws_none(study: Path, tmp_path: Path) -> None:
    first, other = (distances(tmp_path, seed, study, "--max-samples", "7", "--seed", seed)[1] for seed in ("1", "2"))
    assert first != other
    assert len(distances(tmp_path, "many", study, "--max-samples", "5000")[1]) > 50


def test_one_sample_is_refused(study: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    words = ["unifrac", "--table", str(study / "table.biom"), "--metric", "jaccard", "--max-samples", "1"]
    assert main([*words, "--output", str(tmp_path / "d.npy")]) == 2
    assert "--max-samples must be at least 2" in capsys.readouterr().err
