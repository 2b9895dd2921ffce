from __future__ import annotations

import os
from pathlib import Path

import pytest

from aam.errors import InputError
from aam.runs.outputs import check_apart, check_outputs


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A table, a model folder, and a run with a model."""
    (tmp_path / "table.tsv").write_text("x")
    for place in (tmp_path / "model", tmp_path / "run" / "model"):
        place.mkdir(parents=True)
        (place / "model.safetensors").write_text("x")
        (place / "config.json").write_text("x")
    (tmp_path / "run" / "config.yaml").write_text("command: train\n")
    (tmp_path / "run" / "log.txt").write_text("x")
    (tmp_path / "hard.tsv").hardlink_to(tmp_path / "table.tsv")
    (tmp_path / "soft.tsv").symlink_to(tmp_path / "table.tsv")
    return tmp_path


@pytest.mark.parametrize("name", ["table.tsv", "hard.tsv", "soft.tsv", "model/../table.tsv"])
@pytest.mark.parametrize("given", ["table.tsv", "hard.tsv", "soft.tsv"])
def test_an_input_is_no_output_by_any_name(folder: Path, name: str, given: str) -> None:
    with pytest.raises(InputError, match=r"is an input of this command, which would be lost; choose another name"):
        check_outputs([folder / "new.tsv", folder / name], [folder / given], overwrite=True)


@pytest.mark.parametrize("given", ["model", "model/model.safetensors"])
def test_files_of_the_model_that_is_read_are_no_output(folder: Path, given: str) -> None:
    with pytest.raises(InputError, match=r"config.json: lies in model, which this command reads"):
        check_apart([folder / "model" / "config.json"], [folder / given])
    check_apart([folder / "model" / "new.tsv", folder / "new.json"], [folder / given])


@pytest.mark.parametrize("name", ["config.yaml", "model/config.json", "model/new.tsv", "coverage.json", "log.txt"])
def test_what_a_run_writes_is_no_output_of_another_command(folder: Path, name: str) -> None:
    with pytest.raises(InputError, match=r"is of the run run; choose another name"):
        check_apart([folder / "run" / name], [])


def test_predictions_may_lie_in_the_folder_of_the_run(folder: Path) -> None:
    output = folder / "run" / "new-samples.tsv"
    for _ in range(2):  # and replace those of before
        check_outputs([output], [folder / "run", folder / "table.tsv"], overwrite=True)
        output.write_text("x")


def test_two_outputs_have_two_names(folder: Path) -> None:
    with pytest.raises(InputError, match="would be written twice"):
        check_apart([folder / "a.tsv", folder / "run" / ".." / "a.tsv"], [])


def test_an_input_that_is_not_there_is_for_its_reader_to_refuse(folder: Path) -> None:
    check_apart([folder / "a.tsv"], [folder / "nothing"])


@pytest.mark.parametrize(
    ("name", "overwrite", "problem"),
    [
        ("model", True, "is a folder"),
        ("table.tsv", False, "exists already; --overwrite"),
        ("nowhere/a.tsv", True, "folder .*nowhere does not exist; create it first"),
        ("table.tsv/a.tsv", True, "does not exist; create it first"),
        ("a" * 250 + ".tsv", True, r"cannot be written \(File name too long\)"),
    ],
)
def test_what_would_fail_at_the_end_is_refused(folder: Path, name: str, overwrite: bool, problem: str) -> None:
    before = sorted(folder.rglob("*"))
    with pytest.raises(InputError, match=problem):
        check_outputs([folder / name], [], overwrite=overwrite)
    assert sorted(folder.rglob("*")) == before


def test_a_device_is_no_output() -> None:
    with pytest.raises(InputError, match="is not a file that could be replaced"):
        check_outputs([Path(os.devnull)], [], overwrite=True)
