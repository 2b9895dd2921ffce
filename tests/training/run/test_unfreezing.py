"""Part after part of the encoder begins to learn, in a resumed run as in an unbroken one."""

from __future__ import annotations

import os
import shutil
import signal
from itertools import pairwise
from pathlib import Path

import pytest
import torch
from torch import Tensor

from aam.config import TrainConfig
from aam.config.option import from_flat
from aam.errors import PreemptedError
from aam.log import logging_to_terminal
from aam.models.folder.weights import load_model
from aam.models.sequence_encoder import SelfSupervision
from aam.runs.directory import RunDirectory
from aam.training.checkpoints import checkpoint
from aam.training.run.build_run import prepare_training
from aam.training.run.fit import Fitted, fit
from aam.training.run.unfreezing import PatienceAfter, set_learning
from aam.training.step.module import TrainingModule
from tests.models.model_cases import fresh_encoder
from tests.program import SMALL

SIZES = {name.removeprefix("--").replace("-", "_"): value for name, value in SMALL.items()}
READOUT = ("pool", "abundance_power", "soft_clades", "profile", "norm")
STAGE_OF = {f"sample_encoder.{part}": 1 for part in (*READOUT, "encoder_transformer")}
STAGE_OF |= {"sample_encoder.sample_transformer": 2, "sample_encoder.abundance": 2, "asv_encoder": 3, "heads": 0}


def stage_of(name: str) -> int:
    """The stage from which a weight of an encoder learns; by the beginning of its name."""
    return next(stage for part, stage in STAGE_OF.items() if f"{name}.".startswith(f"{part}."))


@pytest.mark.parametrize("stage", range(5))
def test_what_learns_at_each_stage(stage: int) -> None:
    encoder = fresh_encoder(SelfSupervision(encoder_type="unifrac", nucleotides=True)).train()
    for before in (4, 0):
        set_learning(encoder, before)
        set_learning(encoder, stage)
        for name, parameter in encoder.named_parameters():
            assert parameter.requires_grad == (stage_of(name) <= stage), name
        for name, module in encoder.named_modules():
            if name not in ("", "sample_encoder"):
                assert module.training == (stage_of(name) <= stage), name


