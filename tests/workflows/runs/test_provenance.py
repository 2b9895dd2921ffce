from __future__ import annotations

import subprocess
from importlib import metadata
from pathlib import Path
from typing import Any

import pytest

from aam.config import TrainConfig, from_flat, replace, to_flat
from aam.files.atomic import sha256_file
from aam.log import logging_to_terminal
from aam.runs.directory import RunDirectory
from aam.runs.record_schema import differences
from aam.workflows.runs.provenance import (
    NOT_THE_SAME,
    SAME,
    changes_in,
    circumstances,
    commit,
    full_environment,
    log_changes,
    origin,
    parent_model,
    promise,
)

DATA = "data.json"


def config(**options: Any) -> TrainConfig:
    needed = {"table": ["t.biom"], "metadata": "m.tsv", "metadata_column": "age", "output_dir": "run"}
    return from_flat(TrainConfig, {**needed, "learners": "network", **options})


def test_the_commit_is_that_of_git() -> None:
    root = Path(__file__).resolve().parents[3]
    done = subprocess.run(["git", "-C", str(root), "rev-parse", "HEAD"], capture_output=True, text=True, check=False)
    if done.returncode:
        pytest.skip("not in a git repository")
    assert commit().removesuffix("-dirty") == done.stdout.strip()


def test_the_commit_is_known_without_an_installation(monkeypatch: pytest.MonkeyPatch) -> None:
    known = commit()

    def missing(name: str) -> metadata.Distribution:
        raise metadata.PackageNotFoundError(name)

    monkeypatch.setattr(metadata, "distribution", missing)
    commit.cache_clear()
    assert commit() == known


@pytest.mark.parametrize(
    ("options", "device", "processes", "changes", "words"),
    [
        ({}, "cpu", 1, [], SAME),
        ({"mixed_precision": "none"}, "cpu", 1, [], SAME),
        ({}, "cuda", 1, [], f"{NOT_THE_SAME}it computed on a GPU."),
        ({"mixed_precision": "bf16"}, "cpu", 2, [], f"{NOT_THE_SAME}it computed in 2 processes, in bf16 precision."),
        ({"compile_model": True}, "cuda", 1, [], f"{NOT_THE_SAME}it computed on a GPU, with compiled layers."),
        ({}, "cpu", 1, ["lr"], f"{NOT_THE_SAME}its options were changed when resuming."),
    ],
)
def test_a_run_says_what_repeating_it_promises(
    options: dict[str, object], device: str, processes: int, changes: list[str], words: str
) -> None:
    assert promise(config(**options), device, processes, changes) == words


def test_the_parent_is_named_by_the_checksum_of_its_weights(tmp_path: Path) -> None:
    weights = tmp_path / "model" / "model.safetensors"
    weights.parent.mkdir()
    weights.write_bytes(b"weights")
    found = parent_model(config(pretrained_encoder=str(tmp_path)))
    assert found == {"path": str(tmp_path), "sha256": sha256_file(weights)}
    assert parent_model(config()) is None


@pytest.fixture
def began(tmp_path: Path) -> TrainConfig:
    """The options of a run that was begun in a folder, as they are when it is resumed."""
    folder = str(tmp_path / "run")
    own = config(output_dir=folder, lr=0.1, epochs=5)
    run = RunDirectory(tmp_path / "run")
    run.path.mkdir()
    run.write_config("train", {**to_flat(own), "resume_from": None})
    run.write_json(DATA, origin(own, "aam train ...", DATA))
    return replace(own, resume_from=folder)


def test_a_new_run_has_one_command_and_no_change(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    part = circumstances(config(), "aam train ...")
    expected = {"command": "aam train ...", "folder": str(tmp_path), "resumed": [], "changes": [], "parts": [part]}
    assert origin(config(), "aam train ...", DATA) == expected


def test_a_resumed_run_keeps_its_first_command(began: TrainConfig) -> None:
    assert began.run.resume_from is not None
    run = RunDirectory(began.run.resume_from)
    for number in (1, 2):
        found = origin(began, f"aam train --resume-from {number}", DATA)
        run.write_json(DATA, found)
    assert found["command"] == "aam train ..."
    assert found["resumed"] == ["aam train --resume-from 1", "aam train --resume-from 2"]
    assert found["changes"] == []


def test_changes_are_kept_and_a_repeated_one_is_told_once(began: TrainConfig) -> None:
    assert began.run.resume_from is not None
    run = RunDirectory(began.run.resume_from)
    changed = replace(began, lr=0.2, num_workers=3)
    assert [str(change) for change in changes_in(changed, run)] == ["--lr 0.1 -> 0.2"]
    for _ in range(2):  # killed before its configuration was written, the run is resumed in the same way
        run.write_json(DATA, origin(changed, "again", DATA))
    run.write_config("train", {**to_flat(changed), "resume_from": None})
    found = origin(replace(changed, epochs=9), "once more", DATA)
    assert found["changes"] == [
        {"option": "lr", "before": 0.1, "after": 0.2},
        {"option": "epochs", "before": 5, "after": 9},
    ]


def test_a_start_that_differs_ends_the_promise(began: TrainConfig, capsys: pytest.CaptureFixture[str]) -> None:
    assert began.run.resume_from is not None
    run = RunDirectory(began.run.resume_from)
    with logging_to_terminal():
        log_changes(began, run)
    assert capsys.readouterr().out == ""
    same = origin(began, "second", DATA)
    assert [part["command"] for part in same["parts"]] == ["aam train ...", "second"]
    assert promise(began, "cpu", 1, [], same["parts"]) == SAME
    same["parts"][1]["environment"] = {**same["parts"][1]["environment"], "torch": "1.0"}
    same["parts"][1] |= {"processes": 2, "device": "tpu"}
    run.write_json(DATA, same)
    with logging_to_terminal():
        log_changes(began, run)
    told = capsys.readouterr().out
    assert f"(torch 1.0 -> {metadata.version('torch')}, device tpu -> " in told
    number = "resuming with a different number of processes (2 -> 1): same results except for "
    assert f"{number}dropout, which each process draws for itself, and rounding\n" in told
    with logging_to_terminal():
        log_changes(replace(began, dropout=0), run)
    assert f"{number}rounding\n" in capsys.readouterr().out
    found = origin(began, "third", DATA)
    assert len(found["parts"]) == 3
    said = promise(began, "cpu", 1, [], found["parts"])
    assert said.startswith(f"{NOT_THE_SAME}it was resumed in a different environment (")
    assert "processes 1 -> 2 -> 1" in said


def test_an_older_record_says_what_it_knows_of_the_first_start(began: TrainConfig) -> None:
    assert began.run.resume_from is not None
    run = RunDirectory(began.run.resume_from)
    old = {"command": "first", "processes": 2, "environment": {**full_environment(), "torch": "1.0"}}
    run.write_json(DATA, old)
    found = origin(began, "second", DATA)
    assert [part["command"] for part in found["parts"]] == ["first", "second"]
    assert set(differences(found["parts"])) == {"torch", "processes"}
