"""A measurement leaves no trace, and what is expected is what comes."""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
import yaml

from aam.cli.main import main
from aam.config import PretrainConfig, TrainConfig
from aam.config.option import from_flat
from aam.models.folder.weights import load_model
from aam.training.memory import measure
from aam.training.run.build_run import Prepared, prepare_pretraining, prepare_training
from aam.training.step.module import TrainingModule
from tests.program import SMALL, run_command

SIZES = {name.removeprefix("--").replace("-", "_"): value for name, value in SMALL.items()}


def pretraining(study: Path, **options: object) -> Prepared:
    given = {"table": [str(study / "table.biom")], "tree": str(study / "tree.nwk"), "output_dir": "run"}
    return prepare_pretraining(from_flat(PretrainConfig, {**given, **SIZES, **options}))


def training(study: Path, **options: object) -> Prepared:
    given = {"table": [str(study / "table.biom")], "metadata": str(study / "metadata.tsv"), "output_dir": "run"}
    given |= {"metadata_column": "gradient", "learners": "network"}
    return prepare_training(from_flat(TrainConfig, {**given, **SIZES, **options}))


@pytest.mark.parametrize("prepare", [pretraining, training])
def test_measuring_leaves_no_trace(prepare: object, study: Path) -> None:
    assert callable(prepare)
    prepared, after = [], []
    for auto in (False, True):
        np.random.seed(0)  # noqa: NPY002
        prepared.append(prepare(study, target_effective_batch_size=8, auto_batch_size=auto))
        after.append((torch.rand(3).tolist(), np.random.random()))  # noqa: NPY002
    plain, measured = prepared
    assert measured.memory.source == "measured"
    assert after[0] == after[1]
    for (name, one), (other, two) in zip(
        plain.model.state_dict().items(), measured.model.state_dict().items(), strict=True
    ):
        assert name == other
        assert torch.equal(one, two)
    assert all(parameter.grad is None for parameter in measured.model.parameters())
    assert measured.plan == plain.plan


def test_a_frozen_encoder_is_measured_as_it_is_trained(study: Path, encoder: Path) -> None:
    frozen = training(study, pretrained_encoder=str(encoder), freeze_base=True, auto_batch_size=True)
    assert frozen.memory.source == "measured"


@pytest.mark.parametrize("mixed_precision", ["none", "bf16"])
def test_measuring_works_in_any_precision(study: Path, mixed_precision: str) -> None:
    assert pretraining(study, auto_batch_size=True, mixed_precision=mixed_precision).memory.source == "measured"


def too_much(*_: object) -> torch.Tensor:
    """A real allocation that no machine has the memory for."""
    return torch.empty(10**15)


def digest(folder: Path) -> str:
    return hashlib.sha256((folder / "model" / "model.safetensors").read_bytes()).hexdigest()


