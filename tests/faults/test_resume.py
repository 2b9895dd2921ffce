"""A run that was killed and resumed gives the bytes of the run that was never stopped."""

from __future__ import annotations

import hashlib
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from aam.training import kept_draws
from aam.training.checkpoint import find_checkpoints, latest_checkpoint
from tests.e2e.conftest import SMALL, encoder, run_command, study

__all__ = ["encoder", "study"]

# Runs the program, and kills it with a signal after some training steps (or in the n-th validation). A terminal and a
# scheduler send theirs to all processes of a run; SIGINT+SIGINT is the impatient user's.
KILLER = """
import os, signal, sys, time
import aam.training.kept_draws as kept_draws
import aam.training.module as module
from aam.cli.main import main

kept_draws.DRAWS = 2
place, number, name = sys.argv[1], int(sys.argv[2]), sys.argv[3]
done = [0]
original = getattr(module.TrainingModule, place)

def counted(self, *words):
    done[0] += 1
    if done[0] == number:
        for one in name.split("+"):
            os.killpg(os.getpgrp(), getattr(signal, one))
            time.sleep(0.2)
    return original(self, *words)

setattr(module.TrainingModule, place, counted)
sys.exit(main(sys.argv[4:]))
"""
EPOCHS = 3  # of 4 steps each


def arguments(study: Path, folder: Path) -> list[str]:
    flags = {
        "--table": study / "table.biom",
        "--tree": study / "tree.nwk",
        "--metadata": study / "metadata.tsv",
        "--metadata-column": "gradient",
        "--output-dir": folder,
        "--encoder-type": "unifrac",
        "--nuc-penalty": "0.5",
        "--count-penalty": "0.5",
        "--scheduler": "plateau",
        "--scheduler-patience": "0",
    }
    small = {**SMALL, "--epochs": str(EPOCHS), "--batch-size": "12"}
    words = [str(word) for pair in {**flags, **small}.items() for word in pair]
    return ["train", *words, "--no-forest-baseline", "--no-report"]


def fingerprint(folder: Path) -> dict[str, str]:
    """What must be the same to the bit: weights, predictions, vectors, and the metrics but for the seconds."""
    names = ("model/model.safetensors", "val_predictions.tsv", "sample_embeddings.tsv")
    found = {name: hashlib.sha256((folder / name).read_bytes()).hexdigest() for name in names}
    header, *rows = [line.split(",") for line in (folder / "metrics.csv").read_text().splitlines()]
    timed = header.index("seconds")
    return found | {"metrics.csv": repr([row[:timed] + row[timed + 1 :] for row in [header, *rows]])}


