from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from aam.errors import RunError
from aam.files import scratch
from aam.files.scratch import converted, is_on_disk, new_array, scratch_folder


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("AAM_CACHE_DIR", str(tmp_path / "cache"))
    monkeypatch.setattr(scratch, "IN_MEMORY_BYTES", 100)
    return tmp_path / "cache"


def test_small_arrays_stay_in_memory() -> None:
    assert not is_on_disk(new_array(12, np.int64))
    assert is_on_disk(new_array(13, np.int64))


def test_an_array_on_the_disk_has_no_name(folder: Path) -> None:
    values = new_array(1000, np.float64)
    values[:] = np.arange(1000)
    assert list(folder.iterdir()) == []
    assert values.sum() == 499_500


def test_parts_of_an_array_are_on_the_disk(folder: Path) -> None:
    assert is_on_disk(new_array(1000, np.int32)[10:20][::2])
    assert is_on_disk(np.memmap(folder / "file", np.int32, "w+", shape=(5,))[1:])
    assert not is_on_disk(np.arange(5)[1:])


def test_conversion_works_by_blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(scratch, "BLOCK", 7)
    values = np.arange(50, dtype=np.float32)
    found = converted(values, np.int64)
    assert is_on_disk(found)
    assert found.tolist() == list(range(50))
    assert converted(values, np.float32) is values


def test_a_full_disk_is_told_before_anything_is_written(folder: Path) -> None:
    with pytest.raises(RunError, match=r"cache: no room for .* of a large table .*AAM_CACHE_DIR"):
        new_array(1 << 55, np.int64)
    assert list(folder.iterdir()) == []


def test_room_that_is_gone_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    def full(descriptor: int, start: int, size: int) -> None:
        raise OSError(28, os.strerror(28))

    monkeypatch.setattr(os, "posix_fallocate", full)
    with pytest.raises(RunError, match="No space left on device"):
        new_array(1000, np.int64)


def test_a_folder_that_cannot_be_written_is_passed_over(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "file").touch()
    monkeypatch.setenv("AAM_CACHE_DIR", str(tmp_path / "file" / "cache"))
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    monkeypatch.setattr("tempfile.tempdir", None)
    assert scratch_folder() == tmp_path


def test_a_killed_process_leaves_nothing(folder: Path) -> None:
    program = (
        "import os, signal, numpy as np\n"
        "from aam.files import scratch\n"
        "scratch.IN_MEMORY_BYTES = 100\n"
        "scratch.new_array(1000, np.int64)[:] = 1\n"
        "os.kill(os.getpid(), signal.SIGKILL)\n"
    )
    ended = subprocess.run([sys.executable, "-c", program], check=False, cwd=Path(__file__).parents[2])
    assert ended.returncode == -9
    assert list(folder.iterdir()) == []
