"""A tracker that fails is left out, and the others and the run go on."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from aam.runs.tracking.entries import Entries, open_entries
from aam.runs.tracking.tensorboard import TensorBoard
from aam.runs.tracking.tracker import RunFacts


def facts(folder: Path, **changes: Any) -> RunFacts:
    return RunFacts(**{"name": "run", "kind": "train", "folder": folder, "root": folder, **changes})


class Unreachable(TensorBoard):
    """Has no server any more."""

    def metrics(self, values: Mapping[str, float], step: int) -> None:
        raise ConnectionError("no\nserver")


def test_one_warning_and_the_others_go_on(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    entries = Entries({"wandb": Unreachable(facts(tmp_path / "a")), "tensorboard": TensorBoard(facts(tmp_path / "b"))})
    entries.parameters({"lr": 0.1})
    for step in (1, 2):
        entries.metrics({"epoch": step, "loss": 1 / step}, step)
    entries.scores({"test/r2": 0.5})
    assert caplog.messages == ["note: wandb does not record the run any more (no server); the run continues"]
    found = EventAccumulator(str(tmp_path / "b" / "tensorboard")).Reload()
    assert [point.value for point in found.Scalars("loss")] == [1, 0.5]
    assert [(point.step, point.value) for point in found.Scalars("test/r2")] == [(2, 0.5)]
    assert "| lr | 0.1 |" in found.Tensors("parameters")[0].tensor_proto.string_val[0].decode()
    entries.close("finished")
    assert not entries


def test_an_entry_that_cannot_be_opened(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    pytest.importorskip("mlflow")
    (tmp_path / "file").write_text("no folder")
    entries = open_entries(["mlflow", "tensorboard"], facts(tmp_path, uri=str(tmp_path / "file")), {}, {})
    assert list(entries.opened) == ["tensorboard"]
    (said,) = caplog.messages
    assert said.startswith("note: mlflow does not record the run any more (")
    assert not (tmp_path / "tracking.json").exists()
