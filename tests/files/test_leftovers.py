from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from aam.errors import InputError
from aam.files.atomic import is_leftover, is_running, remove_leftovers
from aam.runs.directory import open_run


@pytest.fixture(scope="module")
def gone() -> int:
    """The number of a process that is no more."""
    with subprocess.Popen([sys.executable, "-c", ""]) as process:
        process.wait(timeout=60)
    return process.pid


def test_which_processes_run(gone: int) -> None:
    assert is_running(os.getpid())
    assert is_running(1)
    assert not is_running(gone)
    assert not is_running(1 << 70)


def test_only_what_nobody_writes_any_more_is_removed(tmp_path: Path, gone: int) -> None:
    kept = ["a.txt", ".hidden", f"a.tmp-{gone}", ".a.tmp-", ".a.tmp-1x", ".a.txt.tmp-1"]
    removed = [f".a.txt.tmp-{gone}", f".model.safetensors.tmp-{os.getpid()}", f".writable-{gone}"]
    for name in (*kept, *removed):
        (tmp_path / name).write_text("x")
    (tmp_path / f".folder.tmp-{gone}").mkdir()
    (tmp_path / f".folder.tmp-{gone}" / "part").touch()
    assert is_leftover(tmp_path / ".a.txt.tmp-1")
    remove_leftovers(tmp_path)
    assert {path.name for path in tmp_path.iterdir()} == {*kept, f".folder.tmp-{gone}"}
    remove_leftovers(tmp_path, owned=True)
    assert {path.name for path in tmp_path.iterdir()} == {*kept} - {".a.txt.tmp-1"}
    remove_leftovers(tmp_path / "absent")


def test_a_run_killed_at_its_first_file_begins_again(tmp_path: Path, gone: int) -> None:
    (tmp_path / f".config.yaml.tmp-{gone}").write_text("half")
    with open_run(tmp_path, resume=False, overwrite=False):
        assert [path.name for path in tmp_path.iterdir()] == [".lock"]


def test_a_resumed_run_removes_leftovers(tmp_path: Path, gone: int) -> None:
    with open_run(tmp_path, resume=False, overwrite=False) as run:
        run.write_config("train", {})
    left = [
        run.path / f".metrics.csv.tmp-{gone}",
        run.model / f".model.safetensors.tmp-{gone}",
        run.checkpoints / ".epoch-000001.ckpt.tmp-1",  # of another machine: its number may be another's here
    ]
    for path in left:
        path.parent.mkdir(exist_ok=True)
        path.write_text("half")
    elsewhere = run.path / ".p.tsv.tmp-1"  # `aam predict` that is running
    elsewhere.write_text("half")
    with open_run(tmp_path, resume=True, overwrite=False):
        assert not any(path.exists() for path in left)
        assert elsewhere.exists()


def test_what_a_folder_without_a_run_has_is_not_touched(tmp_path: Path, gone: int) -> None:
    for name in ("thesis.docx", f".thesis.docx.tmp-{gone}"):
        (tmp_path / name).write_text("x")
    with pytest.raises(InputError, match="does not contain a run"), open_run(tmp_path, resume=False, overwrite=True):
        pass
    assert len(list(tmp_path.iterdir())) == 2
