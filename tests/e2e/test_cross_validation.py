"""`aam train --cv`: every fold is an ordinary run, the whole can be stopped and resumed, and there is one report."""

from __future__ import annotations

import shutil
import signal
from pathlib import Path
from typing import Any

import pytest
import yaml

from aam.cli.main import main
from aam.errors import SIGNALS, InputError
from aam.evaluation.prediction_table import read_columns
from aam.files.atomic import write_json
from aam.report.build import build_report
from aam.runs.layout import DATA
from aam.runs.record_schema import read_record
from aam.training.step.module import TrainingModule
from aam.workflows.runs import cross_validation
from aam.workflows.runs.provenance import NOT_THE_SAME, SAME
from tests.program import SMALL, Run, run_command

RESULTS = ("cv_predictions.tsv", "cv_forest_predictions.tsv", "cv_metrics.tsv")


def arguments(study: Path, folder: Path, report: str = "--no-report") -> list[str]:
    flags = {
        "--table": study / "table.biom",
        "--metadata": study / "metadata.tsv",
        "--metadata-column": "gradient",
        "--group-column": "subject",
        "--learners": "network",
        "--cv": 2,
        "--output-dir": folder,
        **SMALL,
    }
    return [*(str(word) for pair in flags.items() for word in pair), report]


