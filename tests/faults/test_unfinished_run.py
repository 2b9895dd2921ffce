"""A run that was stopped is not taken for a finished one, by whatever reads its model."""

from __future__ import annotations

import logging
import signal
from pathlib import Path

import pytest

import aam
from aam.errors import CheckpointError
from aam.estimators import AAMRegressor
from tests.faults.children import ended, hooked, program, send
from tests.faults.conftest import train_words

NOTE = "is of an unfinished run: what it had learned so far"


@pytest.fixture(scope="module")
def stopped(study: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A training of the network that got a signal in its fourth epoch."""
    folder = tmp_path_factory.mktemp("stopped") / "run"
    assert ended(hooked, 7, send, (signal.SIGTERM,), train_words(study, folder)).code == 75
    assert (folder / "model" / "model.safetensors").exists()
    return folder


def predict(study: Path, model: Path, output: Path) -> list[object]:
    return ["predict", "--model", model, "--table", study / "table.biom", "--output", output]


def test_an_unfinished_run_is_not_predicted_with(study: Path, stopped: Path, tmp_path: Path) -> None:
    done = program(*predict(study, stopped, tmp_path / "p.tsv"))
    resume = f"resume with: aam train --resume-from {stopped}"
    so_far = f"{stopped / 'model'} is what it had learned so far"
    assert (done.code, done.err) == (2, f"error: {stopped}: the run is unfinished: {resume}; {so_far}\n")
    assert not (tmp_path / "p.tsv").exists()
    for load in (aam.load_model, AAMRegressor.load):
        with pytest.raises(CheckpointError, match="the run is unfinished"):
            load(stopped)
    words = train_words(study, tmp_path / "next", "--pretrained-encoder", str(stopped))
    assert "the run is unfinished" in program(*words).err


@pytest.mark.parametrize("name", ["model", "model/model.safetensors"])
def test_its_model_so_far_is_predicted_with_loudly(study: Path, stopped: Path, tmp_path: Path, name: str) -> None:
    done = program(*predict(study, stopped / name, tmp_path / "p.tsv"))
    assert done.code == 0, done.err
    assert f"note: {stopped / name} {NOTE}" in done.out
    assert NOTE in program("info", stopped / name).out
    assert "an unfinished run of aam train" in program("info", stopped).out


def test_the_python_api_warns_too(stopped: Path, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING, "aam"):
        aam.load_model(stopped / "model")
    assert NOTE in caplog.text


def test_a_stopped_blend_has_no_model(study: Path, tmp_path: Path) -> None:
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / "config.yaml").write_text("command: train\nlearners:\n- forest\n")
    (tmp_path / "run" / "log.txt").write_text("x")
    done = program(*predict(study, tmp_path / "run", tmp_path / "p.tsv"))
    advice = "a blend starts anew: repeat the command with --overwrite"
    assert done.err == f"error: {tmp_path / 'run'}: the run is unfinished: {advice}\n"
