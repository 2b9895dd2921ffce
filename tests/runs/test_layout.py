from __future__ import annotations

import ast
import os
from pathlib import Path

import pytest

from aam.errors import InputError
from aam.runs.layout import LOCK, WRITTEN, check_output_dir, check_room, clear, is_run_directory

ROOT = Path(__file__).resolve().parents[2]


def make_run(folder: Path, *more: str) -> Path:
    """An unfinished run with further files."""
    folder.mkdir()
    (folder / "config.yaml").write_text("command: train\nlr: 0.1\n")
    for name in ("log.txt", *more):
        (folder / name).write_text("x")
    return folder


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


@pytest.mark.parametrize("command", ["train", "pretrain"])
@pytest.mark.parametrize("other", ["log.txt", "data.json", "finished.json"])
def test_a_run_has_its_options_and_something_else_of_its_own(tmp_path: Path, command: str, other: str) -> None:
    (tmp_path / "config.yaml").write_text(f"command: {command}\nlr: 0.1\n")
    assert not is_run_directory(tmp_path), "options that somebody wrote to begin a run with"
    (tmp_path / other).write_text("x")
    assert is_run_directory(tmp_path)


@pytest.mark.parametrize("content", ["port: 80\n", "command: predict\n", "a: |\n  command: train\n", ""])
def test_a_configuration_of_something_else_makes_no_run(tmp_path: Path, content: str) -> None:
    for name in ("data.json", "log.txt", "finished.json", "table.biom"):
        (tmp_path / name).write_text("x")
    (tmp_path / "config.yaml").write_text(content)
    with pytest.raises(InputError, match="not empty and does not contain a run; choose another --output-dir"):
        check_room(tmp_path, overwrite=True, inputs=())


def test_what_no_run_wrote_is_named_and_kept(tmp_path: Path) -> None:
    run = make_run(tmp_path / "run", "thesis.txt", "nonfinite-7.json", "zebra.txt")
    with pytest.raises(
        InputError, match=r"run: holds thesis\.txt, which is not a file of a run .*; choose another --output-dir"
    ):
        check_room(run, overwrite=True, inputs=())
    clear(run)
    assert names(run) == ["log.txt", "thesis.txt", "zebra.txt"]


@pytest.mark.parametrize("given", ["run/model", "run/../run/data.json", "link", "run"])
def test_an_input_of_the_new_run_is_not_removed(tmp_path: Path, given: str) -> None:
    run = make_run(tmp_path / "run", "data.json")
    (run / "model").mkdir()
    (tmp_path / "link").symlink_to(run / "data.json")
    (tmp_path / "table.biom").write_text("x")
    check_room(run, overwrite=True, inputs=[tmp_path / "table.biom"])
    with pytest.raises(InputError, match="which the new run is to read; choose another"):
        check_room(run, overwrite=True, inputs=[tmp_path / "table.biom", tmp_path / given])


def test_what_is_cleared_is_a_run_until_the_end(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    run, real, seen = make_run(tmp_path / "run", "finished.json", "data.json", "metrics.csv"), Path.unlink, []

    def unlink(path: Path, missing_ok: bool = False) -> None:
        seen.append((path.name, is_run_directory(run)))
        real(path, missing_ok)

    monkeypatch.setattr(Path, "unlink", unlink)
    clear(run)
    assert [name for name, _ in seen] == ["finished.json", "data.json", "metrics.csv", "config.yaml"]
    assert all(is_run for _, is_run in seen)


def test_looking_ahead_makes_nothing(tmp_path: Path) -> None:
    for folder in (tmp_path / "deep" / "run", tmp_path):
        check_output_dir(folder, overwrite=False, inputs=())
    assert not names(tmp_path)
    (tmp_path / "file").write_text("")
    for folder in (tmp_path / "file", tmp_path / "file" / "run"):
        with pytest.raises(InputError, match=r"cannot be written .*file is not a folder"):
            check_output_dir(folder, overwrite=False, inputs=())
    with pytest.raises(InputError, match="holds an unfinished run already"):
        check_output_dir(make_run(tmp_path / "run"), overwrite=False, inputs=())


@pytest.mark.skipif(os.geteuid() == 0, reason="root writes everywhere")
def test_looking_ahead_at_a_read_only_folder(tmp_path: Path) -> None:
    tmp_path.chmod(0o500)
    with pytest.raises(InputError, match="cannot be written"):
        check_output_dir(tmp_path / "run", overwrite=False, inputs=())


def test_the_manual_lists_every_name() -> None:
    page = (ROOT / "docs" / "formats.md").read_text()
    assert [name for name in WRITTEN if name.split("*")[0] not in page] == []


def test_every_file_name_is_written_once() -> None:
    """Only the layout spells the name of a run's file; all others import it."""
    files = {name for name in (*WRITTEN, LOCK) if "." in name}
    modules = [path for path in (ROOT / "aam").rglob("*.py") if path.name != "layout.py"]
    found = {
        (path.name, node.value)
        for path in modules
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.Constant) and node.value in files
    }
    assert found == set()
