"""`aam train --ensemble`: every member is an ordinary run, and what the whole says is the average of them."""

from __future__ import annotations

import json
import shutil
import signal
from pathlib import Path

import numpy as np
import pytest

from aam.errors import SIGNALS
from aam.evaluation.prediction_table import read_columns
from aam.files.atomic import sha256_file
from aam.models.folder.weights import load_models
from aam.runs.layout import DATA
from aam.runs.record_schema import read_record
from aam.training.step.module import TrainingModule
from tests.program import SMALL, Run, run_command

RESULTS = (
    "val_predictions.tsv",
    "test_predictions.tsv",
    "coverage.json",
    "sample_embeddings.tsv",
    "model/model.safetensors",
)
LEVEL = 0.8
# All reads are used, so that predictions do not depend on a draw and can be averaged by hand.
FLAGS = {
    **SMALL,
    "--learners": "network",
    "--epochs": "1",
    "--rarefy-depth": "none",
    "--target-transform": "log-zscore",
    "--test-size": "0.2",
    "--interval-level": str(LEVEL),
    "--seed": "7",
    "--ensemble": "2",
}


def arguments(study: Path, folder: Path, report: str = "--no-report") -> list[str]:
    paths = {"--table": study / "table.biom", "--metadata": study / "metadata.tsv", "--output-dir": folder}
    flags = {**paths, "--metadata-column": "gradient", **FLAGS}
    return [*(str(word) for pair in flags.items() for word in pair), "--no-forest-baseline", report]


