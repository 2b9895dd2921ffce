"""Tables whose counts lie on the disk are those that memory holds."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import h5py
import numpy as np
import pytest

from aam.config import SamplingOptions, StudyOptions, TableOptions
from aam.data.counts import blocks
from aam.data.readers import table as tables
from aam.data.readers.table import Table, read_cached_table, read_table
from aam.data.study.study import TargetRequest, load_study
from aam.data.study.summary import describe
from aam.errors import InputError
from aam.files import archive, hdf5, scratch
from aam.files import cache as input_cache
from aam.files.scratch import is_on_disk
from tests.data.readers.test_table_cache import is_mapped, plain
from tests.data.study_files import write_study
from tests.factories import TABLE_WRITERS, random_counts, random_sequences

SEQUENCES = random_sequences(30)
NAMES = [f"s{number:02d}" for number in range(24)]
COUNTS = random_counts(24, 30)
OnDisk = Callable[[], None]


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("AAM_CACHE_DIR", str(tmp_path / "cache"))
    return tmp_path / "cache"


@pytest.fixture
def on_disk(monkeypatch: pytest.MonkeyPatch) -> OnDisk:
    """From here on every array of counts lies on the disk, and is worked on in blocks of a few values."""

    def call() -> None:
        for module in (scratch, hdf5, archive):
            monkeypatch.setattr(module, "IN_MEMORY_BYTES", 0)
        for module in (scratch, blocks):
            monkeypatch.setattr(module, "BLOCK", 10)

    return call


def written(folder: Path, format: str, *parts: slice) -> TableOptions:
    """Files with some samples each, and not all ASVs."""
    paths = []
    for number, rows in enumerate(parts):
        asvs = np.arange(30)[number : 28 + number]
        path = folder / f"part{number}.{format}"
        names = [SEQUENCES[asv] for asv in asvs]
        paths.append(TABLE_WRITERS[format](path, COUNTS[rows][:, asvs], NAMES[rows], names))
    return TableOptions(table=tuple(paths), cache=False)


def same(one: Table, other: Table) -> bool:
    return bool(plain(one) == plain(other))


@pytest.mark.parametrize("format", TABLE_WRITERS)
@pytest.mark.parametrize("parts", [(slice(24),), (slice(10), slice(10, 11), slice(11, 24))])
def test_a_table_is_the_same(format: str, parts: tuple[slice, ...], tmp_path: Path, on_disk: OnDisk) -> None:
    options = written(tmp_path, format, *parts)
    expected = read_table(options)
    on_disk()
    found = read_table(options)
    assert same(found, expected)
    assert is_on_disk(found.counts.data) or (len(parts) == 1 and format not in ("biom", "qza"))


@pytest.mark.parametrize("parts", [(slice(24),), (slice(10), slice(10, 24))])
def test_a_table_by_asv_alone_is_the_same(parts: tuple[slice, ...], tmp_path: Path, on_disk: OnDisk) -> None:
    """The format has the counts twice, and some programs write one half."""
    options = written(tmp_path, "biom", *parts)
    expected = read_table(options)
    for path in options.table:
        with h5py.File(path, "r+") as file:
            del file["sample/matrix"]
    assert same(read_table(options), expected)
    on_disk()
    found = read_table(options)
    assert same(found, expected)
    assert is_on_disk(found.counts.data)


@pytest.mark.parametrize(("values", "places"), [("<f4", "<i8"), (">f8", "<i4"), ("<u2", ">i8"), ("<f2", "<u4")])
def test_any_type_of_numbers_is_read(values: str, places: str, tmp_path: Path, on_disk: OnDisk) -> None:
    options = written(tmp_path, "biom", slice(24))
    expected = read_table(options)
    with h5py.File(options.table[0], "a") as file:
        for name, kind in (("data", values), ("indices", places), ("indptr", places)):
            old = file[f"sample/matrix/{name}"][()]
            del file[f"sample/matrix/{name}"]
            file[f"sample/matrix/{name}"] = old.astype(kind)
    on_disk()
    assert same(read_table(options), expected)


def test_samples_without_reads_and_zeros_are_left_out(tmp_path: Path, on_disk: OnDisk) -> None:
    options = written(tmp_path, "biom", slice(24))
    with h5py.File(options.table[0], "a") as file:
        ends = file["sample/matrix/indptr"][()]
        for sample in (0, 5, 23):
            file["sample/matrix/data"][ends[sample] : ends[sample + 1]] = 0
        file["sample/matrix/data"][ends[7]] = 0
    expected = read_table(options)
    assert len(expected.sample_ids) == 21
    on_disk()
    assert same(read_table(options), expected)


@pytest.mark.parametrize("value", [-1, 0.5, np.nan, 2.0**60])
def test_what_is_no_count_is_told_in_the_same_words(value: float, tmp_path: Path, on_disk: OnDisk) -> None:
    options = written(tmp_path, "biom", slice(24))
    with h5py.File(options.table[0], "a") as file:
        file["sample/matrix/data"][33] = value
    with pytest.raises(InputError) as expected:
        read_table(options)
    on_disk()
    with pytest.raises(InputError) as found:
        read_table(options)
    assert found.value.problems == expected.value.problems


def test_a_study_of_some_samples_is_the_same(tmp_path: Path, on_disk: OnDisk) -> None:
    files = write_study(tmp_path)
    where = StudyOptions(metadata=tmp_path / "metadata.tsv", tree=tmp_path / "tree.nwk", where="age > 10")
    request = TargetRequest(columns=("age",))
    arguments = files.table(), where, SamplingOptions(rarefy_depth=150), request
    expected = load_study(*arguments)
    on_disk()
    found = load_study(*arguments)
    assert len(found) < len(files.sample_ids)
    assert same(found.table, expected.table)
    assert same(found.take([3, 1]).table, expected.take([3, 1]).table)
    assert found.flow == expected.flow


def test_the_entry_takes_the_place_of_nameless_files(
    tmp_path: Path, on_disk: OnDisk, cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    options = TableOptions(table=written(tmp_path, "biom", slice(12), slice(12, 24)).table)
    expected = read_table(options)
    on_disk()
    monkeypatch.setattr(input_cache, "FEWEST_BYTES", 0)
    monkeypatch.setattr(input_cache, "MAPPED_BYTES", 0)
    cold, warm = read_cached_table(options), read_cached_table(options)
    assert same(cold, expected)
    assert same(warm, expected)
    assert is_mapped(cold.counts.data)
    assert len(list(cache.iterdir())) == 1


def test_reading_that_is_stopped_leaves_nothing(
    tmp_path: Path, on_disk: OnDisk, cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    options = TableOptions(table=written(tmp_path, "biom", slice(12), slice(12, 24)).table)
    on_disk()
    monkeypatch.setattr(input_cache, "FEWEST_BYTES", 0)

    def stopped(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(tables, "stack", stopped)
    with pytest.raises(KeyboardInterrupt):
        read_cached_table(options)
    assert list(cache.iterdir()) == []


def test_the_size_is_told_where_it_is_large(tmp_path: Path, on_disk: OnDisk) -> None:
    files = write_study(tmp_path)

    def told() -> list[str]:
        return [line for line in describe(load_study(files.table(), StudyOptions(), None, None)) if "counts: " in line]

    assert told() == []
    on_disk()
    (line,) = told()
    assert line.startswith(f"counts: {np.count_nonzero(files.counts)} that are not 0, ")
