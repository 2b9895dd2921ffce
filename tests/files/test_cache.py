from __future__ import annotations

import errno
import os
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest

from aam.errors import InputError
from aam.files import cache as cache_module
from aam.files.array_folder import Parsed, write_folder
from aam.files.cache import CacheCodec, cache_folder, read_through_cache
from aam.models import vector_cache

ROOT = Path(__file__).resolve().parents[2]
FORM: CacheCodec[list[int]] = CacheCodec(
    "numbers", lambda numbers: Parsed({"numbers": np.array(numbers)}, {}), lambda p: p.arrays["numbers"].tolist()
)
CODE = ("data/table.py", "data/readers/biom/hdf5.py", "report/page.py")
READ_IN_A_PROCESS = """
import sys
from pathlib import Path
from aam.config import TableOptions
from aam.data.readers.table import read_cached_table
from aam.files import cache as cache_module
cache_module.FEWEST_BYTES = 0
sys.stdin.readline()
print(read_cached_table(TableOptions(table=(Path(sys.argv[1]),))).counts.sum())
"""


class Reader:
    """Reads a file of numbers, and counts how often."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.times = 0
        self.on_read: Callable[[], object] = lambda: None

    def __call__(self) -> list[int]:
        self.times += 1
        numbers = [int(word) for word in self.path.read_text().split()]
        self.on_read()
        return numbers

    def through_cache(self, **options: object) -> list[int]:
        return read_through_cache(FORM, (self.path,), options, self)


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """An empty cache that keeps small files too."""
    monkeypatch.setenv("AAM_CACHE_DIR", str(tmp_path / "cache"))
    monkeypatch.setattr(cache_module, "FEWEST_BYTES", 0)
    cache_module._warn_once.cache_clear()
    yield tmp_path / "cache"
    cache_module._warn_once.cache_clear()


@pytest.fixture
def reader(tmp_path: Path) -> Reader:
    path = tmp_path / "numbers.txt"
    path.write_text("1 2 3")
    return Reader(path)


def entries(cache: Path) -> list[Path]:
    return sorted(cache.iterdir()) if cache.exists() else []


def test_the_second_reading_is_from_the_cache(cache: Path, reader: Reader) -> None:
    assert [reader.through_cache(), reader.through_cache()] == [[1, 2, 3], [1, 2, 3]]
    assert reader.times == 1
    assert [entry.name.split("-")[0] for entry in entries(cache)] == ["numbers"]


def test_another_content_of_the_same_name_size_and_date_is_read(cache: Path, reader: Reader) -> None:
    reader.through_cache()
    before = reader.path.stat()
    reader.path.write_text("1 2 4")
    os.utime(reader.path, ns=(before.st_atime_ns, before.st_mtime_ns))
    assert reader.path.stat().st_size == before.st_size
    assert reader.through_cache() == [1, 2, 4]


def test_the_same_content_of_another_name_is_found(cache: Path, reader: Reader, tmp_path: Path) -> None:
    reader.through_cache()
    reader.path = reader.path.rename(tmp_path / "others.txt")
    assert reader.through_cache() == [1, 2, 3]
    assert reader.times == 1


@pytest.mark.parametrize("changed", ["option", "code", "version", "layout"])
def test_what_the_result_depends_on(changed: str, cache: Path, reader: Reader, monkeypatch: pytest.MonkeyPatch) -> None:
    reader.through_cache(root="given")
    if changed == "code":
        monkeypatch.setattr(cache_module, "_code_sum", lambda floors: "another")
    elif changed != "option":
        monkeypatch.setattr(cache_module, {"version": "__version__", "layout": "LAYOUT"}[changed], "another")
    reader.through_cache(root="midpoint" if changed == "option" else "given")
    assert reader.times == 2
    assert len(entries(cache)) == 2


@pytest.fixture
def package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A package of reading code in place of ours, with a file two levels down."""
    package = tmp_path / "package"
    for name in ("alphabet.py", "text.py", "files/atomic.py", "phylogeny/tree.py", *CODE):
        (package / name).parent.mkdir(parents=True, exist_ok=True)
        (package / name).write_text("VALUE = 1\n")
    monkeypatch.setattr(cache_module, "PACKAGE", package)
    cache_module._code_sum.cache_clear()
    yield package
    cache_module._code_sum.cache_clear()


@pytest.mark.parametrize(
    ("changed", "times"), [("data/table.py", 2), ("data/readers/biom/hdf5.py", 2), ("report/page.py", 1)]
)
def test_code_two_levels_down_is_part_of_the_key(
    changed: str, times: int, cache: Path, reader: Reader, package: Path
) -> None:
    reader.through_cache()
    (package / changed).write_text("VALUE = 2\n")
    cache_module._code_sum.cache_clear()
    reader.through_cache()
    assert (reader.times, len(entries(cache))) == (times, times)


