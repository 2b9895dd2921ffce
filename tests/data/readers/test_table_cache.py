from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from aam.config import SamplingOptions, TableOptions
from aam.data.batches.dataset import SampleDataset
from aam.data.readers import table as table_cache
from aam.data.readers.table import Table, read_cached_table, read_table
from aam.data.study.study import Study, TargetRequest, load_study
from aam.data.targets.kinds import NUMBERS
from aam.errors import InputError
from aam.files import cache as input_cache
from tests.data.study_files import Files, write_study, write_table
from tests.factories import TABLE_WRITERS, random_counts, random_sequences, write_fasta

SAMPLES = ["s1", "0012", "1E5", "\N{GREEK SMALL LETTER BETA}", "10.10"]
SEQUENCES = random_sequences(8)
COUNTS = random_counts(len(SAMPLES), len(SEQUENCES))
SAMPLING = SamplingOptions(rarefy_depth=50)
AGE = TargetRequest(kind=NUMBERS, columns=("age",))


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("AAM_CACHE_DIR", str(tmp_path / "cache"))
    monkeypatch.setattr(input_cache, "FEWEST_BYTES", 0)
    return tmp_path / "cache"


@pytest.fixture
def files(tmp_path: Path) -> Files:
    return write_study(tmp_path)


def plain(value: Any) -> Any:
    """A value as types that compare."""
    if isinstance(value, np.ndarray):
        return value.dtype, value.tolist()
    if hasattr(value, "indptr"):
        return value.shape, *(plain(getattr(value, name)) for name in ("data", "indices", "indptr"))
    if dataclasses.is_dataclass(value):
        return {field.name: plain(getattr(value, field.name)) for field in dataclasses.fields(value)}
    if isinstance(value, dict):
        return {name: plain(item) for name, item in value.items()}
    return plain(vars(value)) if hasattr(value, "__dict__") else value


def is_mapped(values: np.ndarray | None) -> bool:
    """Whether an array is a view of a file."""
    while values is not None and not isinstance(values, np.memmap):
        values = values.base
    return values is not None


def read_warm(options: TableOptions, monkeypatch: pytest.MonkeyPatch) -> Table:
    """From the cache, and from nowhere else."""
    with monkeypatch.context() as patch:
        patch.setattr(table_cache, "read_table", None)
        return read_cached_table(options)


def assert_the_same_thrice(options: TableOptions, monkeypatch: pytest.MonkeyPatch) -> Table:
    """Without cache, with a cold and with a warm one."""
    expected = read_table(options)
    cold, warm = read_cached_table(options), read_warm(options, monkeypatch)
    assert plain(cold) == plain(warm) == plain(expected)
    return warm


