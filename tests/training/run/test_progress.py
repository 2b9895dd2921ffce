from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from aam.training.run.progress import ProgressBar


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