@pytest.fixture
def every_checkpoint(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(checkpoint, "KEPT", 20)


def train(study: Path, encoder: Path, folder: Path, **options: object) -> tuple[Fitted, RunDirectory]:
    given = {"table": [str(study / "table.biom")], "metadata": str(study / "metadata.tsv"), "output_dir": "run"}
    given |= {
        "metadata_column": "gradient",
        "learners": "network",
        "pretrained_encoder": str(encoder),
        "gradual_unfreezing": 1,
    }
    given |= {"batch_size": 24, "progress": False, "count_penalty": 0.5, "dropout": 0.2, "warmup_steps": 0, "lr": 1e-2}
    prepared = prepare_training(from_flat(TrainConfig, {**given, **SIZES, "epochs": 5, **options}))
    run = RunDirectory(folder)
    run.checkpoints.mkdir(parents=True, exist_ok=True)
    return fit(prepared, run, "train"), run


def weights(path: Path) -> dict[str, Tensor]:
    state = torch.load(path, weights_only=True)["state_dict"]
    return {name.removeprefix("model."): tensor for name, tensor in state.items()}


@pytest.mark.usefixtures("every_checkpoint")
def test_a_part_moves_from_its_epoch_on(
    study: Path, encoder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with logging_to_terminal():
        _, run = train(study, encoder, tmp_path, weight_decay=0.5)
    told = [line for line in capsys.readouterr().out.splitlines() if line.endswith("from now on")]
    assert told == [
        "epoch 1: the head alone learns from now on",
        "epoch 2: the encoder layers are trained from now on",
        "epoch 3: the sample layers are trained from now on",
        "epoch 4: the layers of the ASV encoder are trained from now on",
    ]
    starts = [weights(path) for path in checkpoint.find_checkpoints(run.checkpoints)]
    assert len(starts) == 4, "before epochs 2 to 5"
    pretrained = {n: p for n, p in load_model(encoder)[0].named_parameters() if not n.startswith("heads.")}
    assert {stage_of(name) for name in pretrained} == {1, 2, 3}
    for name, parameter in pretrained.items():
        assert "soft_clades" in name or "profile" in name or torch.equal(starts[0][f"base.{name}"], parameter), name
    for epoch, (before, after) in enumerate(pairwise(starts), start=1):
        for name in pretrained:
            moved = not torch.equal(before[f"base.{name}"], after[f"base.{name}"])
            assert moved == (stage_of(name) <= epoch), (epoch, name)
        assert not torch.equal(before["head.hidden.0.weight"], after["head.hidden.0.weight"])
        assert not torch.equal(before["base.heads.count.read.weight"], after["base.heads.count.read.weight"])


def result(run: RunDirectory) -> tuple[bytes, list[list[str]]]:
    """The best model, and the metrics but for the seconds."""
    header, *rows = [line.split(",") for line in run.metrics.read_text().splitlines()]
    timed = header.index("seconds")
    return (run.model / "model.safetensors").read_bytes(), [row[:timed] + row[timed + 1 :] for row in rows]


@pytest.fixture
def stopped_at(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Training steps in which the process gets a SIGTERM; to be filled by the test."""
    numbers: list[int] = []
    original, done = TrainingModule.training_step, [0]

    def counted(self: TrainingModule, *words: object) -> Tensor:
        done[0] += 1
        if done[0] in numbers:
            os.kill(os.getpid(), signal.SIGTERM)
        return original(self, *words)  # type: ignore[arg-type]

    monkeypatch.setattr(TrainingModule, "training_step", counted)
    return numbers


@pytest.mark.usefixtures("every_checkpoint")
def test_a_resumed_run_equals_the_unbroken_one(study: Path, encoder: Path, tmp_path: Path) -> None:
    _, unbroken = train(study, encoder, tmp_path / "unbroken")
    for path in checkpoint.find_checkpoints(unbroken.checkpoints):
        again = RunDirectory(tmp_path / path.stem)
        again.checkpoints.mkdir(parents=True)
        shutil.copy(path, again.checkpoints)
        shutil.copytree(unbroken.model, again.model)
        train(study, encoder, again.path, resume_from=str(again.path))
        assert result(again)[1] == result(unbroken)[1]


def test_a_run_that_is_stopped_in_mid_epoch(study: Path, encoder: Path, tmp_path: Path, stopped_at: list[int]) -> None:
    _, unbroken = train(study, encoder, tmp_path / "unbroken", epochs=4)
    per_epoch = 2
    done = 4 * per_epoch
    stopped_at += [done + 3, done + 4 + 1]
    folder = tmp_path / "stopped"
    with pytest.raises(PreemptedError):
        train(study, encoder, folder, epochs=4)
    with pytest.raises(PreemptedError):
        train(study, encoder, folder, epochs=4, resume_from=str(folder))
    _, again = train(study, encoder, folder, epochs=4, resume_from=str(folder))
    assert result(again) == result(unbroken)


def test_patience_counts_once_everything_learns(study: Path, encoder: Path, tmp_path: Path) -> None:
    """With a rate of about nothing no epoch is better than another: the run ends as soon as it may."""
    fitted, _ = train(study, encoder, tmp_path / "gradual", epochs=9, patience=1, lr=1e-30)
    assert fitted.epochs == 3 + 1 + 1, "three of unfreezing, one to compare with, one without improvement"
    fitted, _ = train(study, encoder, tmp_path / "at_once", epochs=9, patience=1, lr=1e-30, gradual_unfreezing=0)
    assert fitted.epochs == 2


def test_a_resumed_run_may_have_another_patience() -> None:
    before, after = (PatienceAfter(0, "val_loss", patience=patience) for patience in (5, 9))
    before.wait_count = 4
    after.load_state_dict(before.state_dict())
    assert (after.patience, after.wait_count) == (9, 4)
