"""A run whose loss becomes NaN, as the command line shows it (F14 of docs/faults.md)."""

from __future__ import annotations

import json
import signal
from pathlib import Path
from typing import Any

from torch import Tensor

from aam.cli.main import main
from aam.models.folder.weights import load_model
from aam.models.target_heads import NumbersHead
from aam.training.step.module import TrainingModule
from tests.faults.children import ended, hooked, send
from tests.faults.conftest import train_words


def with_nan(number: int, killed_at: int, words: list[str]) -> int:
    """The program, where the loss of the n-th batch of training is NaN; killed before a later batch, if that comes."""
    real = NumbersHead.loss
    step = TrainingModule.training_step
    batches, is_training = [0], [False]

    def training_step(self: TrainingModule, *given: Any) -> Tensor:
        batches[0] += 1
        is_training[0] = True
        loss = step(self, *given)
        is_training[0] = False
        return loss

    def loss(self: NumbersHead, comparison: Any) -> Tensor:
        found = real(self, comparison)
        return found * float("nan") if is_training[0] and batches[0] == number else found

    TrainingModule.training_step = training_step  # type: ignore[method-assign]
    NumbersHead.loss = loss  # type: ignore[method-assign]
    return hooked(killed_at, send, (signal.SIGKILL,), words) if killed_at else main(words)


def test_the_run_stops_unless_steps_may_be_skipped(study: Path, tmp_path: Path) -> None:
    folder = tmp_path / "run"
    done = ended(with_nan, 7, 0, train_words(study, folder))
    assert done.code == 4
    said = "error: the loss (heads: target) is not finite at step 7; the weights were not updated; the batch is in "
    assert done.err.startswith(f"{said}{folder}/nonfinite-7.json. Try a lower --lr")
    written = json.loads((folder / "nonfinite-7.json").read_text())
    assert (written["step"], written["epoch"], written["left_out"]) == (7, 4, False)
    assert len(written["batches"][0]["samples"]) == 23
    assert written["batches"][0]["losses"] == {"target": "nan"}
    load_model(folder / "model")  # which refuses weights that are not finite

    again = ended(with_nan, 1, 0, ["train", "--resume-from", str(folder), "--skip-non-finite", "1"])
    assert again.code == 0, again.err
    assert "at step 7; step skipped (1 of 1 allowed)" in again.out
    assert json.loads((folder / "data.json").read_text())["model"]["skipped_steps"] == [7]


def test_the_count_of_steps_that_were_left_out_outlives_a_kill(study: Path, tmp_path: Path) -> None:
    folder = tmp_path / "run"
    assert ended(with_nan, 3, 8, train_words(study, folder, skip_non_finite=1)).code == -signal.SIGKILL
    done = ended(with_nan, 2, 0, ["train", "--resume-from", str(folder)])
    assert done.code == 4
    assert "is not finite at step 8" in done.err
    assert "1 earlier step skipped" in done.err
