from __future__ import annotations

import hashlib
import os
import resource
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

import pytest

from aam.errors import InputError, RunError
from aam.files import atomic
from aam.files.atomic import atomic_write, read_json, sha256_file, write_json, write_text

ROOT = Path(__file__).resolve().parents[2]


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_a_file_takes_its_name_at_the_end(tmp_path: Path) -> None:
    path = tmp_path / "a.txt"
    with atomic_write(path) as file:
        file.write("ü\n")
        file.flush()
        assert not path.exists()
        assert len(names(tmp_path)) == 1
    assert path.read_bytes() == "ü\n".encode()
    assert names(tmp_path) == ["a.txt"]


def test_bytes(tmp_path: Path) -> None:
    with atomic_write(tmp_path / "b", mode="w+b") as file:
        file.write(b"\r\n\0")
        file.seek(0)
        assert file.read() == b"\r\n\0"
    assert (tmp_path / "b").read_bytes() == b"\r\n\0"


class Stop(Exception):
    pass


def write_half(file: IO[str], error: type[BaseException]) -> None:
    file.write("half of the new")
    raise error


@pytest.mark.parametrize("error", [Stop, KeyboardInterrupt, ValueError])
@pytest.mark.parametrize("old", [None, "the old one"])
def test_an_exception_leaves_the_old_file_and_nothing_else(
    tmp_path: Path, error: type[BaseException], old: str | None
) -> None:
    path = tmp_path / "a.txt"
    if old is not None:
        path.write_text(old)
    with pytest.raises(error), atomic_write(path) as file:
        write_half(file, error)
    assert names(tmp_path) == ([] if old is None else ["a.txt"])
    assert old is None or path.read_text() == old


@contextmanager
def file_size_limit(size: int) -> Iterator[None]:
    """No file of this process can grow beyond this size, as on a disk that is full."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


@pytest.mark.parametrize("size", [90_000, 3_000_000])
def test_a_full_disk_leaves_the_old_file_and_one_line(tmp_path: Path, size: int) -> None:
    path = tmp_path / "a.txt"
    path.write_text("the old one")
    with pytest.raises(RunError, match=r"a\.txt: cannot be written \(File too large\)"), file_size_limit(65_536):
        write_text(path, "x" * size)
    assert path.read_text() == "the old one"
    assert names(tmp_path) == ["a.txt"]


def test_a_killed_process_leaves_the_old_file(tmp_path: Path) -> None:
    path = tmp_path / "a.txt"
    path.write_text("the old one")
    program = (
        "import os, sys; from aam.files.atomic import atomic_write\n"
        "with atomic_write(sys.argv[1]) as file:\n    file.write('half'); file.flush(); os.kill(os.getpid(), 9)"
    )
    killed = subprocess.run([sys.executable, "-c", program, str(path)], cwd=ROOT, check=False, timeout=60)
    assert killed.returncode == -9
    assert path.read_text() == "the old one"
    write_text(path, "new")
    assert path.read_text() == "new"


def test_the_content_is_on_the_disk_before_the_name_is(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path, done = tmp_path / "a.txt", []
    real = os.fsync

    def fsync(descriptor: int) -> None:
        done.append("folder" if os.path.isdir(f"/proc/self/fd/{descriptor}") else f"file, {path.exists()}")  # noqa: PTH112
        real(descriptor)

    monkeypatch.setattr(os, "fsync", fsync)
    write_text(path, "x")
    assert done == ["file, False", "folder"]


def test_a_folder_that_cannot_be_synced_is_no_failure(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(atomic, "NO_FOLDER_SYNC", {5, *atomic.NO_FOLDER_SYNC})
    real = os.fsync

    def fsync(descriptor: int) -> None:
        if os.path.isdir(f"/proc/self/fd/{descriptor}"):  # noqa: PTH112
            raise OSError(5, "no sync here")
        real(descriptor)

    monkeypatch.setattr(os, "fsync", fsync)
    write_text(tmp_path / "a.txt", "x")
    monkeypatch.setattr(atomic, "NO_FOLDER_SYNC", set())
    with pytest.raises(RunError, match="no sync here"):
        write_text(tmp_path / "a.txt", "y")


def test_what_is_not_a_file_is_not_replaced(tmp_path: Path) -> None:
    (tmp_path / "folder").mkdir()
    for path in (tmp_path / "folder", Path("/dev/null")):
        with pytest.raises(InputError, match="not a file that could be replaced"), atomic_write(path):
            pass
    assert names(tmp_path) == ["folder"]


@pytest.mark.parametrize("where", ["absent/a.txt", "file/a.txt"])
def test_no_folder_to_write_to(tmp_path: Path, where: str) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(RunError, match="cannot be written"):
        write_text(tmp_path / where, "x")


def test_an_error_of_another_file_is_not_blamed_on_this_one(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError), atomic_write(tmp_path / "a.txt"):
        (tmp_path / "other.txt").read_text()
    assert names(tmp_path) == []


def test_a_link_is_replaced_and_not_followed(tmp_path: Path) -> None:
    (tmp_path / "other.txt").write_text("mine")
    (tmp_path / "a.txt").symlink_to(tmp_path / "other.txt")
    write_text(tmp_path / "a.txt", "new")
    assert (tmp_path / "other.txt").read_text() == "mine"
    assert (tmp_path / "a.txt").read_text() == "new"


def test_json(tmp_path: Path) -> None:
    content = {"name": "ü", "values": [1, 2.5, None, True]}
    write_json(tmp_path / "a.json", content)
    assert (tmp_path / "a.json").read_text().endswith("}\n")
    assert read_json(tmp_path / "a.json") == content


@pytest.mark.parametrize("content", [b"", b"{", b"\xff\xfe", b"[" * 100_000])
def test_what_is_not_json(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "a.json").write_bytes(content)
    with pytest.raises(InputError, match=r"a\.json: is not JSON"):
        read_json(tmp_path / "a.json")
    with pytest.raises(InputError, match="cannot be read"):
        read_json(tmp_path / "absent.json")


def test_sha256(tmp_path: Path) -> None:
    content = bytes(range(256)) * 10_000
    (tmp_path / "a").write_bytes(content)
    assert len(content) > 2 * atomic.BLOCK_BYTES
    assert sha256_file(tmp_path / "a") == hashlib.sha256(content).hexdigest()