@pytest.fixture(scope="module")
def unbroken(study: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two members, never stopped."""
    folder = tmp_path_factory.mktemp("unbroken") / "run"
    assert run_command("train", *arguments(study, folder, "--report"), small=False) == 0
    return folder


def logarithms(path: Path, column: str = "predicted") -> np.ndarray:
    return np.log1p(read_columns(path)[column].astype(float))


def test_predictions_average_members_on_the_learned_scale(unbroken: Path) -> None:
    for part in ("val", "test"):
        name = f"{part}_predictions.tsv"
        members = [logarithms(unbroken / "members" / number / name) for number in ("1", "2")]
        assert np.abs(members[0] - members[1]).max() > 1e-3
        assert logarithms(unbroken / name) == pytest.approx(np.mean(members, axis=0), abs=1e-7)
        lists = [read_columns(folder / name)["sample-id"].tolist() for folder in (unbroken, unbroken / "members" / "2")]
        assert lists[0] == lists[1]


def test_intervals_come_from_the_errors_of_the_average(unbroken: Path) -> None:
    models, description = load_models(unbroken)
    assert len(models) == description.members == 2
    assert description.targets is not None
    scale = description.targets.specs[0].scale
    said, true = (logarithms(unbroken / "val_predictions.tsv", name) for name in ("predicted", "observed"))
    errors = np.sort(np.abs(said - true)) / scale
    assert description.calibrations[0].scores == pytest.approx(errors, abs=1e-6)
    # Of n errors the ceil((n + 1) * level)-th, Lei et al. (2018).
    reach = errors[int(np.ceil((len(errors) + 1) * LEVEL - 1e-9)) - 1] * scale
    low, high = (logarithms(unbroken / "test_predictions.tsv", f"predicted_{end}") for end in ("low", "high"))
    assert high - low == pytest.approx(np.full(len(low), 2 * reach), abs=1e-6)
    # The embeddings are those of the first member.
    folders = (unbroken, unbroken / "members" / "1")
    texts = [(folder / "sample_embeddings.tsv").read_text() for folder in folders]
    assert texts[0] == texts[1]


def test_members_differ_in_their_seeds_alone_and_are_said(unbroken: Path, capsys: pytest.CaptureFixture[str]) -> None:
    data = json.loads((unbroken / "data.json").read_text())
    assert [member["seed"] for member in data["members"]] == [7, 8]
    page = (unbroken / "report.html").read_text()
    assert "The model is an ensemble: the predictions of 2 models are averaged." in page
    assert not list(unbroken.glob("members/*/report.html"))
    assert run_command("info", unbroken) == 0
    said = capsys.readouterr().out
    assert "2 of 2 members are finished" in said
    assert "an ensemble of 2 trained models" in said


def test_a_new_table_is_predicted_by_the_average(unbroken: Path, study: Path, tmp_path: Path) -> None:
    flags = {"model": unbroken, "table": study / "table.biom", "output": tmp_path / "new.tsv"}
    assert run_command("predict", **flags) == 0
    new, own = read_columns(tmp_path / "new.tsv"), read_columns(unbroken / "test_predictions.tsv")
    row_of = {sample_id: row for row, sample_id in enumerate(new["sample-id"])}
    rows = [row_of[sample_id] for sample_id in own["sample-id"]]
    for name in ("predicted", "predicted_low", "predicted_high"):
        assert new[name][rows].astype(float) == pytest.approx(own[name].astype(float), rel=1e-5)


def test_resuming_the_second_member_gives_the_same_bytes(
    unbroken: Path, study: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = tmp_path / "run"
    forward = ["--resume-from", str(folder)]
    original, steps = TrainingModule.training_step, []

    def counted(*given: object) -> object:
        steps.append(1)
        if len(steps) == 7:
            signal.raise_signal(signal.SIGTERM)
        return original(*given)  # type: ignore[arg-type]

    handlers = [signal.getsignal(each) for each in SIGNALS]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(TrainingModule, "training_step", counted)
        assert run_command("train", *arguments(study, folder), small=False) == 75
    assert [signal.getsignal(each) for each in SIGNALS] == handlers
    advice = f"error: stopped in member 2 of 2; resume with: aam train --resume-from {folder}\n"
    assert capsys.readouterr().err == advice
    assert [path.parent.name for path in folder.glob("members/*/finished.json")] == ["1"]
    path = folder / "val_samples.txt"
    text = path.read_text()
    path.write_text(text.split("\n", 1)[1])
    assert run_command("train", *forward, small=False) == 2
    assert "val_samples.txt: does not hold the samples of members/1; start a new run" in capsys.readouterr().err
    path.write_text(text)
    assert run_command("train", *forward, small=False) == 0
    assert "member 1 of 2 (members/1): already finished" in capsys.readouterr().out
    for name in RESULTS:
        assert (folder / name).read_bytes() == (unbroken / name).read_bytes()
    record = read_record(folder / DATA)
    # The try with another list of samples was refused before it was noted.
    assert (len(record["parts"]), len(record["resumed"])) == (2, 1)


def test_inputs_may_vanish_while_the_last_member_trains(study: Path, tmp_path: Path) -> None:
    copy = Path(shutil.copytree(study, tmp_path / "study"))
    original, sheet = TrainingModule.training_step, copy / "metadata.tsv"

    def without_its_sheet(*given: object) -> object:
        if (tmp_path / "run" / "members" / "2" / DATA).exists():
            sheet.unlink(missing_ok=True)
        return original(*given)  # type: ignore[arg-type]

    digest = sha256_file(sheet)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(TrainingModule, "training_step", without_its_sheet)
        assert run_command("train", *arguments(copy, tmp_path / "run"), small=False) == 0
    assert not sheet.exists()
    recorded = read_record(tmp_path / "run" / DATA)["inputs"]
    assert digest in [item["sha256"] for item in recorded]


def test_mistakes_leave_room_and_an_ensemble_is_no_encoder(
    unbroken: Path, train: Run, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert train(ensemble=2, best_metric="accuracy") == 2
    assert not (tmp_path / "run").exists()
    capsys.readouterr()
    assert train(pretrained_encoder=unbroken) == 2
    assert "holds an ensemble of 2 models; one is needed, such as members/1 of its run" in capsys.readouterr().err
