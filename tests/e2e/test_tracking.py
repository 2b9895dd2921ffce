"""Runs that are recorded by trackers: what these have in the end, and what they have sent."""

from __future__ import annotations

import json
import signal
import socket
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from aam.runs.tracking.entries import Entries
from tests.program import Run, run_command
from tests.runs.tracking.entries import clean_environment, mlflow_runs, wandb_entries
from tests.test_security import watched


@pytest.fixture
def both(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> str:
    pytest.importorskip("wandb")
    pytest.importorskip("mlflow")
    clean_environment(monkeypatch, tmp_path / "home")
    return "wandb,mlflow"


def metrics_csv(run: Path) -> list[dict[str, str]]:
    header, *rows = (line.split(",") for line in (run / "metrics.csv").read_text().splitlines())
    return [dict(zip(header, row, strict=True)) for row in rows]


def test_a_blend_is_recorded_for_tensorboard(train: Run, tmp_path: Path) -> None:
    assert train(small=False, logger="tensorboard", learners="jaccard", test_size=0.3) == 0
    run = tmp_path / "run"
    found = EventAccumulator(str(run / "tensorboard")).Reload()
    assert {"test/r2", "test/r2_low", "test/guess/r2"} <= set(found.Tags()["scalars"])
    assert "predicted-observed" in found.Tags()["images"]
    text = found.Tensors("parameters")[0].tensor_proto.string_val[0].decode()
    assert "| learners | jaccard |" in text
    assert (
        "| model.weight.gradient.jaccard | 1.0 |" in found.Tensors("parameters")[1].tensor_proto.string_val[0].decode()
    )
    assert not (run / "tracking.json").exists()


def test_a_default_blend_writes_no_curves(train: Run, tmp_path: Path) -> None:
    assert train("--no-report", small=False, learners="jaccard") == 0
    assert not {"tensorboard", "tracking.json", "wandb"} & {path.name for path in (tmp_path / "run").iterdir()}


def test_a_network_is_recorded(both: str, train: Run, tmp_path: Path) -> None:
    assert train("--report", logger=both, experiment="ages", test_size=0.3) == 0
    run = tmp_path / "run"
    rows, record = metrics_csv(run), json.loads((run / "data.json").read_text())
    (entry,) = wandb_entries(run / "wandb")
    (name, other), *_ = mlflow_runs((tmp_path / "mlruns").as_uri(), "ages").items()
    assert (entry.name, entry.project, entry.kind, entry.exit_code) == ("run", "ages", "train", 0)
    assert (name, other.info.status) == ("run", "FINISHED")
    places = json.loads((run / "tracking.json").read_text())
    assert (places["wandb"]["id"], places["mlflow"]["id"]) == (entry.id, other.info.run_id)
    for parameters in (entry.config, other.data.params):
        assert str(parameters["batch_size"]) == "8"  # derived from the data
        assert str(parameters["data.samples.train"]) == str(record["samples"]["train"])
        assert parameters["data.sha256.table.biom"] == record["inputs"][0]["sha256"]
        assert str(parameters["model.parameters"]) == str(record["model"]["parameters"])
    assert [point["val_loss"] for point in entry.history] == [pytest.approx(float(row["val_loss"])) for row in rows]
    assert [point["_step"] for point in entry.history] == [int(row["step"]) for row in rows]
    assert other.data.metrics["val_loss"] == pytest.approx(float(rows[-1]["val_loss"]))
    for scores in (entry.summary, other.data.metrics):
        assert scores["test/r2_low"] <= scores["test/r2"] <= scores["test/r2_high"]
        assert {"test/guess/mae", "test/ahead_of_guess/mae_low", "best_epoch"} <= set(scores)
    assert entry.artifacts == {"report": ["report.html"], "model": ["README.md", "config.json", "model.safetensors"]}
    stored = Path(other.info.artifact_uri.removeprefix("file://"))
    assert (stored / "report.html").read_bytes() == (run / "report.html").read_bytes()
    assert (stored / "model" / "model.safetensors").read_bytes() == (run / "model" / "model.safetensors").read_bytes()
    assert (stored / "figures" / "predicted-observed.png").read_bytes()[:4] == b"\x89PNG"


def test_a_resumed_run_continues_its_entries(
    both: str, study: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    add = Entries.metrics

    def stop_after_first(self: Entries, values: Mapping[str, float], step: int) -> None:
        add(self, values, step)
        if values["epoch"] == 0:
            signal.raise_signal(signal.SIGTERM)

    run = tmp_path / "run"
    with monkeypatch.context() as patch:
        patch.setattr(Entries, "metrics", stop_after_first)
        words = {"table": study / "table.biom", "output_dir": run, "logger": both, "epochs": 3}
        assert run_command("pretrain", "--no-report", **words) == 75
    (name, stopped), *_ = mlflow_runs((tmp_path / "mlruns").as_uri()).items()
    assert (name, stopped.info.status) == ("run", "KILLED")
    assert run_command("pretrain", small=False, resume_from=run) == 0
    (finished,) = mlflow_runs((tmp_path / "mlruns").as_uri()).values()
    assert (finished.info.run_id, finished.info.status) == (stopped.info.run_id, "FINISHED")
    rows = metrics_csv(run)
    assert finished.data.metrics["step"] == int(rows[-1]["step"])
    first, second = wandb_entries(run / "wandb")
    assert (first.id, first.preempting, first.exit_code) == (second.id, True, 75)
    steps = [[point["_step"] for point in start.history] for start in (first, second)]
    assert steps == [[int(row["step"]) for row in some] for some in (rows[:1], rows[1:])]
    assert second.exit_code == 0


def test_folds_are_children_of_one_parent(both: str, train: Run, tmp_path: Path) -> None:
    assert train(small=False, logger=both, learners="jaccard", cv=2) == 0
    found = mlflow_runs((tmp_path / "mlruns").as_uri())
    assert set(found) == {"run", "run repeat1-fold1", "run repeat1-fold2"}
    whole = found.pop("run")
    assert {one.data.tags["mlflow.parentRunId"] for one in found.values()} == {whole.info.run_id}
    assert {one.data.tags["aam.kind"] for one in found.values()} == {"fold"}
    assert "test/r2" in found["run repeat1-fold1"].data.metrics
    assert "folds/r2" in whole.data.metrics
    entries = wandb_entries(tmp_path / "run" / "wandb")
    assert sorted((one.name, one.kind) for one in entries) == [
        ("run", "cross-validation"),
        ("run repeat1-fold1", "fold"),
        ("run repeat1-fold2", "fold"),
    ]
    assert len({one.group for one in entries}) == 1
    assert [set(one.artifacts) for one in entries if one.kind == "fold"] == [set(), set()]


def test_members_are_children_of_an_ensemble(both: str, train: Run, tmp_path: Path) -> None:
    assert train(logger="mlflow", ensemble=2, epochs=1) == 0
    found = mlflow_runs((tmp_path / "mlruns").as_uri())
    whole = found.pop("run")
    assert {name: one.data.tags["mlflow.parentRunId"] for name, one in found.items()} == {
        "run 1": whole.info.run_id,
        "run 2": whole.info.run_id,
    }
    assert whole.data.params["model.parameters"] == str(2 * int(found["run 1"].data.params["model.parameters"]))


def test_a_run_that_fails_is_recorded_as_failed(both: str, train: Run, tmp_path: Path, monkeypatch: Any) -> None:
    def fail(*_: object) -> None:
        raise RuntimeError("no more")

    monkeypatch.setattr("aam.workflows.runs.blend.run.fit_blend_model", fail)
    with pytest.raises(RuntimeError, match="no more"):
        train(small=False, logger="mlflow", learners="jaccard")
    (found,) = mlflow_runs((tmp_path / "mlruns").as_uri()).values()
    assert found.info.status == "FAILED"


def test_a_server_that_is_not_there_is_one_warning(both: str, train: Run, tmp_path: Path, monkeypatch: Any) -> None:
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "0")
    with socket.socket() as taken:  # bound, and listening to nobody
        taken.bind(("127.0.0.1", 0))
        address = f"http://127.0.0.1:{taken.getsockname()[1]}"
        assert train("--no-report", small=False, logger="mlflow", learners="jaccard", tracking_uri=address) == 0
    log = (tmp_path / "run" / "log.txt").read_text()
    assert log.count("note: mlflow does not record the run any more") == 1
    assert (tmp_path / "run" / "finished.json").is_file()


JOB = """
import warnings
warnings.simplefilter("ignore")
from aam.cli.main import main
assert main(["train", "--table", "table.biom", "--metadata", "metadata.tsv", "--metadata-column", "gradient",
             "--output-dir", "run", "--learners", "jaccard", "--no-forest-baseline",
             "--logger", "wandb,mlflow"]) == 0
"""


@contextmanager
def listener() -> Iterator[tuple[str, list[Any]]]:
    """An address of this machine, and who has come to it."""
    came: list[Any] = []
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.settimeout(0.1)
        is_over = threading.Event()

        def listen() -> None:
            while not is_over.is_set():
                try:
                    connection, address = server.accept()
                except TimeoutError:
                    continue
                came.append(address)
                connection.close()

        thread = threading.Thread(target=listen)
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.getsockname()[1]}", came
        finally:
            is_over.set()
            thread.join()


def test_nothing_is_sent_unless_it_is_asked_for(both: str, study: Path, tmp_path: Path, monkeypatch: Any) -> None:
    """No process connects: Python's own sockets are watched, and programs that libraries start meet a proxy."""
    for name in ("table.biom", "metadata.tsv"):
        (tmp_path / name).write_bytes((study / name).read_bytes())
    with listener() as (address, came):
        for name in ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY"):
            monkeypatch.setenv(name, address)
            monkeypatch.setenv(name.lower(), address)
        for name in ("NO_PROXY", "no_proxy"):
            monkeypatch.delenv(name, raising=False)
        done = watched(JOB, tmp_path)
    assert done.returncode == 0, done.stderr[-2000:]
    assert came == []
    assert len(wandb_entries(tmp_path / "run" / "wandb")) == 1
    assert list(mlflow_runs((tmp_path / "mlruns").as_uri())) == ["run"]
