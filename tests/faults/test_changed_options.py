"""A run that goes on with other options: what changes, what is said of it, and what is refused."""

from __future__ import annotations

import json
import math
from pathlib import Path

import pytest
import yaml

from aam.workflows.runs.provenance import NOT_THE_SAME, SAME
from tests.faults.kill_harness import TRAINING_STEP, Children, Fault
from tests.faults.toy import EPOCHS, STEPS, fingerprint, metrics, words

IN_SECOND_EPOCH = 6


@pytest.fixture
def stopped(toy: Path, children: Children, tmp_path: Path) -> Path:
    """A run with a plateau schedule that was killed in its second epoch of three."""
    return stop(toy, children, tmp_path / "run")


def stop(toy: Path, children: Children, folder: Path, **options: object) -> Path:
    asked = words("train", toy, folder, encoder_type=None, nuc_penalty=None, count_penalty=None, **options)
    assert children.run(asked, Fault(TRAINING_STEP, IN_SECOND_EPOCH)).code < 0
    return folder


def column(folder: Path, name: str) -> list[float]:
    header, *rows = (line.split(",") for line in metrics(folder))
    return [float(row[header.index(name)]) for row in rows]


def record(folder: Path) -> dict[str, object]:
    content: dict[str, object] = json.loads((folder / "data.json").read_text())
    return content


def test_what_cannot_change_is_refused_with_both_values(stopped: Path, children: Children) -> None:
    before = (stopped / "config.yaml").read_text()
    ended = children.run(["train", "--resume-from", stopped, "--lr", "0.01", "--epochs", "5"])
    assert ended.code == 2
    assert "--lr 0.03 -> 0.01 differs from the run's and cannot change when resuming; leave it out" in ended.said
    assert (stopped / "config.yaml").read_text() == before


def test_more_epochs(stopped: Path, children: Children) -> None:
    asked = ["train", "--resume-from", stopped, "--epochs", "4", "--patience", "9"]
    # Killed once more, it goes on with the changed options by itself.
    assert children.run(asked, Fault(TRAINING_STEP, 5)).code < 0
    ended = children.run(["train", "--resume-from", stopped])
    assert ended.code == 0, ended.said
    config = yaml.safe_load((stopped / "config.yaml").read_text())
    assert (config["epochs"], config["patience"]) == (4, 9)
    found = record(stopped)
    changes = [
        {"option": "patience", "before": 5, "after": 9},
        {"option": "epochs", "before": EPOCHS, "after": 4},
    ]
    assert sorted(map(str, found["changes"])) == sorted(map(str, changes))  # type: ignore[call-overload]
    assert str(found["promise"]).startswith(NOT_THE_SAME)
    assert "changed when resuming" in str(found["promise"])
    log = (stopped / "log.txt").read_text()
    assert "resuming with changed options" in log
    assert f"  --epochs {EPOCHS} -> 4" in log


def test_a_schedule_by_steps_follows_its_new_course(toy: Path, children: Children, tmp_path: Path) -> None:
    folder = stop(toy, children, tmp_path / "run", scheduler="cosine", scheduler_patience=None)
    ended = children.run(["train", "--resume-from", folder, "--epochs", "6"])
    assert ended.code == 0, ended.said
    course = [
        0.03 * 0.5 * (1 + math.cos(math.pi * STEPS * done / total))
        for done, total in ((1, 6), *((n, 12) for n in range(2, 7)))
    ]
    assert column(folder, "lr") == pytest.approx(course, abs=1e-9)


def test_one_cycle_may_become_longer(toy: Path, children: Children, tmp_path: Path) -> None:
    folder = stop(toy, children, tmp_path / "run", scheduler="onecycle", scheduler_patience=None)
    ended = children.run(["train", "--resume-from", folder, "--epochs", "5"])
    assert ended.code == 0, ended.said
    rates = column(folder, "lr")
    assert len(rates) == 5
    assert rates[1] > rates[2] > rates[3] > rates[4]


def test_the_same_values_change_nothing(toy: Path, children: Children, stopped: Path, tmp_path: Path) -> None:
    asked = words("train", toy, tmp_path / "unbroken", encoder_type=None, nuc_penalty=None, count_penalty=None)
    assert children.run(asked).code == 0
    assert children.run(["train", "--resume-from", stopped, "--lr", "0.03", "--num-workers", "1"]).code == 0
    assert fingerprint(stopped) == fingerprint(tmp_path / "unbroken")
    found = record(stopped)
    assert found["changes"] == []
    assert found["promise"] == SAME
    assert str(found["command"]).endswith("--no-progress")
    assert len(found["resumed"]) == 1  # type: ignore[arg-type]


def test_epochs_that_are_done_already(toy: Path, children: Children, tmp_path: Path) -> None:
    folder = tmp_path / "run"
    asked = words("train", toy, folder, encoder_type=None, nuc_penalty=None, count_penalty=None)
    assert children.run(asked, Fault(TRAINING_STEP, 10)).code < 0
    ended = children.run(["train", "--resume-from", folder, "--epochs", "1"])
    assert ended.code == 2
    assert "--epochs 1: 2 epochs are already done; give at least 2" in ended.said
    ended = children.run(["train", "--resume-from", folder, "--epochs", "2"])
    assert ended.code == 0, ended.said
    assert len(column(folder, "lr")) == 2