@pytest.mark.parametrize("kind", TABLE_WRITERS)
def test_every_format(kind: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = TABLE_WRITERS[kind](tmp_path / "gut.table", COUNTS, SAMPLES, SEQUENCES)
    warm = assert_the_same_thrice(TableOptions(table=(path,)), monkeypatch)
    assert warm.counts.has_canonical_format


def test_notes_and_sums(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    counts = np.concatenate([COUNTS, np.zeros((1, len(SEQUENCES)), dtype=int)])
    names = [SEQUENCES[0].lower(), SEQUENCES[0][:-1] + "N", *SEQUENCES[2:]]
    write_table(tmp_path / "t.tsv", counts, [*SAMPLES, "blank"], names)
    options = TableOptions(table=(tmp_path / "t.tsv",), trim_length=len(SEQUENCES[0]) - 1)
    warm = assert_the_same_thrice(options, monkeypatch)
    assert len(warm.notes) == 3
    assert len(warm.sequences) == len(SEQUENCES) - 1


def test_several_tables(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, cache: Path) -> None:
    write_table(tmp_path / "gut.tsv", COUNTS, SAMPLES, SEQUENCES)
    write_table(tmp_path / "skin.tsv", COUNTS[::-1], [f"b{s}" for s in SAMPLES], [s[::-1] for s in SEQUENCES])
    paths = tmp_path / "gut.tsv", tmp_path / "skin.tsv"
    for order in (paths, paths[::-1], paths[:1]):
        assert_the_same_thrice(TableOptions(table=order), monkeypatch)
    assert len(list(cache.iterdir())) == 3


def test_sequences_from_elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    names = [f"asv{i}" for i in range(len(SEQUENCES))]
    write_table(tmp_path / "t.tsv", COUNTS, SAMPLES, names)
    options = TableOptions(
        table=(tmp_path / "t.tsv",),
        sequences=(write_fasta(tmp_path / "s.fasta", dict(zip(names, SEQUENCES, strict=True))),),
    )
    assert assert_the_same_thrice(options, monkeypatch).asv_ids.tolist() != SEQUENCES
    others = dict(zip(names, SEQUENCES[::-1], strict=True))
    write_fasta(tmp_path / "s.fasta", others)
    assert plain(read_cached_table(options)) == plain(read_table(options))


def test_notes_name_the_file_that_is_read(tmp_path: Path) -> None:
    for name in ("one", "two"):
        write_table(tmp_path / f"{name}.tsv", COUNTS, SAMPLES, [s.lower() for s in SEQUENCES])
        table = read_cached_table(TableOptions(table=(tmp_path / f"{name}.tsv",)))
        assert table.notes[0].startswith(f"{name}.tsv: ")
        assert set(table.studies) == {name}


@pytest.mark.parametrize("option", [{"trim_length": 12}, {"max_bp": 300}])
def test_options_of_reading(option: dict[str, int], tmp_path: Path) -> None:
    write_table(tmp_path / "t.tsv", COUNTS, SAMPLES, SEQUENCES)
    read_cached_table(TableOptions(table=(tmp_path / "t.tsv",)))
    options = TableOptions(table=(tmp_path / "t.tsv",), **option)
    assert plain(read_cached_table(options)) == plain(read_table(options))


def test_errors_come_again(tmp_path: Path, cache: Path) -> None:
    write_table(tmp_path / "t.tsv", -COUNTS, SAMPLES, SEQUENCES)
    for _ in range(2):
        with pytest.raises(InputError, match="negative"):
            read_cached_table(TableOptions(table=(tmp_path / "t.tsv",)))
    assert not cache.exists()


def test_the_same_study_with_and_without(files: Files, cache: Path) -> None:
    def load(*, keep: bool) -> Study:
        options = dataclasses.replace(files.table(), cache=keep)
        return load_study(options, files.study(root="midpoint"), SAMPLING, AGE)

    without = load(keep=False)
    assert not cache.exists()
    cold, warm = load(keep=True), load(keep=True)
    assert sorted(entry.name.split("-")[0] for entry in cache.iterdir()) == ["table", "tree"]
    assert plain(cold) == plain(warm) == plain(without)


def test_counts_stay_mapped_where_nothing_is_left_out(files: Files) -> None:
    for _ in range(2):
        study = load_study(files.table(), files.study(), SAMPLING, AGE)
    dataset = SampleDataset(study, np.arange(len(study)), SAMPLING, seed=1)
    for values in (dataset.counts.data, dataset.counts.indices, dataset.counts.indptr):
        assert is_mapped(values)
    anew = load_study(dataclasses.replace(files.table(), cache=False), files.study(), SAMPLING, AGE)
    other = SampleDataset(anew, np.arange(len(study)), SAMPLING, seed=1)
    for row in range(len(study)):
        assert plain(dataset[3, row]) == plain(other[3, row])


@pytest.mark.parametrize("keep", [True, False])
def test_nothing_can_be_written_into_the_counts(keep: bool, files: Files) -> None:
    options = dataclasses.replace(files.table(), cache=keep)
    for _ in range(2):
        counts = read_cached_table(options).counts
        for values in (counts.data, counts.indices, counts.indptr):
            with pytest.raises(ValueError, match="read-only"):
                values[0] = 1
