"""The folder of a command's results: all files or none, nobody else's file touched."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from aam.errors import InputError
from aam.runs.result_folder import read_record, result_folder
from aam.version import __version__

RECORD = "explanation.json"


def written(folder: Path, files: dict[str, str], *, overwrite: bool = False) -> None:
    with result_folder(folder, RECORD, overwrite=overwrite) as staged:
        for name, text in files.items():
            (staged.path / name).parent.mkdir(exist_ok=True, parents=True)
            (staged.path / name).write_text(text)
        staged.record["seed"] = 42


def content(folder: Path) -> list[str]:
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file())


def test_the_record_lists_all_files(tmp_path):
    written(tmp_path / "out", {"a.tsv": "1", "figures/b.svg": "2"})
    assert content(tmp_path / "out") == ["a.tsv", RECORD, "figures/b.svg"]
    record = read_record(tmp_path / "out", RECORD)
    files = ["a.tsv", "figures/b.svg", RECORD]
    assert record == {"by": "aam explain", "version": __version__, "seed": 42, "files": files}


def test_overwriting_removes_the_earlier_result_alone(tmp_path):
    written(tmp_path, {"a.tsv": "1", "old.tsv": "2", "figures/old.pdf": "3"})
    (tmp_path / "notes.txt").write_text("mine")
    (tmp_path / "figures" / "mine.pdf").write_text("mine")
    written(tmp_path, {"a.tsv": "3"}, overwrite=True)
    assert content(tmp_path) == ["a.tsv", RECORD, "figures/mine.pdf", "notes.txt"]
    assert (tmp_path / "a.tsv").read_text() == "3"


def test_another_file_of_the_name_stays(tmp_path):
    (tmp_path / "a.tsv").write_text("mine")
    with pytest.raises(InputError, match="not of an earlier explanation"):
        written(tmp_path, {"a.tsv": "3"}, overwrite=True)
    assert content(tmp_path) == ["a.tsv"]


def test_a_filled_folder_needs_overwrite(tmp_path):
    (tmp_path / "notes.txt").write_text("mine")
    with pytest.raises(InputError, match="not empty"):
        written(tmp_path, {"a.tsv": "1"})


def test_a_failure_leaves_the_earlier_result(tmp_path):
    written(tmp_path, {"a.tsv": "1"})
    with pytest.raises(TypeError):
        written(tmp_path, {"a.tsv": "half", "b.tsv": 5}, overwrite=True)
    assert content(tmp_path) == ["a.tsv", RECORD]
    assert (tmp_path / "a.tsv").read_text() == "1"


def test_a_record_names_no_file_elsewhere(tmp_path):
    outside = tmp_path / "outside.txt"
    outside.write_text("mine")
    folder = tmp_path / "out"
    written(folder, {"a.tsv": "1"})
    (folder / RECORD).write_text(json.dumps({"files": ["../outside.txt", str(outside), RECORD, "a.tsv"]}))
    written(folder, {"b.tsv": "1"}, overwrite=True)
    assert outside.read_text() == "mine"
    assert content(folder) == ["b.tsv", RECORD]


def test_a_damaged_record_is_refused(tmp_path):
    written(tmp_path, {"a.tsv": "1"})
    (tmp_path / RECORD).write_text("[]")
    with pytest.raises(InputError, match="damaged"):
        written(tmp_path, {"a.tsv": "2"}, overwrite=True)


def test_a_run_directory_is_refused(tmp_path):
    (tmp_path / "config.yaml").write_text("command: train\n")
    (tmp_path / "data.json").write_text("{}")
    with pytest.raises(InputError, match="directory of a run"):
        written(tmp_path, {"a.tsv": "1"}, overwrite=True)