def test_a_measured_run_ends_with_the_same_weights(
    study: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    digests = []
    for name in ("--auto-batch-size", "--no-auto-batch-size"):
        folder = tmp_path / name
        words = [
            "--table",
            study / "table.biom",
            "--tree",
            study / "tree.nwk",
            "--output-dir",
            folder,
            name,
            "--verbose",
        ]
        assert run_command("pretrain", *words, epochs=1) == 0
        digests.append(digest(folder))
    said = capsys.readouterr().out
    assert digests[0] == digests[1]
    assert "measuring memory: one step of the 8 richest samples" in said
    assert said.count("memory: batch 8 x accumulate 1 = 8; expected ") == 2
    assert said.count(" than expected") + said.count("as expected") == 2
    settled = yaml.safe_load((tmp_path / "--auto-batch-size" / "config.yaml").read_text())
    names = ("auto_batch_size", "batch_size", "target_effective_batch_size", "gradient_checkpointing", "asv_chunk_size")
    assert [settled[name] for name in names] == [False, 8, 8, False, 0]


def test_a_resumed_run_plans_nothing(study: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    words = ["--table", str(study / "table.biom"), "--tree", str(study / "tree.nwk")]
    with monkeypatch.context() as patch:
        patch.setattr(measure, "_step", lambda *_: None)
        patch.setattr(TrainingModule, "training_step", too_much)
        assert run_command("pretrain", *words, "--output-dir", tmp_path / "run", "--auto-batch-size") == 3
    monkeypatch.setattr(measure, "measure_step", lambda *_: pytest.fail("a resumed run measures nothing"))
    assert run_command("pretrain", small=False, resume_from=tmp_path / "run") == 0


def test_a_resumed_run_may_save_memory(study: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    words = ["--table", str(study / "table.biom"), "--tree", str(study / "tree.nwk")]
    assert run_command("pretrain", *words, "--output-dir", tmp_path / "whole") == 0
    with monkeypatch.context() as patch:
        patch.setattr(TrainingModule, "training_step", too_much)
        assert run_command("pretrain", *words, "--output-dir", tmp_path / "run") == 3
    code = (
        "import sys\nfrom aam.cli.main import main\n"  # in a process of its own: the allocator is told to give back
        f"sys.exit(main(['pretrain', '--resume-from', {str(tmp_path / 'run')!r}, '--gradient-checkpointing']))"
    )
    subprocess.run([sys.executable, "-c", code], check=True, capture_output=True)
    states = [load_model(tmp_path / name)[0].state_dict() for name in ("run", "whole")]
    assert all(torch.equal(states[0][name], tensor) for name, tensor in states[1].items())


def test_out_of_memory_in_mid_run_ends_with_what_to_type(
    study: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = tmp_path / "run"
    words = ["--table", str(study / "table.biom"), "--tree", str(study / "tree.nwk"), "--output-dir", folder]
    monkeypatch.setattr(TrainingModule, "training_step", too_much)
    assert run_command("pretrain", *words) == 3
    line = capsys.readouterr().err
    assert line.startswith("error: out of memory at batch 8 (longest sample: ")
    assert line.endswith(f"resume with: aam pretrain --resume-from {folder} --gradient-checkpointing\n")


def test_what_is_advised_can_be_typed(study: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The run after one that was out of memory although it saved it."""
    folder = tmp_path / "run"
    words = ["--table", str(study / "table.biom"), "--tree", str(study / "tree.nwk"), "--output-dir", folder]
    assert run_command("pretrain", *words, "--gradient-checkpointing", epochs=1) == 0
    again = ["--config", str(folder / "config.yaml"), "--overwrite", "--batch-size", "4"]
    assert main(["pretrain", *again, "--gradient-accumulation-steps", "2"]) == 0
    assert "memory: batch 4 x accumulate 2 = 8, gradient checkpointing; " in capsys.readouterr().out


CLASSES = {"metadata_column": "group", "classifier": True, "class_weights": "0.2,1,5"}


@pytest.mark.parametrize("target", [{}, CLASSES])
@pytest.mark.parametrize(("parts", "size"), [(2, 5), (3, 3)])
def test_summed_gradients_are_those_of_the_whole_step(
    study: Path, parts: int, size: int, target: dict[str, object]
) -> None:
    """In batches of unequal size, of the target's loss, a mean over samples; without noise."""
    gradients, samples = [], []
    for accumulation in (1, parts):
        batch_size = parts * size // accumulation
        prepared = training(
            study,
            batch_size=batch_size,
            gradient_accumulation_steps=accumulation,
            dropout=0.0,
            rarefy_depth="none",
            **target,
        )
        module = TrainingModule(prepared.model, prepared.plan).train()
        batches = list(prepared.data.train_dataloader())
        assert len(batches) == prepared.plan.steps_per_epoch * accumulation
        last_step = list(enumerate(batches))[-accumulation:]
        for number, batch in last_step:
            (module.training_step(batch, number) / accumulation).backward()
        gradients.append([parameter.grad.clone() for parameter in module.parameters() if parameter.grad is not None])
        samples.append(sorted(int(row) for _, batch in last_step for row in batch.rows_B))
    assert samples[0] == samples[1]
    assert len(samples[0]) % parts
    torch.testing.assert_close(gradients[0], gradients[1], rtol=1e-5, atol=1e-6)


MEASURE = """
import sys
import torch
from aam.config import PretrainConfig
from aam.config.option import from_flat
from aam.log import logging_to_terminal
from aam.training.hardware.host_memory import give_back_freed_memory
from aam.training.hardware.device_memory import PeakMeter
from aam.training.step.module import TrainingModule
from aam.training.run.build_run import prepare_pretraining
study, saving, auto = sys.argv[1], sys.argv[2] == "saving", sys.argv[3] == "measured"
given = {"table": [f"{study}/table.biom"], "output_dir": "run", "batch_size": None if auto else 32}
given |= {"target_effective_batch_size": 32, "auto_batch_size": auto, "gradient_checkpointing": saving}
prepared = prepare_pretraining(from_flat(PretrainConfig, given))
module = TrainingModule(prepared.model, prepared.plan).train()
optimizer = module.configure_optimizers()["optimizer"]
if saving:
    give_back_freed_memory()
meter = PeakMeter(torch.device("cpu"))
for number, batch in zip(range(3), prepared.data.train_dataloader()):
    optimizer.zero_grad()
    module.training_step(module.on_before_batch_transfer(batch, 0), number).backward()
    optimizer.step()
print(meter.stop() / prepared.memory.expected)
"""


@pytest.fixture(scope="module")
def larger_study(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """60 samples of about 120 ASVs: a step takes several hundred MB."""
    folder = tmp_path_factory.mktemp("larger") / "study"
    sizes = {"samples": 60, "asvs": 800, "asvs_per_sample": 120.0, "reads": 5000, "sequence_length": 100}
    assert run_command("simulate", output_dir=folder, **sizes) == 0
    return folder


@pytest.mark.slow
@pytest.mark.parametrize("source", ["estimated", "measured"])
@pytest.mark.parametrize("saving", ["plain", "saving"])
def test_the_peak_is_the_one_that_was_expected(larger_study: Path, saving: str, source: str) -> None:
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    command = [sys.executable, "-c", MEASURE, str(larger_study), saving, source]
    done = subprocess.run(command, capture_output=True, text=True, check=True, env=environment)
    assert float(done.stdout.splitlines()[-1]) == pytest.approx(1.0, abs=0.15)
