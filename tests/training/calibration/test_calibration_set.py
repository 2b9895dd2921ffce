"""What a fresh model is prepared with: everything in a small study, a bounded part of a large one."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from aam.config import SamplingOptions
from aam.data.batches.dataset import Collate
from aam.data.batches.loaders import LoaderOptions, StudyDataModule
from aam.data.study.split import Split
from aam.models.vector_cache import encode_asvs
from aam.training.calibration import calibration_set as module
from aam.training.calibration.calibration_set import CalibrationSet, calibration_set
from aam.training.run import fit
from tests.data.study_files import make_study, random_counts
from tests.models.model_cases import fresh_encoder
from tests.program import run_command

NUM_SAMPLES, NUM_ASVS = 40, 60
TRAIN = np.arange(30)
DATA = StudyDataModule(
    make_study(random_counts(NUM_SAMPLES, NUM_ASVS), rarefy_depth=20),
    Split(TRAIN, np.arange(30, 40), np.arange(0)),
    Collate.of(make_study(random_counts(NUM_SAMPLES, NUM_ASVS), rarefy_depth=20)),
    SamplingOptions(),
    LoaderOptions(batch_size=4, seed=3),
)
ENCODER = fresh_encoder().asv_encoder


def start(*, whole: bool = False) -> CalibrationSet:
    return calibration_set(ENCODER, DATA, torch.device("cpu"), cache=False, whole=whole)


def rows_of(found: CalibrationSet) -> list[int]:
    return [int(row) for batch in found.batches for row in batch.rows_B]


def seen_asvs(found: CalibrationSet) -> np.ndarray:
    return np.unique(np.concatenate([batch.asvs_U.numpy() for batch in found.batches]))


@pytest.fixture
def few(monkeypatch: pytest.MonkeyPatch) -> None:
    """A study of 60 ASVs is a large one."""
    monkeypatch.setattr(module, "MOST_ASVS", 45)
    monkeypatch.setattr(module, "FEWEST_SAMPLES", 2)


def test_a_small_study_is_taken_whole() -> None:
    found = start()
    assert rows_of(found) == TRAIN.tolist()
    assert torch.equal(found.vectors_AD, encode_asvs(ENCODER, DATA.study.tokens))


@pytest.mark.usefixtures("few")
def test_a_large_study_encodes_the_asvs_of_some_samples() -> None:
    found = start()
    rows, asvs = rows_of(found), seen_asvs(found)
    assert 2 <= len(rows) < len(TRAIN)
    assert rows == sorted(set(rows) & set(TRAIN.tolist()))
    assert 0 < len(asvs) <= 45
    everything = encode_asvs(ENCODER, DATA.study.tokens)
    torch.testing.assert_close(found.vectors_AD[asvs], everything[asvs], rtol=1e-4, atol=1e-5)
    assert not found.vectors_AD[np.setdiff1d(np.arange(NUM_ASVS), asvs)].any()
    assert rows_of(start()) == rows


@pytest.mark.usefixtures("few")
def test_some_samples_are_taken_however_many_asvs_they_have(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "FEWEST_SAMPLES", 12)
    assert len(rows_of(start())) == 12


@pytest.mark.usefixtures("few")
def test_a_frozen_encoder_needs_the_vectors_of_all(monkeypatch: pytest.MonkeyPatch) -> None:
    found = start(whole=True)
    assert rows_of(found) == TRAIN.tolist()
    assert torch.equal(found.vectors_AD, encode_asvs(ENCODER, DATA.study.tokens))
    monkeypatch.setattr(module, "MOST_SAMPLES", 7)
    assert len(rows_of(start(whole=True))) == 7


@pytest.mark.usefixtures("few")
def test_a_large_study_trains_without_measuring_its_start(
    study: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    files = {"table": study / "table.biom", "metadata": study / "metadata.tsv", "metadata_column": "gradient"}
    words = ("--no-forest-baseline", "--no-report", "--no-progress")
    assert run_command("train", *words, output_dir=tmp_path / "small", **files) == 0
    assert "before training" in capsys.readouterr().out
    monkeypatch.setattr(fit, "MOST_SAMPLES_FROM_THE_START", 1)
    assert run_command("train", *words, output_dir=tmp_path / "large", **files) == 0
    said = capsys.readouterr().out
    assert "before training" not in said
    assert "best epoch" in said
    assert (tmp_path / "large" / "val_predictions.tsv").stat().st_size
