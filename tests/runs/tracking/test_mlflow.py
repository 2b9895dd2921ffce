"""Entries of MLflow, read back by its own client."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from aam.runs.tracking.tracker import Place, RunFacts
from tests.runs.tracking.entries import clean_environment

pytest.importorskip("mlflow")


@pytest.fixture(autouse=True)
def _clean(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    clean_environment(monkeypatch, tmp_path)


def opened(folder: Path, **changes: Any) -> Any:
    from aam.runs.tracking.mlflow import Mlflow

    return Mlflow(RunFacts(**{"name": "run", "kind": "train", "folder": folder, "root": folder, **changes}))


def test_an_entry_goes_on(tmp_path: Path) -> None:
    first = opened(tmp_path / "run")
    assert first.place.where == (tmp_path / "mlruns").as_uri()
    many = {f"option{number}": number for number in range(150)}
    first.parameters({**many, "epochs": 2, "log(age) %": None, "long": "x" * 7_000})
    first.metrics({"loss": 1.0}, 5)
    first.close("stopped")
    assert first.client.get_run(first.place.id).info.status == "KILLED"
    again = opened(tmp_path / "run", known=first.place)
    assert again.place == first.place
    assert again.client.get_run(first.place.id).info.status == "RUNNING"
    again.parameters({**many, "epochs": 3})
    again.metrics({"loss": 0.5}, 10)
    again.close("finished")
    found = again.client.get_run(first.place.id)
    assert found.info.status == "FINISHED"
    assert (found.data.params["epochs"], found.data.tags["aam.resumed.epochs"]) == ("2", "3")
    assert found.data.params["log_age_ _"] == "(not given)"
    assert (len(found.data.params), len(found.data.params["long"])) == (153, 6_000)
    points = again.client.get_metric_history(first.place.id, "loss")
    assert [(point.step, point.value) for point in points] == [(5, 1.0), (10, 0.5)]


def test_an_entry_that_is_gone_is_made_anew(tmp_path: Path) -> None:
    first = opened(tmp_path / "run")
    first.client.delete_run(first.place.id)
    assert opened(tmp_path / "run", known=first.place).place.id != first.place.id
    assert opened(tmp_path / "run", known=Place("0" * 32, first.place.where)).place.id != "0" * 32
    elsewhere = Place(first.place.id, "https://example.org")
    assert opened(tmp_path / "run", known=elsewhere).place.where == first.place.where


def test_the_environment_holds_where_no_option_is_given(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MLFLOW_TRACKING_URI", str(tmp_path / "theirs"))
    monkeypatch.setenv("MLFLOW_EXPERIMENT_NAME", "ages")
    found = opened(tmp_path / "run")
    assert found.place.where == (tmp_path / "theirs").as_uri()
    assert found.client.get_experiment_by_name("ages") is not None
    given = opened(tmp_path / "run", uri=str(tmp_path / "ours"), experiment="soils")
    assert given.place.where == (tmp_path / "ours").as_uri()
    assert given.client.get_experiment_by_name("soils") is not None


def test_figures_report_and_model_are_artifacts(tmp_path: Path) -> None:
    for name in ("page.html", "a.png", "model/weights"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(name)
    found = opened(tmp_path / "run")
    found.figures({"a": tmp_path / "a.png"})
    found.report(tmp_path / "page.html")
    found.model(tmp_path / "model")
    listed = [
        one.path for folder in ("", "figures", "model") for one in found.client.list_artifacts(found.place.id, folder)
    ]
    assert listed == ["figures", "model", "page.html", "figures/a.png", "model/weights"]