@pytest.fixture(scope="module")
def unbroken(study: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    folder = tmp_path_factory.mktemp("unbroken") / "run"
    words = arguments(study, folder)
    assert run_command(words[0], *words[1:], small=False) == 0
    return fingerprint(folder)


def killed(study: Path, folder: Path, place: str, number: int, name: str, *words: str) -> int:
    return run_killer(place, number, name, *arguments(study, folder), *words)


def run_killer(*words: object) -> int:
    command = [sys.executable, "-c", KILLER, *map(str, words)]
    done = subprocess.run(command, capture_output=True, check=False, timeout=300, start_new_session=True)
    return done.returncode


@pytest.mark.parametrize(
    ("place", "number", "name", "code"),
    [
        ("training_step", 2, "SIGKILL", -signal.SIGKILL),
        ("training_step", 6, "SIGKILL", -signal.SIGKILL),
        ("validation_step", 2, "SIGKILL", -signal.SIGKILL),
        ("training_step", 6, "SIGTERM", 75),
        ("training_step", 8, "SIGTERM", 75),
        ("training_step", 10, "SIGINT", 130),
        ("validation_step", 1, "SIGTERM", 75),
    ],
)
def test_resuming_gives_the_same_bytes(
    study: Path, unbroken: dict[str, str], tmp_path: Path, place: str, number: int, name: str, code: int
) -> None:
    folder = tmp_path / "run"
    assert killed(study, folder, place, number, name) == code
    assert not (folder / "finished.json").exists()
    assert run_command("train", resume_from=folder, small=False) == 0
    assert fingerprint(folder) == unbroken


def test_resuming_with_a_frozen_encoder(
    study: Path, encoder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(
        kept_draws, "DRAWS", 2
    )  # as in the runs that are killed: the third epoch has the first one's draw
    inputs = ["--table", study / "table.biom", "--metadata", study / "metadata.tsv", "--metadata-column", "gradient"]
    small = [word for pair in {**SMALL, "--epochs": EPOCHS, "--batch-size": 12}.items() for word in pair]
    words = [*inputs, *small, "--pretrained-encoder", encoder, "--freeze-base", "--no-forest-baseline", "--no-report"]
    assert run_command("train", *words, "--output-dir", tmp_path / "unbroken", small=False) == 0
    for number in (2, 7, 10):
        folder = tmp_path / str(number)
        assert run_killer("training_step", number, "SIGKILL", "train", *words, "--output-dir", folder) < 0
        assert run_command("train", resume_from=folder, small=False) == 0
        assert fingerprint(folder) == fingerprint(tmp_path / "unbroken")


def test_resuming_with_covariates_some_of_whose_levels_are_hidden(study: Path, tmp_path: Path) -> None:
    told = [
        "--categorical-columns",
        "subject,group",
        "--numeric-columns",
        "gradient_true",
        "--unknown-level-rate",
        "0.4",
    ]
    told += ["--conditional-output-scaling", "group", "--categorical-fusion", "cross-attention", "--dropout", "0.2"]
    words = [*arguments(study, tmp_path / "unbroken"), *told, "--categorical-embed-dim", "4"]
    assert run_command(words[0], *words[1:], small=False) == 0
    folder = tmp_path / "killed"
    assert killed(study, folder, "training_step", 7, "SIGKILL", *told, "--categorical-embed-dim", "4") < 0
    assert run_command("train", resume_from=folder, small=False) == 0
    assert fingerprint(folder) == fingerprint(tmp_path / "unbroken")


@pytest.mark.parametrize(("name", "code"), [("SIGINT", 130), ("SIGUSR1", 75), ("SIGINT+SIGINT", 130)])
def test_the_processes_that_prepare_batches_outlive_a_signal(
    study: Path, unbroken: dict[str, str], tmp_path: Path, name: str, code: int
) -> None:
    folder = tmp_path / "run"
    assert killed(study, folder, "training_step", 2, name, "--num-workers", "2") == code
    assert run_command("train", resume_from=folder, small=False) == 0
    assert fingerprint(folder) == unbroken


@pytest.mark.slow
@pytest.mark.parametrize("number", range(1, 13))
@pytest.mark.parametrize("name", ["SIGKILL", "SIGTERM"])
def test_resuming_from_every_step(
    study: Path, unbroken: dict[str, str], tmp_path: Path, number: int, name: str
) -> None:
    folder = tmp_path / "run"
    killed(study, folder, "training_step", number, name)
    if not (folder / "finished.json").exists():
        assert run_command("train", resume_from=folder, small=False) == 0
    assert fingerprint(folder) == unbroken


def test_a_damaged_checkpoint_is_passed_over(study: Path, unbroken: dict[str, str], tmp_path: Path) -> None:
    folder = tmp_path / "run"
    killed(study, folder, "training_step", 10, "SIGKILL")
    *_, before, newest = find_checkpoints(folder / "checkpoints")
    content = bytearray(newest.read_bytes())
    content[len(content) // 2] ^= 1
    newest.write_bytes(content)
    assert latest_checkpoint(folder / "checkpoints") == before
    assert run_command("train", resume_from=folder, small=False) == 0
    assert fingerprint(folder) == unbroken


def test_changed_inputs_are_refused(study: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    copies = tmp_path / "study"
    copies.mkdir()
    for name in ("table.biom", "tree.nwk", "metadata.tsv"):
        (copies / name).write_bytes((study / name).read_bytes())
    folder = tmp_path / "run"
    killed(copies, folder, "training_step", 5, "SIGKILL")
    sheet = (copies / "metadata.tsv").read_text()
    (copies / "metadata.tsv").write_text(sheet + "\n")
    assert run_command("train", resume_from=folder, small=False) == 2
    assert "metadata.tsv: is not the file that the run" in capsys.readouterr().err
    (copies / "metadata.tsv").unlink()
    assert run_command("train", resume_from=folder, small=False) == 2
    assert "metadata.tsv: is not there" in capsys.readouterr().err


def test_another_encoder_is_refused(
    study: Path, encoder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    shutil.copytree(encoder, tmp_path / "encoder")
    folder = tmp_path / "run"
    assert killed(study, folder, "training_step", 5, "SIGKILL", "--pretrained-encoder", str(tmp_path / "encoder")) < 0
    weights = tmp_path / "encoder" / "model" / "model.safetensors"
    weights.write_bytes(weights.read_bytes() + b"x")
    assert run_command("train", resume_from=folder, small=False) == 2
    assert "model.safetensors: is not the file that the run" in capsys.readouterr().err
