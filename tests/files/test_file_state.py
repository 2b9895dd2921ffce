from __future__ import annotations

import os
from pathlib import Path

import pytest

from aam.files.cache import RECENT_NS, FileState, file_state, is_unchanged

LONG_AGO = 1_000_000_000


@pytest.fixture
def path(tmp_path: Path) -> Path:
    found = tmp_path / "table.biom"
    found.write_text("1 2 3")
    return found


def set_date(path: Path, modified_ns: int) -> None:
    os.utime(path, ns=(modified_ns, modified_ns))


def test_an_old_file_is_told_by_its_size_and_date(path: Path) -> None:
    set_date(path, LONG_AGO)
    before = file_state(path)
    assert before == FileState(5, LONG_AGO, None)
    assert is_unchanged(path, before)
    path.write_text("1 2 3")
    assert not is_unchanged(path, before)
    path.write_text("1 2")
    set_date(path, LONG_AGO)
    assert not is_unchanged(path, before)


def test_a_recent_file_is_compared_by_content(path: Path) -> None:
    before = file_state(path)
    assert before is not None
    assert is_unchanged(path, before)
    path.write_text("4 5 6")
    set_date(path, before.modified_ns)  # dates are coarse: two writings can have the same
    assert not is_unchanged(path, before)
    path.write_text("1 2 3")
    set_date(path, before.modified_ns + RECENT_NS)
    assert not is_unchanged(path, before), "it may have been another one in between"


def test_another_file_in_its_place(path: Path, tmp_path: Path) -> None:
    set_date(path, LONG_AGO)
    before = file_state(path)
    other = tmp_path / "other"
    other.write_text("4 5 6")
    other.replace(path)
    assert not is_unchanged(path, before)
    path.unlink()
    assert not is_unchanged(path, before)


def test_what_is_no_file_has_no_state(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    for name in ("gone", "pipe", ""):
        assert file_state(tmp_path / name) is None
    (tmp_path / "gone").write_text("1 2 3")
    assert not is_unchanged(tmp_path / "gone", None)
