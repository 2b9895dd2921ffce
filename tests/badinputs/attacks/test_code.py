"""Attacks that run code of the file's maker: they work on the plain readers, and not here."""

from __future__ import annotations

import hashlib
import io
import json
import pickle
import zlib
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
import yaml

from aam.config import TableOptions
from aam.config.yaml_file import read_config_file
from aam.data.readers.distance_matrix import read_distances
from aam.data.readers.metadata import read_metadata
from aam.data.readers.table import read_table
from aam.errors import AamError, InputError
from aam.files.array_folder import read_folder
from aam.models.folder.weights import load_models
from aam.phylogeny.tree import read_tree
from aam.training.checkpoints.checkpoint import AtomicCheckpointIO, latest_checkpoint
from tests.badinputs.attacks.exploits import calling_yaml, numpy_file, plain_pickle, torch_file
from tests.factories import write_qza

Make = Callable[[Path], bytes]
FILES: dict[str, tuple[Make, Callable[[bytes], object]]] = {
    "pickle": (plain_pickle, pickle.loads),
    "torch": (torch_file, lambda content: torch.load(io.BytesIO(content), weights_only=False)),
    "numpy": (numpy_file, lambda content: np.load(io.BytesIO(content), allow_pickle=True)),
}


def model_folder(path: Path, content: bytes) -> object:
    (path / "model.safetensors").write_bytes(content)
    return load_models(path)


def weights_file(path: Path, content: bytes) -> object:
    (path / "model.ckpt").write_bytes(content)
    return load_models(path / "model.ckpt")


def table(path: Path, content: bytes) -> object:
    (path / "t.biom").write_bytes(content)
    return read_table(TableOptions(table=(path / "t.biom",)))


def archive(path: Path, content: bytes) -> object:
    write_qza(path / "t.qza", "FeatureTable[Frequency]", content)
    return read_table(TableOptions(table=(path / "t.qza",)))


def distances(path: Path, content: bytes) -> object:
    (path / "u.npy").write_bytes(content)
    (path / "ids.txt").write_text("s1\n")
    return read_distances(path / "u.npy", path / "ids.txt")


def sheet(path: Path, content: bytes) -> object:
    (path / "m.tsv").write_bytes(content)
    return read_metadata(path / "m.tsv")


def tree(path: Path, content: bytes) -> object:
    (path / "t.nwk").write_bytes(content)
    return read_tree(path / "t.nwk")


def config(path: Path, content: bytes) -> object:
    (path / "run.yaml").write_bytes(content)
    return read_config_file(path / "run.yaml")


OUR_READERS = (model_folder, weights_file, table, archive, distances, sheet, tree, config)


@pytest.mark.parametrize("kind", FILES)
def test_the_attack_works(kind: str, tmp_path: Path) -> None:
    make, naive = FILES[kind]
    content = make(tmp_path / "marker")
    assert not (tmp_path / "marker").exists()
    naive(content)
    assert (tmp_path / "marker").exists()


@pytest.mark.parametrize("kind", FILES)
@pytest.mark.parametrize("reader", OUR_READERS, ids=lambda reader: reader.__name__)
def test_no_reader_of_ours_runs_it(kind: str, reader: Callable[[Path, bytes], object], tmp_path: Path) -> None:
    content = FILES[kind][0](tmp_path / "marker")
    with pytest.raises(AamError):
        reader(tmp_path, content)
    assert not (tmp_path / "marker").exists()


@pytest.mark.parametrize("kind", ["pickle", "torch"])
def test_a_checkpoint_with_a_right_checksum_runs_nothing_either(kind: str, tmp_path: Path) -> None:
    content = FILES[kind][0](tmp_path / "marker")
    digest = hashlib.sha256(content).hexdigest()[:16]
    path = tmp_path / f"epoch-000001-000000000-{digest}.ckpt"
    path.write_bytes(content)
    assert latest_checkpoint(tmp_path) == path
    with pytest.raises((AamError, pickle.UnpicklingError)):
        AtomicCheckpointIO().load_checkpoint(path)
    assert not (tmp_path / "marker").exists()


def test_the_arrays_of_the_cache_are_numbers(tmp_path: Path) -> None:
    """Whoever can write into the cache could make a folder whose checksums are right."""
    content = numpy_file(tmp_path / "marker")
    folder = sound_folder(tmp_path, {"x.npy": content})
    with pytest.raises(ValueError, match=r"allow_pickle|Python objects"):
        read_folder(folder)
    assert not (tmp_path / "marker").exists()


def sound_folder(path: Path, files: dict[str, bytes]) -> Path:
    """A folder of arrays whose checksums are right, whatever it holds."""
    folder = path / "folder"
    folder.mkdir()
    for name, content in files.items():
        (folder / name).write_bytes(content)
    named = {name: {"bytes": len(content), "crc32": zlib.crc32(content)} for name, content in files.items()}
    contents = {"files": named, "facts": {}}
    total = zlib.crc32(json.dumps(contents, sort_keys=True).encode())
    (folder / "contents.json").write_text(json.dumps({"crc32": total, **contents}))
    return folder


def test_a_name_in_the_cache_leads_nowhere_else(tmp_path: Path) -> None:
    np.save(tmp_path / "secret.npy", np.arange(3))
    content = (tmp_path / "secret.npy").read_bytes()
    folder = sound_folder(tmp_path, {"../secret.npy": content})
    assert np.load(folder / "../secret.npy").tolist() == [0, 1, 2]
    with pytest.raises(ValueError, match="unsafe name"):
        read_folder(folder)


def test_yaml_that_calls(tmp_path: Path) -> None:
    text = calling_yaml(tmp_path / "marker")
    (tmp_path / "run.yaml").write_text(text)
    with pytest.raises(InputError, match=r"line 1: tags .* are not accepted"):
        read_config_file(tmp_path / "run.yaml")
    assert not (tmp_path / "marker").exists()
    yaml.unsafe_load(text)
    assert (tmp_path / "marker").exists()
