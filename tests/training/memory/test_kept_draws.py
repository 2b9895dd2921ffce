"""Kept predictions of nucleotides are measured, as well as the encoder makes them, and nothing learns from them."""

from __future__ import annotations

import csv
from pathlib import Path

import pytest
import torch

from aam.data.batches.sampler import ResumableLoader
from aam.models.folder.weights import load_model
from aam.models.sequence_encoder import SequenceEncoder
from aam.models.sequence_predictor import SequencePredictor
from aam.runs.directory import RunDirectory
from aam.training.memory import kept_draws
from aam.training.run.build_run import Prepared
from aam.training.run.fit import fit
from aam.training.step.module import TrainingModule
from tests.training.small_runs import prepare_small


def prepare(study: Path, encoder: Path, **options: object) -> Prepared:
    return prepare_small(study, **{"pretrained_encoder": str(encoder), **options})


def metrics(prepared: Prepared, folder: Path) -> dict[str, list[float]]:
    run = RunDirectory(folder)
    run.checkpoints.mkdir(parents=True)
    fit(prepared, run, "train")
    with run.metrics.open(encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    return {name: [float(row[name]) for row in rows] for name in rows[0]}


def accuracy(model: SequenceEncoder, loader: ResumableLoader, prepared: Prepared) -> float:
    """Share of the validation's masked bases that an encoder tells."""
    module = TrainingModule(prepared.model, prepared.plan).eval()
    right, number = 0, 0
    for batch in loader:
        hidden = module.on_before_batch_transfer(batch, 0)
        with torch.no_grad():
            found = model.eval().heads["nucleotide"].compare(model(hidden, hidden.corruption), hidden)  # type: ignore[operator]
        right += int((found.prediction.argmax(dim=1) == found.truth).sum())
        number += len(found.truth)
    assert number > 100
    return right / number


@pytest.mark.parametrize("most_bytes", [kept_draws.MOST_BYTES, 0])
def test_with_a_frozen_encoder_the_accuracy_is_the_encoders_own(
    study: Path, encoder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, most_bytes: int
) -> None:
    """Whether or not the vectors of the training samples are kept."""
    for name in ("MOST_BYTES", "MOST_BYTES_ON_DISK"):
        monkeypatch.setattr(kept_draws, name, most_bytes)
    prepared = prepare(study, encoder, freeze_base=True, skip_nuc_predictions=False)
    found = metrics(prepared, tmp_path / "run")
    pretrained, _ = load_model(encoder)
    assert isinstance(pretrained, SequenceEncoder)
    expected = accuracy(pretrained, prepared.data.val_dataloader(), prepared)
    assert found["val_nucleotide_accuracy"] == pytest.approx([expected] * 2)
    assert "train_nucleotide_loss" not in found
    assert found["train_target_loss"] == pytest.approx(found["train_loss"])


def test_the_target_is_measured_with_nothing_masked(study: Path, encoder: Path, tmp_path: Path) -> None:
    found = {}
    for kept in (True, False):
        prepared = prepare(study, encoder, freeze_base=True, skip_nuc_predictions=not kept, lr=1e-30)
        assert isinstance(prepared.model, SequencePredictor)
        torch.manual_seed(0)
        for part in (*prepared.model.head.hidden, prepared.model.head.out):
            part.reset_parameters()  # type: ignore[operator]
        found[kept] = metrics(prepared, tmp_path / str(kept))
    assert found[True]["val_mae"] == pytest.approx(found[False]["val_mae"], rel=1e-5)
    assert "val_nucleotide_accuracy" not in found[False]


def test_what_learns_forgets(study: Path, encoder: Path, tmp_path: Path) -> None:
    """The head itself stays; the encoder below it moves."""
    prepared = prepare(study, encoder, skip_nuc_predictions=False, lr=1e-2, asv_lr=1.0)
    assert isinstance(prepared.model, SequencePredictor)
    before = prepared.model.base.heads["nucleotide"].classify.weight.detach().clone()  # type: ignore[union-attr]
    assert torch.equal(before, load_model(encoder)[0].heads["nucleotide"].classify.weight)  # type: ignore[union-attr, index]
    found = metrics(prepared, tmp_path / "run")
    assert torch.equal(before, prepared.model.base.heads["nucleotide"].classify.weight)  # type: ignore[union-attr, arg-type]
    first, second = found["val_nucleotide_loss"]
    assert first != second
    assert "train_nucleotide_loss" not in found