@pytest.fixture(scope="module")
def unbroken(study: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two folds, never stopped."""
    folder = tmp_path_factory.mktemp("unbroken") / "run"
    assert run_command("train", *arguments(study, folder, "--report"), small=False) == 0
    return folder


def test_every_sample_is_predicted_once_and_out_of_subject(unbroken: Path, study: Path) -> None:
    sheet = read_columns(study / "metadata.tsv")
    subject_of = dict(zip(sheet["sample-id"], sheet["subject"], strict=True))
    tables = [read_columns(unbroken / name) for name in RESULTS[:2]]
    for table in tables:
        ids = table["sample-id"].tolist()
        assert len(ids) == len(set(ids)) > 50
        assert table["group"].tolist() == [subject_of[sample_id] for sample_id in ids]
    assert tables[0]["sample-id"].tolist() == tables[1]["sample-id"].tolist()
    for number in (1, 2):
        fold = unbroken / "folds" / f"repeat1-fold{number}"
        trained = [(fold / f"{part}_samples.txt").read_text().split() for part in ("train", "val")]
        tested = set(tables[0]["sample-id"][tables[0]["fold"] == str(number)])
        assert {subject_of[i] for i in tested}.isdisjoint(subject_of[i] for part in trained for i in part)
    assert "held out in turn" in (unbroken / "report.html").read_text()
    log = (unbroken / "log.txt").read_text()
    assert "fold 2 of 2 (repeat1-fold2); about" in log
    assert log.count("epoch   2/2") == 2
    assert f"aam train --config {unbroken / 'final_model.yaml'}" in log


def test_the_report_is_written_anew_from_the_folds(unbroken: Path, tmp_path: Path) -> None:
    run = tmp_path / "run"
    shutil.copytree(unbroken, run)
    first = (run / "report.html").read_text()
    (run / "report.html").unlink()
    assert main(["report", str(run)]) == 0
    assert (run / "report.html").read_text() == first
    assert main(["report", str(run), "--figures", str(tmp_path / "figures")]) == 0
    found = {path.name for path in (tmp_path / "figures").iterdir()}
    assert {"folds.pdf", "predicted-observed.pdf", "baselines.pdf", "coverage.pdf"} <= found
    shutil.rmtree(run / "folds" / "repeat1-fold2")
    with pytest.raises(InputError, match="1 of 2 folds are there; resume the run"):
        build_report(run)


def test_a_fold_is_repeated_by_an_ordinary_command(unbroken: Path, tmp_path: Path) -> None:
    fold = unbroken / "folds" / "repeat1-fold2"
    assert yaml.safe_load((fold / "config.yaml").read_text())["cv"] is None
    assert run_command("train", config=fold / "config.yaml", output_dir=tmp_path / "run", small=False) == 0
    for name in ("test_predictions.tsv", "train_samples.txt", "val_samples.txt", "test_samples.txt"):
        assert (tmp_path / "run" / name).read_text() == (fold / name).read_text()


def test_the_final_model_is_an_ordinary_run_on_everything(unbroken: Path) -> None:
    flags = {"config": unbroken / "final_model.yaml", "epochs": 1}
    assert run_command("train", "--no-forest-baseline", "--no-report", small=False, **flags) == 0
    final = unbroken.with_name("run-final")
    used = [(final / f"{part}_samples.txt").read_text().split() for part in ("train", "val")]
    assert sum(map(len, used)) == len(read_columns(unbroken / "cv_predictions.tsv")["sample-id"])


def stopped(place: Any, name: str, at: int, number: int, *words: str) -> int:
    """Run ``aam train`` and send a signal in the n-th call of a function; the exit code."""
    original, calls = getattr(place, name), []

    def counted(*given: Any) -> Any:
        calls.append(1)
        if len(calls) == at:
            signal.raise_signal(number)
        return original(*given)

    handlers = [signal.getsignal(each) for each in SIGNALS]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(place, name, counted)
        code = run_command("train", *words, small=False)
    assert [signal.getsignal(each) for each in SIGNALS] == handlers
    return code


def test_stopped_anywhere_and_resumed_results_are_the_same(
    unbroken: Path, study: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = tmp_path / "run"
    forward = ["--resume-from", str(folder)]
    advice = f"resume with: aam train --resume-from {folder}\n"
    # in the first fold's last validation, after which its training has nothing left to stop
    assert stopped(TrainingModule, "validation_step", 3, signal.SIGTERM, *arguments(study, folder)) == 75
    assert capsys.readouterr().err == f"error: stopped in fold 1 of 2; {advice}"
    assert [path.parent.name for path in (folder / "folds").glob("*/finished.json")] == ["repeat1-fold1"]
    assert not (folder / "forests").exists()
    assert run_command("info", folder) == 0
    assert "1 of 2 folds are finished" in capsys.readouterr().out
    # in the second fold's training, after the first one's forest
    assert stopped(TrainingModule, "training_step", 4, signal.SIGUSR1, *forward) == 75
    said = capsys.readouterr()
    assert "fold 1 of 2 (repeat1-fold1): already finished" in said.out
    assert said.err == f"error: stopped in fold 2 of 2; {advice}"
    # in the second fold's forest
    assert stopped(cross_validation, "fit_forest_of", 1, signal.SIGINT, *forward) == 130
    path = folder / "lists" / "repeat1-fold2" / "test_samples.txt"
    text = path.read_text()
    path.write_text(text.split("\n", 1)[1])
    capsys.readouterr()
    assert run_command("train", *forward, small=False) == 2
    assert "test_samples.txt: does not hold the samples of repeat1-fold2; start a new run" in capsys.readouterr().err
    path.write_text(text)
    assert run_command("train", *forward, small=False) == 0
    for name in RESULTS:
        assert (folder / name).read_text() == (unbroken / name).read_text()
    record, never_stopped = (read_record(each / DATA) for each in (folder, unbroken))
    assert (len(record["parts"]), len(record["resumed"])) == (4, 3)
    assert (len(never_stopped["parts"]), never_stopped["resumed"]) == (1, [])
    for name in ("inputs", "samples", "targets", "flow"):
        assert record[name] == never_stopped[name]


def test_another_environment_ends_the_promise(study: Path, tmp_path: Path) -> None:
    folder = tmp_path / "run"
    assert stopped(TrainingModule, "training_step", 1, signal.SIGTERM, *arguments(study, folder)) == 75
    first = read_record(folder / DATA)
    assert first["promise"] == SAME
    first["parts"][0]["environment"]["torch"] = "1.0"
    write_json(folder / DATA, first)
    assert stopped(TrainingModule, "training_step", 1, signal.SIGTERM, "--resume-from", str(folder)) == 75
    record = read_record(folder / DATA)
    assert len(record["parts"]) == 2
    assert record["promise"].startswith(f"{NOT_THE_SAME}it was resumed in a different environment (torch 1.0 -> ")


def test_an_input_that_changes_while_it_is_read_begins_no_fold(
    study: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    copy, original = tmp_path / "study", cross_validation.load_study
    shutil.copytree(study, copy)

    def read_and_change(*given: Any, **named: Any) -> Any:
        read = original(*given, **named)
        (copy / "metadata.tsv").write_bytes((copy / "metadata.tsv").read_bytes() + b"\n")
        return read

    monkeypatch.setattr(cross_validation, "load_study", read_and_change)
    assert run_command("train", *arguments(copy, tmp_path / "run"), small=False) == 2
    assert capsys.readouterr().err.startswith("error: metadata.tsv: changed while it was read; ")
    assert not (tmp_path / "run").exists()


def test_mistakes_leave_room_for_the_next_try(train: Run, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert train(cv=99) == 2
    assert "error: --cv: " in capsys.readouterr().err
    assert train(cv=2, best_metric="accuracy") == 2
    assert not (tmp_path / "run").exists()
