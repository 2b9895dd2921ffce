"""Trackers by name: what they need, and options that go with none of them."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from aam.config import TrackingOptions
from aam.errors import ConfigError
from aam.runs.tracking.registry import check_installed, names
from tests.program import run_command


def test_every_tracker_is_an_extra() -> None:
    text = (Path(__file__).parents[3] / "pyproject.toml").read_text()
    assert [name for name in names() if f'\n{name} = ["' not in text] == []


@pytest.mark.parametrize("name", ["tensorboard", "wandb", "mlflow"])
def test_a_missing_library_names_its_extra(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, name, None)
    with pytest.raises(ConfigError, match=rf"--logger {name} needs {name}.*pip install 'aam\[{name}\]'"):
        check_installed(["tensorboard", name] if name != "tensorboard" else [name])


@pytest.mark.parametrize("command", ["train", "pretrain", "check"])
def test_a_missing_library_stops_a_run_at_once(
    command: str, study: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setitem(sys.modules, "mlflow", None)
    target = {} if command == "pretrain" else {"metadata": study / "metadata.tsv", "metadata_column": "gradient"}
    run = tmp_path / "run"
    assert run_command(command, table=study / "table.biom", output_dir=run, logger="mlflow", **target) == 2
    assert "pip install 'aam[mlflow]'" in "".join(capsys.readouterr())
    assert not run.exists()


@pytest.mark.parametrize(
    ("given", "problem"),
    [
        ({"logger": ("wandb", "wandb")}, "--logger names a tracker twice"),
        ({"experiment": "ages"}, "--experiment needs --logger wandb or mlflow: leave it out"),
        ({"logger": ("tensorboard",), "experiment": "ages"}, "--experiment needs --logger wandb or mlflow"),
        ({"logger": ("wandb",), "tracking_uri": "runs"}, "--tracking-uri needs --logger mlflow: leave it out"),
        ({"logger": ("mlflow",), "tracking_uri": " "}, "--tracking-uri is empty"),
        ({"logger": ("neptune",)}, "--logger: unknown 'neptune'; choose from tensorboard, wandb, mlflow"),
    ],
)
def test_options_that_go_with_no_tracker(given: dict[str, object], problem: str) -> None:
    with pytest.raises(ConfigError, match=problem):
        TrackingOptions(**given)  # type: ignore[arg-type]
