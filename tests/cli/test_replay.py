from __future__ import annotations

import json
import shlex
from pathlib import Path
from typing import Any

import pytest

from aam.cli.main import main
from aam.cli.options import parse
from aam.config import to_flat
from aam.files.atomic import sha256_file
from aam.runs.directory import RunDirectory, environment


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with an input, in which a run was started and which is the current one."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "t.biom").write_bytes(b"table")
    return tmp_path


def write_run(folder: Path, **changes: Any) -> Path:
    run = RunDirectory(folder / "my run")
    run.path.mkdir()
    words = ["--table", "t.biom", "--output-dir", "my run"]
    run.write_config("pretrain", to_flat(parse("pretrain", words).config))
    table = folder / "t.biom"
    record = {
        "command": shlex.join(["aam", "pretrain", *words]),
        "folder": str(folder),
        "inputs": [{"path": "t.biom", "bytes": 5, "sha256": sha256_file(table)}],
        "environment": environment(),
        "changes": [],
        "promise": "Repeated on this machine with the same versions, this run gives the same bytes.",
    }
    run.write_json("data.json", {**record, **changes})
    return run.path


def replay(path: Path, capsys: pytest.CaptureFixture[str], *words: str) -> tuple[str, str]:
    assert main(["replay", str(path), *words]) == 0
    said = capsys.readouterr()
    return said.out, said.err


def test_the_command_has_the_options_of_the_run(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run = write_run(folder)
    said, notes = replay(run, capsys)
    assert notes == ""
    command, *words = shlex.split(said)[1:]
    again = parse(command, words).config
    assert again.run.output_dir == folder / "my run-again"
    assert {**to_flat(again), "output_dir": "my run"} == to_flat(
        parse("pretrain", ["--config", f"{run}/config.yaml"]).config
    )


def test_from_another_folder_it_goes_to_where_the_paths_lead(
    folder: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    run = write_run(folder)
    (folder / "elsewhere").mkdir()
    monkeypatch.chdir(folder / "elsewhere")
    said, notes = replay(run, capsys)
    assert said.startswith(f"cd {folder} && aam pretrain --config ")
    assert notes == ""


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"environment": {**environment(), "torch": "1.0"}}, "note: the run was made with torch 1.0 (now "),
        ({"changes": [{"option": "lr", "before": 1, "after": 2}]}, "note: --lr changed after the run had begun"),
        (
            {"parts": [{"environment": {**environment(), "torch": name}} for name in ("1.0", "1.1")]},
            "note: the run was made with torch 1.0 and 1.1 (now ",
        ),
        ({"promise": "Not the same bytes: it computed on a GPU."}, "note: Not the same bytes: it computed on a GPU."),
    ],
)
def test_what_stands_in_the_way_is_told(
    changes: dict[str, Any], words: str, folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    said, notes = replay(write_run(folder, **changes), capsys)
    assert said.startswith("aam pretrain ")
    assert notes.startswith(words)
    assert len(notes.splitlines()) == 1


@pytest.mark.parametrize("content", [b"tabla", None])
def test_inputs_that_are_not_what_they_were(
    content: bytes | None, folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run = write_run(folder)
    (folder / "t.biom").unlink() if content is None else (folder / "t.biom").write_bytes(content)
    assert "note: 1 input missing or changed since the run: t.biom" in replay(run, capsys)[1]
    assert replay(run, capsys, "--no-check-inputs")[1] == ""


def test_changes_do_not_hide_other_circumstances(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    parts = [{"device": device, "environment": environment()} for device in ("cpu", "cuda")]
    changes = [{"option": "lr", "before": 1, "after": 2}]
    notes = replay(write_run(folder, parts=parts, changes=changes), capsys)[1]
    assert "note: it was resumed in another environment (device cpu -> cuda)" in notes


def test_a_name_that_is_free_is_chosen(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run = write_run(folder)
    for name in ("my run-again", "my run-again-2"):
        (folder / name).mkdir()
    assert shlex.split(replay(run, capsys)[0])[-1] == str(folder / "my run-again-3")


@pytest.mark.parametrize(
    "changes",
    [
        {"folder": 3},
        {"environment": []},
        {"inputs": [1]},
        {"inputs": [{"path": "t.biom"}]},
        {"changes": [{}]},
        {"parts": [{"environment": 3}]},
        {"promise": 1},
    ],
)
def test_a_damaged_record(changes: dict[str, Any], folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run = write_run(folder)
    record = json.loads((run / "data.json").read_text())
    (run / "data.json").write_text(json.dumps({**record, **changes}))
    assert main(["replay", str(run)]) == 2
    assert "data.json: damaged: a part of the record of the run is wrong" in capsys.readouterr().err


def test_what_is_no_run(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["replay", str(folder)]) == 2
    assert "there is no run to repeat (config.yaml is missing)" in capsys.readouterr().err
    run = write_run(folder)
    (run / "data.json").write_text(json.dumps([1]))
    assert main(["replay", str(run)]) == 2
    assert "data.json: damaged" in capsys.readouterr().err
