"""`--earlier-samples` from the command line: a blend and a network that read what a subject's earlier samples say."""

from __future__ import annotations

import csv
import signal
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file

from aam.runs.layout import LOG
from aam.training.step.module import TrainingModule
from tests.program import run_command

Words = list[str]


@pytest.fixture(scope="module")
def sheet(study: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The metadata of the study with days (0, 7, 14, ... in each subject) and a target that a subject keeps."""
    with (study / "metadata.tsv").open() as file:
        rows = list(csv.DictReader(file, delimiter="\t"))
    seen: dict[str, int] = {}
    for row in rows:
        seen[row["subject"]] = seen.get(row["subject"], -1) + 1
        row["day"] = str(7 * seen[row["subject"]])
        row["plot"] = "ab"[seen[row["subject"]] % 2]
    for row in rows:
        own = [float(one["gradient"]) for one in rows if one["subject"] == row["subject"]]
        row["steady"] = str(round(sum(own) / len(own), 4))
    return write_sheet(tmp_path_factory.mktemp("sheet") / "metadata.tsv", rows)


def write_sheet(path: Path, rows: list[dict[str, str]]) -> Path:
    with path.open("w") as file:
        writer = csv.DictWriter(file, list(rows[0]), delimiter="\t")
        writer.writeheader()
        writer.writerows(rows)
    return path


def read_rows(path: Path) -> list[dict[str, str]]:
    with path.open() as file:
        return list(csv.DictReader(file, delimiter="\t"))


def flags(study: Path, sheet: Path, folder: Path, **more: object) -> dict[str, Any]:
    given = {"table": study / "table.biom", "metadata": sheet, "metadata_column": "steady", "output_dir": folder}
    return {**given, "group_column": "subject", "earlier_samples": 2, "time_column": "day", **more}


@pytest.fixture(scope="module")
def blend(study: Path, sheet: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("runs") / "blend"
    given = flags(study, sheet, folder, learners="clr-linear,clades-linear", test_size=0.25)
    assert run_command("train", "--no-forest-baseline", "--report", small=False, **given) == 0
    return folder


def predicted(model: Path, study: Path, sheet: Path, output: Path, *words: str) -> dict[str, str]:
    given = {"model": model, "table": study / "table.biom", "metadata": sheet, "output": output}
    assert run_command("predict", "--overwrite", *words, **given) == 0
    return {row["sample-id"]: row["predicted"] for row in read_rows(output)}


def test_what_a_blend_reads_is_said_everywhere(
    blend: Path, study: Path, sheet: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    said = "have one of the same 'subject', the last 7 units of 'day' before (median)"
    assert run_command("info", blend / "model") == 0
    assert "up to 2 earlier samples of the same 'subject' by 'day'" in capsys.readouterr().out.replace("\n", " ")
    assert said in (blend / LOG).read_text()
    assert "--metadata NEW.tsv --output predictions.tsv" in (blend / LOG).read_text()
    assert "earlier samples" in (blend / "report.html").read_text()
    assert "up to 2 earlier samples" in (blend / "model" / "README.md").read_text()
    given = flags(study, sheet, tmp_path / "run", learners="clr-linear")
    assert run_command("check", **given) == 0
    assert said in " ".join(capsys.readouterr().out.split())


def test_a_cross_validation_says_what_it_reads(study: Path, sheet: Path, tmp_path: Path) -> None:
    given = flags(study, sheet, tmp_path / "run", learners="clr-linear", cv=2)
    assert run_command("train", "--no-forest-baseline", "--report", small=False, **given) == 0
    page = (tmp_path / "run" / "report.html").read_text()
    assert "of 60 samples have one of the same" in page


def test_predictions_read_earlier_samples_alone(blend: Path, study: Path, sheet: Path, tmp_path: Path) -> None:
    whole = predicted(blend, study, sheet, tmp_path / "p.tsv")
    rows = read_rows(sheet)
    first = {row["sample-id"] for row in rows if row["day"] == "0"}
    last = predicted(blend, study, sheet, tmp_path / "q.tsv", "--where", "day >= 14")
    assert last == {name: value for name, value in whole.items() if name in last}, "--where keeps them"
    without = write_sheet(tmp_path / "no_days.tsv", [{**row, "day": ""} for row in rows])
    alone = predicted(blend, study, without, tmp_path / "r.tsv")
    changed = {name for name, value in whole.items() if alone[name] != value}
    assert changed == set(whole) - first
    backwards = write_sheet(tmp_path / "backwards.tsv", rows[::-1])
    assert predicted(blend, study, backwards, tmp_path / "s.tsv") == whole
    other = [{**row, "steady": "0.5"} for row in rows]
    assert predicted(blend, study, write_sheet(tmp_path / "other.tsv", other), tmp_path / "t.tsv") == whole


def test_a_prediction_needs_subject_and_time(
    blend: Path, study: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    given = {"model": blend, "table": study / "table.biom", "output": tmp_path / "p.tsv"}
    assert run_command("predict", **given) == 2
    assert "--metadata is needed: the model uses the metadata columns subject, day" in capsys.readouterr().err
    assert run_command("predict", **given, metadata=study / "metadata.tsv") == 2
    assert "no column 'day'" in capsys.readouterr().err


def test_a_model_is_evaluated_and_explained_with_them(blend: Path, study: Path, sheet: Path, tmp_path: Path) -> None:
    given = {"model": blend, "table": study / "table.biom", "metadata": sheet}
    words = ("--include-trained", "--no-progress")
    assert run_command("evaluate", *words, **given, output_dir=tmp_path / "evaluated") == 0
    own = {row["sample-id"]: row["predicted"] for row in read_rows(tmp_path / "evaluated" / "predictions.tsv")}
    assert own == predicted(blend, study, sheet, tmp_path / "p.tsv")
    explained, few = tmp_path / "explained", {"methods": "removal", "max_samples": 10}
    assert (
        run_command(
            "explain", blend, "--no-progress", table=given["table"], metadata=sheet, output_dir=explained, **few
        )
        == 0
    )


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"group_column": None}, "--earlier-samples needs --group-column SUBJECT"),
        ({"group_column": "plot", "subject_column": "subject"}, "--group-column subject"),
        ({"time_column": None}, "--earlier-samples needs --time-column"),
        ({"learners": "network", "devices": 2}, "--earlier-samples trains on one device"),
    ],
)
def test_what_does_not_go_together_is_refused(
    change: dict[str, object],
    message: str,
    study: Path,
    sheet: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    given = {**flags(study, sheet, tmp_path / "run", learners="clr-linear"), **change}
    given = {name: value for name, value in given.items() if value is not None}
    assert run_command("train", small=False, **given) == 2
    assert message in capsys.readouterr().err


def train_network(study: Path, sheet: Path, folder: Path, *words: str, **more: object) -> int:
    given = flags(study, sheet, folder, learners="network", epochs=3, batch_size=16, **more)
    return run_command("train", "--no-forest-baseline", *words, **given)


@pytest.fixture(scope="module")
def network(study: Path, sheet: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("runs") / "network"
    assert train_network(study, sheet, folder) == 0
    return folder


def same_model(one: Path, other: Path) -> bool:
    first, second = (load_file(folder / "model" / "model.safetensors") for folder in (one, other))
    return first.keys() == second.keys() and all(torch.equal(first[name], second[name]) for name in first)


def test_a_network_learns_the_same_with_workers(network: Path, study: Path, sheet: Path, tmp_path: Path) -> None:
    assert train_network(study, sheet, tmp_path / "run", num_workers=2) == 0
    assert same_model(network, tmp_path / "run")
    assert any(name.startswith("0.earlier_fusion.") for name in load_file(network / "model" / "model.safetensors"))


def test_a_stopped_network_resumes_exactly(
    network: Path, study: Path, sheet: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    original, calls = TrainingModule.training_step, []

    def stopping(*given: Any) -> Any:
        calls.append(1)
        if len(calls) == 4:
            signal.raise_signal(signal.SIGTERM)
        return original(*given)

    with monkeypatch.context() as patch:
        patch.setattr(TrainingModule, "training_step", stopping)
        assert train_network(study, sheet, tmp_path / "run") == 75
    assert run_command("train", small=False, resume_from=tmp_path / "run") == 0
    assert same_model(network, tmp_path / "run")


def test_a_frozen_encoder_reads_earlier_samples_too(
    study: Path, sheet: Path, encoder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = tmp_path / "run"
    assert train_network(study, sheet, folder, "--freeze-base", pretrained_encoder=encoder) == 0
    assert "are cached for" not in capsys.readouterr().out, "vectors of samples alone are not enough"
    found = predicted(folder, study, sheet, tmp_path / "p.tsv")
    assert len(found) == 60


def test_a_network_can_be_in_the_blend(study: Path, sheet: Path, tmp_path: Path) -> None:
    given = flags(study, sheet, tmp_path / "run", learners="clr-linear,network", epochs=1)
    assert run_command("train", "--no-forest-baseline", **given) == 0
    assert len(predicted(tmp_path / "run", study, sheet, tmp_path / "p.tsv")) == 60
