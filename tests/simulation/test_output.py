from __future__ import annotations

import errno
import os
from pathlib import Path

import pytest

from aam.errors import InputError, RunError
from aam.simulation.output import FILES, staged_output


def fill(folder: Path, text: str = "new") -> None:
    for name in FILES:
        (folder / name).write_text(text)


def write_and_fail(output_dir: Path, error: BaseException) -> None:
    with staged_output(output_dir, overwrite=True, expected_bytes=10) as folder:
        fill(folder)
        raise error


def names(folder: Path) -> set[str]:
    return {path.name for path in folder.iterdir()}


def test_files_appear_together_at_the_end(tmp_path: Path) -> None:
    out = tmp_path / "a" / "b"
    with staged_output(out, overwrite=False, expected_bytes=10) as folder:
        fill(folder)
        assert not names(out) & set(FILES)
    assert names(out) == set(FILES)


def test_nothing_is_left_of_a_failure(tmp_path: Path) -> None:
    with pytest.raises(KeyboardInterrupt):
        write_and_fail(tmp_path / "out", KeyboardInterrupt())
    assert not (tmp_path / "out").exists()


def test_a_failure_keeps_what_was_there(tmp_path: Path) -> None:
    fill(tmp_path, "old")
    with pytest.raises(KeyError):
        write_and_fail(tmp_path, KeyError())
    assert names(tmp_path) == set(FILES)
    assert {(tmp_path / name).read_text() for name in FILES} == {"old"}


def test_content_is_refused_without_overwrite(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("mine")
    with pytest.raises(InputError, match=r"not empty \(1 items, first notes.txt\); give --overwrite") as caught:
        staged_output(tmp_path, overwrite=False, expected_bytes=10).__enter__()
    assert caught.value.exit_code == 2
    with staged_output(tmp_path, overwrite=True, expected_bytes=10) as folder:
        fill(folder)
    assert (tmp_path / "notes.txt").read_text() == "mine"


def test_a_table_that_is_not_simulated_is_never_replaced(tmp_path: Path) -> None:
    (tmp_path / "table.biom").write_text("precious")
    with pytest.raises(InputError, match=r"table\.biom, which is not from a simulation"):
        staged_output(tmp_path, overwrite=True, expected_bytes=10).__enter__()
    assert (tmp_path / "table.biom").read_text() == "precious"


def test_a_file_in_the_place_of_the_folder(tmp_path: Path) -> None:
    (tmp_path / "out").write_text("")
    with pytest.raises(InputError, match="cannot be written"):
        staged_output(tmp_path / "out", overwrite=True, expected_bytes=10).__enter__()


def test_leftovers_of_killed_runs_are_removed(tmp_path: Path) -> None:
    for process in ("999999999", "x", str(os.getpid())):
        (tmp_path / f".aam.tmp-{process}").mkdir()
        (tmp_path / f".aam.tmp-{process}" / "table.biom").write_text("half")
    with staged_output(tmp_path, overwrite=False, expected_bytes=10) as folder:
        fill(folder)
    assert names(tmp_path) == set(FILES)


def test_a_run_in_progress_is_respected(tmp_path: Path) -> None:
    (tmp_path / f".aam.tmp-{os.getppid()}").mkdir()
    with pytest.raises(InputError, match="is writing here"):
        staged_output(tmp_path, overwrite=True, expected_bytes=10).__enter__()


def test_room_is_looked_at_first(tmp_path: Path) -> None:
    with pytest.raises(RunError, match="not enough disk space") as caught:
        staged_output(tmp_path / "out", overwrite=False, expected_bytes=10**18).__enter__()
    assert caught.value.exit_code == 3
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    "error", [OSError(errno.ENOSPC, "No space left"), OSError("flush failed: errno = 28, buf = 0")]
)
def test_a_full_disk_is_one_line(tmp_path: Path, error: OSError) -> None:
    with pytest.raises(RunError, match=r"cannot write: No space left on device$"):
        write_and_fail(tmp_path / "out", error)
    assert not (tmp_path / "out").exists()