def test_a_moved_file_of_the_reading_code_changes_the_key(cache: Path, reader: Reader, package: Path) -> None:
    reader.through_cache()
    (package / "data/table.py").rename(package / "data/readers/table.py")
    cache_module._code_sum.cache_clear()
    reader.through_cache()
    assert reader.times == 2


@pytest.mark.parametrize("form", [FORM, vector_cache.FORM], ids=["reading", "vectors"])
def test_every_folder_of_code_is_there(form: CacheCodec[object]) -> None:
    assert [name for name in form.code if not (cache_module.PACKAGE / name).exists()] == []


def test_small_files_are_not_kept(cache: Path, reader: Reader, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cache_module, "FEWEST_BYTES", 6)
    assert reader.through_cache() == [1, 2, 3]
    assert not cache.exists()
    reader.path.write_text("1 2 34")
    reader.through_cache()
    assert len(entries(cache)) == 1


def test_errors_of_the_reader_pass_through(cache: Path, reader: Reader) -> None:
    reader.path.write_text("1 2 x")
    with pytest.raises(ValueError, match="invalid literal"):
        reader.through_cache()
    reader.path.unlink()
    with pytest.raises(FileNotFoundError):
        reader.through_cache()
    assert not cache.exists()


def test_a_file_that_changes_while_it_is_read_is_not_kept(cache: Path, reader: Reader) -> None:
    reader.on_read = lambda: reader.path.write_text("4 5 6")
    assert reader.through_cache() == [1, 2, 3]
    assert entries(cache) == []
    reader.on_read = lambda: None
    assert reader.through_cache() == [4, 5, 6]


@pytest.mark.parametrize("name", ["contents.json", "numbers.npy"])
@pytest.mark.parametrize("damage", ["cut", "changed", "gone"])
def test_a_damaged_entry_is_made_anew(
    damage: str, name: str, cache: Path, reader: Reader, caplog: pytest.LogCaptureFixture
) -> None:
    reader.through_cache()
    path = entries(cache)[0] / name
    content = path.read_bytes()
    path.unlink()
    if damage != "gone":
        changed = content[:-1] if damage == "cut" else content[:-4] + bytes([content[-4] ^ 8]) + content[-3:]
        path.write_bytes(changed)
    assert reader.through_cache() == [1, 2, 3]
    assert [record.levelname for record in caplog.records] == ["WARNING"]
    assert "cannot be used" in caplog.text
    assert reader.through_cache() == [1, 2, 3]
    assert reader.times == 2
    assert len(entries(cache)) == 1


def test_another_process_that_is_faster(cache: Path, reader: Reader, caplog: pytest.LogCaptureFixture) -> None:
    other = Reader(reader.path)
    reader.on_read = other.through_cache
    assert reader.through_cache() == [1, 2, 3]
    assert (reader.times, other.times) == (1, 1)
    assert len(entries(cache)) == 1
    assert reader.through_cache() == [1, 2, 3]
    assert caplog.text == ""


