from __future__ import annotations

import hashlib
from importlib.resources import files
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import save_file

from aam.alphabet import encode
from aam.config import StudyOptions, TableOptions
from aam.data.study.study import Study, load_study
from aam.errors import CheckpointError
from aam.models.folder.weights import load_model
from aam.models.sequence_encoder import SequenceEncoder
from aam.models.shipped import KNOWN, NAMES, PREFIX_BASES, familiar_reads, folder_of, known, known_asvs, write_known
from tests.factories import random_sequences, write_biom

COUNTS = np.array([[6, 0, 2, 2], [0, 4, 0, 0], [1, 1, 1, 1]])


def study_of(folder: Path, sequences: list[str]) -> Study:
    ids = [f"s{row}" for row in range(len(COUNTS))]
    path = write_biom(folder / "table.biom", COUNTS, ids, sequences)
    return load_study(TableOptions(table=(path,), cache=False), StudyOptions(), None, None)


def lengths_of(sequences: list[str]) -> np.ndarray:
    return np.array([len(sequence) for sequence in sequences])


def test_hash_is_that_of_the_first_bases() -> None:
    [sequence] = random_sequences(1, length=120)
    [found] = known.prefix_hashes(encode([sequence]), np.array([120]))
    codes = encode([sequence[:PREFIX_BASES]]).tobytes()
    assert int(found).to_bytes(8, "little") == hashlib.blake2b(codes, digest_size=8).digest()


def test_longer_reads_of_known_sequences_are_known(tmp_path: Path) -> None:
    sequences = random_sequences(4, length=150)
    study = study_of(tmp_path, sequences)
    wanted = set(sequences[:2])
    write_known(tmp_path, encode([one[:100] for one in sequences[:2]]), np.array([100, 100]))
    assert known_asvs(tmp_path, study).tolist() == [one in wanted for one in study.table.sequences]


def test_short_sequences_are_not_known(tmp_path: Path) -> None:
    sequences = random_sequences(4, length=PREFIX_BASES - 1)
    study = study_of(tmp_path, sequences)
    write_known(tmp_path, encode(sequences), lengths_of(sequences))
    assert not known_asvs(tmp_path, study).any()


def test_shares_are_of_each_samples_reads(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    sequences = random_sequences(4, length=100)
    study = study_of(tmp_path, sequences)
    write_known(tmp_path, encode(sequences[:1]), np.array([100]))
    monkeypatch.setattr(known, "folder_of", lambda name: tmp_path)
    np.testing.assert_allclose(familiar_reads("small", study), [0.6, 0, 0.25])


def test_unknown_name_is_an_error() -> None:
    with pytest.raises(CheckpointError, match="there is small"):
        folder_of("tiny")


@pytest.mark.parametrize(
    ("arrays", "words"),
    [
        ({"other": np.arange(3, dtype=np.uint64)}, "lacking"),
        ({"hashes": np.arange(3, dtype=np.int64)}, "lacking"),
        ({"hashes": np.array([2, 1], dtype=np.uint64)}, "ascend"),
    ],
)
def test_other_arrays_are_an_error(tmp_path: Path, arrays: dict[str, np.ndarray], words: str) -> None:
    study = study_of(tmp_path, random_sequences(4, length=100))
    save_file(arrays, tmp_path / KNOWN)
    with pytest.raises(CheckpointError, match=words):
        known_asvs(tmp_path, study)


@pytest.mark.parametrize("content", [None, b"", b"no safetensors at all"])
def test_damaged_sketch_is_an_error(tmp_path: Path, content: bytes | None) -> None:
    study = study_of(tmp_path, random_sequences(4, length=100))
    if content is not None:
        (tmp_path / KNOWN).write_bytes(content)
    with pytest.raises(CheckpointError, match="cannot be read"):
        known_asvs(tmp_path, study)


@pytest.mark.parametrize("name", NAMES)
def test_shipped_encoder_is_whole(name: str) -> None:
    encoder, description = load_model(folder_of(name))
    assert isinstance(encoder, SequenceEncoder)
    assert description.data["trim_length"] == 150
    sizes = [path.stat().st_size for path in folder_of(name).iterdir()]
    assert sum(sizes) < 8e6


@pytest.mark.parametrize("name", NAMES)
def test_files_of_the_encoder_are_package_data(name: str) -> None:
    folder = files("aam.models.shipped") / name
    found = {item.name for item in folder.iterdir()}
    assert found == {"model.safetensors", "config.json", "README.md", "provenance.json", KNOWN}


@pytest.mark.parametrize("name", NAMES)
def test_other_regions_are_not_familiar(name: str, tmp_path: Path) -> None:
    study = study_of(tmp_path, random_sequences(4, length=150))
    np.testing.assert_array_equal(familiar_reads(name, study), 0)
