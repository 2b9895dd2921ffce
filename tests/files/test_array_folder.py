from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from aam.files.array_folder import CONTENTS, DAMAGE, Parsed, pack_texts, read_folder, unpack_texts, write_folder

ARRAYS = {"counts": np.arange(1000), "lengths": np.linspace(0, 1, 7), "none": np.zeros(0, dtype=np.int32)}
FACTS = {"notes": ["1 ASV in lower case", "\N{GREEK SMALL LETTER BETA}"], "studies": [["gut", 3]]}
NAMES = [CONTENTS, *(f"{name}.npy" for name in ARRAYS)]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    write_folder(tmp_path, Parsed(ARRAYS, FACTS))
    return tmp_path


def test_what_is_read_is_what_was_written(folder: Path) -> None:
    found = read_folder(folder)
    assert found.facts == FACTS
    assert list(found.arrays) == list(ARRAYS)
    for name, values in ARRAYS.items():
        assert found.arrays[name].dtype == values.dtype
        assert found.arrays[name].tolist() == values.tolist()


def test_arrays_are_mapped_and_cannot_be_written(folder: Path) -> None:
    counts = read_folder(folder).arrays["counts"]
    assert isinstance(counts, np.memmap)
    with pytest.raises(ValueError, match="read-only"):
        counts[0] = 7


def test_arrays_that_may_be_written_never_reach_the_folder(folder: Path) -> None:
    counts = read_folder(folder, writable=True).arrays["counts"]
    assert isinstance(counts, np.memmap)
    counts[0] = 7
    counts.flush()
    assert read_folder(folder).arrays["counts"].tolist() == list(range(1000))


@pytest.mark.parametrize("name", NAMES)
def test_every_truncation_is_seen(folder: Path, name: str) -> None:
    whole = (folder / name).read_bytes()
    for size in (0, 1, len(whole) // 2, len(whole) - 1):
        (folder / name).write_bytes(whole[:size])
        with pytest.raises(DAMAGE):
            read_folder(folder)


@pytest.mark.parametrize("name", NAMES)
def test_every_changed_byte_is_seen(folder: Path, name: str) -> None:
    whole = (folder / name).read_bytes()
    for place in range(0, len(whole), max(1, len(whole) // 60)):
        changed = bytearray(whole)
        changed[place] ^= 0x01
        (folder / name).write_bytes(changed)
        with pytest.raises(DAMAGE):
            read_folder(folder)


@pytest.mark.parametrize("name", NAMES)
def test_a_file_that_is_gone_is_seen(folder: Path, name: str) -> None:
    (folder / name).unlink()
    with pytest.raises(DAMAGE):
        read_folder(folder)


@pytest.mark.parametrize("texts", [[], ["a"], ["s 1", "'it''s'", "line\nbreak", "\N{GREEK SMALL LETTER BETA}", "s 1"]])
def test_texts(texts: list[str]) -> None:
    assert unpack_texts(pack_texts(texts)) == texts
    assert pack_texts(np.array(texts, dtype=object)).tolist() == pack_texts(texts).tolist()
