from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from aam.training.run.progress import ProgressBar, SayDuration


@pytest.mark.parametrize("end", ["validation", "exception"])
def test_the_bar_is_away_when_something_else_is_written(monkeypatch: pytest.MonkeyPatch, end: str) -> None:
    monkeypatch.setenv("FORCE_COLOR", "1")
    bar = ProgressBar()
    trainer: Any = SimpleNamespace(num_training_batches=4, max_epochs=2, current_epoch=0)
    module: Any = None
    bar.on_validation_end(trainer, module)
    bar.on_train_start(trainer, module)
    bar.on_train_epoch_start(trainer, module)
    assert bar.bar.bars.live.is_started
    if end == "validation":
        bar.on_validation_end(trainer, module)
    else:
        bar.on_exception(trainer, module, RuntimeError())
    assert not bar.bar.bars.live.is_started


def test_in_a_notebook_one_bar_stays_for_all_epochs(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("rich.console._is_jupyter", lambda: True)
    monkeypatch.setattr("aam.progress.find_spec", lambda name: name == "ipywidgets")
    bar = ProgressBar()
    assert not bar.bar.bars.disable
    trainer: Any = SimpleNamespace(num_training_batches=4, max_epochs=2, current_epoch=0)
    module: Any = None
    bar.on_train_start(trainer, module)
    monkeypatch.setattr(bar.bar.bars.live, "refresh", lambda: None)  # it would draw a widget
    for _ in range(2):
        bar.on_train_epoch_start(trainer, module)
        bar.on_validation_end(trainer, module)
        assert bar.bar.bars.live.is_started
    bar.on_train_end(trainer, module)
    assert not bar.bar.bars.live.is_started


def test_a_notebook_without_widgets_shows_no_bar(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("rich.console._is_jupyter", lambda: True)
    monkeypatch.setattr("aam.progress.find_spec", lambda name: None)
    assert ProgressBar().bar.bars.disable


class Clock:
    """Time that passes when it is told to."""

    def __init__(self) -> None:
        self.now = 100.0

    def monotonic(self) -> float:
        return self.now


def steps(duration: SayDuration, clock: Clock, batches: int, seconds: float, validation: float = 0.0) -> None:
    """An epoch of training, after a validation."""
    trainer: Any = SimpleNamespace(num_training_batches=batches, max_epochs=50, current_epoch=0)
    module: Any = None
    duration.on_validation_start(trainer, module)
    clock.now += validation
    duration.on_validation_end(trainer, module)
    duration.on_train_epoch_start(trainer, module)
    for place in range(batches):
        clock.now += seconds * (10 if place == 0 and batches > 1 else 1)
        duration.on_train_batch_end(trainer, module, None, None, place)


@pytest.mark.parametrize(
    ("batches", "seconds", "validation", "expected"),
    [
        (100, 1.2, 30.0, "at most 2.1 hours on this machine (50 epochs of 2 minutes, measured on 3 steps)"),
        (100, 0.125, 0.0, "at most 10 minutes on this machine (50 epochs of 12 seconds, measured on 24 steps)"),
        (4, 0.5, 0.0, "at most 2 minutes on this machine (50 epochs of 2.0 seconds, measured on 3 steps)"),
        (1, 2.0, 0.0, "at most 2 minutes on this machine (50 epochs of 2.0 seconds, measured on 1 step)"),
    ],
)
def test_the_first_steps_say_how_long_a_run_takes(
    batches: int,
    seconds: float,
    validation: float,
    expected: str,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    clock = Clock()
    monkeypatch.setattr("aam.training.run.progress.time", clock)
    caplog.set_level("INFO", "aam")
    duration = SayDuration()
    steps(duration, clock, batches, seconds, validation)
    steps(duration, clock, batches, seconds, validation)
    (said,) = [line for line in caplog.messages if line.startswith("time: ")]
    assert expected in said


def test_a_run_of_seconds_is_not_worth_a_line(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    clock = Clock()
    monkeypatch.setattr("aam.training.run.progress.time", clock)
    caplog.set_level("DEBUG", "aam")
    steps(SayDuration(), clock, 4, 0.01)
    assert [record.levelname for record in caplog.records] == ["DEBUG"]