def test_threads_at_once(cache: Path, reader: Reader, caplog: pytest.LogCaptureFixture) -> None:
    found: list[list[int]] = []
    barrier = threading.Barrier(4)
    reader.on_read = lambda: barrier.wait(30)
    threads = [threading.Thread(target=lambda: found.append(reader.through_cache())) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found == [[1, 2, 3]] * 4
    assert len(entries(cache)) == 1
    assert caplog.text == ""


def test_processes_at_once(cache: Path, tmp_path: Path) -> None:
    path = tmp_path / "t.tsv"
    rows = [f"{'ACGT' * 3}{a}{b}\t{i}\t1\n" for i, (a, b) in enumerate((a, b) for a in "ACGT" for b in "ACGT")]
    path.write_text("#OTU ID\ts1\ts2\n" + "".join(rows))
    started = [
        subprocess.Popen(
            [sys.executable, "-c", READ_IN_A_PROCESS, str(path)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            cwd=ROOT,
        )
        for _ in range(3)
    ]
    for process in started:
        assert process.stdin is not None
        process.stdin.write("\n")
        process.stdin.flush()
    said = [process.communicate(timeout=120) for process in started]
    assert said == [(f"{sum(range(16)) + 16}\n", "")] * 3
    assert [entry.name.split("-")[0] for entry in entries(cache)] == ["table"]


def test_a_cache_that_cannot_be_written_is_told_once(
    reader: Reader, cache: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setenv("AAM_CACHE_DIR", str(tmp_path / "numbers.txt" / "cache"))
    assert [reader.through_cache(), reader.through_cache()] == [[1, 2, 3], [1, 2, 3]]
    assert reader.times == 2
    assert len(caplog.records) == 1
    assert "could not be cached" in caplog.text


def test_a_full_disk_leaves_nothing_behind(
    reader: Reader, cache: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def write_a_part(folder: Path, parsed: Parsed) -> None:
        write_folder(folder, parsed)
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(cache_module, "write_folder", write_a_part)
    assert reader.through_cache() == [1, 2, 3]
    assert entries(cache) == []
    assert "No space left on device" in caplog.text


def test_a_read_only_cache_is_read(
    reader: Reader, cache: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise OSError(errno.EROFS, "Read-only file system")

    reader.through_cache()
    for module, name in ((os, "utime"), (cache_module.tempfile, "mkdtemp"), (cache_module.shutil, "rmtree")):
        monkeypatch.setattr(module, name, refuse)
    assert reader.through_cache() == [1, 2, 3]
    assert reader.times == 1
    for numbers in ("4", "5"):
        reader.path.write_text(numbers)
        assert reader.through_cache() == [int(numbers)]
    assert len(caplog.records) == 1
    assert len(entries(cache)) == 1


def test_the_entries_not_used_for_longest_go_first(
    reader: Reader, cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for age, numbers in enumerate(("1", "2", "3")):
        reader.path.write_text(numbers)
        reader.through_cache()
        newest = max(entries(cache), key=lambda entry: (entry / "contents.json").stat().st_mtime)
        os.utime(newest / "contents.json", (age * 1e6, age * 1e6))
    reader.path.write_text("1")
    reader.through_cache()  # the oldest is used again
    size = sum(path.stat().st_size for path in entries(cache)[0].iterdir())
    monkeypatch.setattr(cache_module, "MOST_BYTES", 2 * size + size // 2)
    reader.path.write_text("4")
    reader.through_cache()
    before = reader.times
    for numbers in ("1", "4"):
        reader.path.write_text(numbers)
        assert reader.through_cache() == [int(numbers)]
    assert reader.times == before
    assert len(entries(cache)) == 2


def test_what_is_larger_than_the_cache_is_not_kept(
    reader: Reader, cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cache_module, "MOST_BYTES", 10)
    assert reader.through_cache() == [1, 2, 3]
    assert entries(cache) == []


def test_only_what_is_the_caches_own_is_removed(reader: Reader, cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    mine = [cache / "thesis", cache / "table-of-contents", cache / ".aam-new-1"]
    abandoned = [cache / ".aam-new-2", cache / ".aam-old-3", cache / f"table-{'0' * 40}"]
    for folder in (*mine, *abandoned):
        folder.mkdir(parents=True)
        (folder / "x").write_bytes(bytes(1000))
    for folder in abandoned:
        os.utime(folder, (0, 0))
    monkeypatch.setattr(cache_module, "MOST_BYTES", 400)  # one entry
    for numbers in ("1", "2", "3"):
        reader.path.write_text(numbers)
        reader.through_cache()
    assert all(folder.exists() for folder in mine)
    assert not any(folder.exists() for folder in abandoned)
    assert len([entry for entry in entries(cache) if entry.name.startswith("numbers-")]) == 1


@pytest.mark.parametrize(
    ("variables", "platform", "expected"),
    [
        ({"AAM_CACHE_DIR": "/a", "XDG_CACHE_HOME": "/x"}, "linux", "/a"),
        ({"XDG_CACHE_HOME": "/x"}, "linux", "/x/aam"),
        ({"XDG_CACHE_HOME": "x"}, "linux", "/h/.cache/aam"),
        ({"AAM_CACHE_DIR": "", "XDG_CACHE_HOME": ""}, "linux", "/h/.cache/aam"),
        ({}, "darwin", "/h/Library/Caches/aam"),
    ],
)
def test_where_it_is(variables: dict[str, str], platform: str, expected: str, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("AAM_CACHE_DIR", "XDG_CACHE_HOME"):
        monkeypatch.delenv(name, raising=False)
    for name, value in {"HOME": "/h", **variables}.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr(sys, "platform", platform)
    assert cache_folder() == Path(expected)


def test_without_a_home_nothing_is_kept(reader: Reader, monkeypatch: pytest.MonkeyPatch) -> None:
    def no_home() -> Path:
        raise RuntimeError("Could not determine home directory.")

    monkeypatch.delenv("AAM_CACHE_DIR")
    monkeypatch.delenv("XDG_CACHE_HOME", raising=False)
    monkeypatch.setattr(Path, "home", no_home)
    assert cache_folder() is None
    assert reader.through_cache() == [1, 2, 3]


def test_a_reader_that_refuses_is_not_asked_twice(cache: Path, reader: Reader) -> None:
    def refuse() -> list[int]:
        reader.times += 1
        raise InputError(reader.path, "is no such file")

    with pytest.raises(InputError):
        read_through_cache(FORM, (reader.path,), {}, refuse)
    assert reader.times == 1
