"""Attacks on memory, on other files and on the interpreter: they work on the plain readers, and not here."""

from __future__ import annotations

import json
import os
import pickle
import zipfile
from pathlib import Path

import h5py
import pytest
import yaml

from aam.config import TableOptions
from aam.config.yaml_file import read_config_file
from aam.data.readers.table import read_table
from aam.errors import AamError, InputError
from aam.files.atomic import atomic_write, write_text
from aam.log import logging_to_file, say
from aam.models.folder.weights import load_models
from aam.phylogeny.tree import read_tree
from aam.runs.directory import open_run
from tests.badinputs.attacks.exploits import (
    climbing_archive,
    crashing_table,
    deep_tree,
    in_child,
    laughing_yaml,
    safetensors_file,
    swelling_table,
    table_over,
)
from tests.factories import UUID, qza_members, write_zip


def read(path: Path) -> object:
    return read_table(TableOptions(table=(path,)))


def test_pointers_that_crash_the_interpreter(tmp_path: Path) -> None:
    path = crashing_table(tmp_path / "t.biom")
    run = in_child("import biom, sys; biom.load_table(sys.argv[1]).sum()", path)
    assert run.returncode != 0
    with pytest.raises(InputError, match="corrupt matrix: indptr"):
        read(path)


def test_counts_that_are_another_file(tmp_path: Path) -> None:
    (tmp_path / "secret").write_bytes(b"secret")
    path = table_over(tmp_path / "t.biom", tmp_path / "secret")
    with h5py.File(path) as file:
        assert file["sample/matrix/data"][()].tobytes() == b"secret"
    with pytest.raises(InputError, match="is kept in other files: that is not allowed"):
        read(path)


def test_a_dataset_that_swells(tmp_path: Path) -> None:
    path = swelling_table(tmp_path / "t.biom", 1 << 24)
    assert path.stat().st_size < 100_000
    with h5py.File(path) as file:
        assert file["sample/matrix/data"][()].nbytes == 128 << 20
    with pytest.raises(InputError, match=r"expands to 1\.34e\+08 bytes from 0"):
        read(path)


def test_an_archive_that_swells(tmp_path: Path) -> None:
    path = write_zip(tmp_path / "t.qza", qza_members("FeatureTable[Frequency]", bytes(50_000_000)))
    assert path.stat().st_size < 100_000
    with zipfile.ZipFile(path) as archive:
        archive.extractall(tmp_path / "naive")
    assert (tmp_path / "naive" / UUID / "data" / "feature-table.biom").stat().st_size == 50_000_000
    with pytest.raises(InputError, match="expands more than 1,000-fold"):
        read(path)


@pytest.mark.parametrize("name", ["../evil", "{folder}/evil"])
def test_an_archive_that_climbs(name: str, tmp_path: Path) -> None:
    inside = tmp_path / "inside"
    inside.mkdir()
    path = climbing_archive(inside / "t.qza", name.format(folder=tmp_path))
    with zipfile.ZipFile(path) as archive:  # as many programs unpack: name by name
        for entry in archive.infolist():
            (inside / entry.filename).write_bytes(archive.read(entry))
    assert (tmp_path / "evil").exists()
    (tmp_path / "evil").unlink()
    with pytest.raises(InputError, match="unsafe member name"):
        read(path)
    assert not (tmp_path / "evil").exists()


def test_yaml_that_laughs(tmp_path: Path) -> None:
    path = tmp_path / "run.yaml"
    path.write_text(laughing_yaml(6))
    assert path.stat().st_size < 400
    assert len(json.dumps(yaml.safe_load(path.read_text()))) > 1_000_000
    with pytest.raises(InputError, match="line 1: anchors and aliases"):
        read_config_file(path)


def test_a_tree_too_deep_to_recurse(tmp_path: Path) -> None:
    from skbio import TreeNode

    naive = TreeNode.read([deep_tree(5_000)])
    with pytest.raises(RecursionError):
        pickle.dumps(naive)
    (tmp_path / "t.nwk").write_text(deep_tree(100_000))
    assert len(read_tree(tmp_path / "t.nwk").names) == 100_001


TENSOR = {"dtype": "F32", "shape": [2], "data_offsets": [0, 8]}
WEIGHTS = {
    "a header of 4 exabytes": safetensors_file({}, announced=1 << 62),
    "a header of 200 megabytes": safetensors_file({}, announced=200 << 20),
    "tensors that overlap": safetensors_file({"a": TENSOR, "b": {**TENSOR, "data_offsets": [4, 12]}}, bytes(12)),
    "a hole": safetensors_file({"a": TENSOR, "b": {**TENSOR, "data_offsets": [12, 20]}}, bytes(20)),
    "bytes behind it": safetensors_file({"a": TENSOR}, bytes(16)),
    "a tensor outside": safetensors_file({"a": {**TENSOR, "data_offsets": [0, 1 << 40], "shape": [1 << 38]}}, bytes(8)),
    "a shape that overflows": safetensors_file({"a": {**TENSOR, "shape": [1 << 62, 1 << 62]}}, bytes(8)),
    "nested a thousandfold": b"\xe8\x03\0\0\0\0\0\0" + b"[" * 1000,
}


@pytest.mark.parametrize("kind", WEIGHTS)
def test_weights_that_lie(kind: str, tmp_path: Path) -> None:
    (tmp_path / "model.safetensors").write_bytes(WEIGHTS[kind])
    with pytest.raises(AamError, match="not an AAM model, or damaged"):
        load_models(tmp_path)


def test_a_link_in_the_place_of_an_output(tmp_path: Path) -> None:
    victim, link = tmp_path / "victim", tmp_path / "predictions.tsv"
    victim.write_text("precious")
    link.symlink_to(victim)
    write_text(link, "new")
    assert (victim.read_text(), link.read_text(), link.is_symlink()) == ("precious", "new", False)


def test_a_link_in_the_place_of_what_will_be_renamed(tmp_path: Path) -> None:
    """The name of the file that is written first can be guessed by who shares the folder."""
    victim = tmp_path / "victim"
    victim.write_text("precious")
    (tmp_path / f".out.tsv.tmp-{os.getpid()}").symlink_to(victim)
    with atomic_write(tmp_path / "out.tsv") as file:
        file.write("new")
    assert (victim.read_text(), (tmp_path / "out.tsv").read_text()) == ("precious", "new")


def planted(tmp_path: Path, name: str) -> tuple[Path, Path]:
    victim, folder = tmp_path / "victim", tmp_path / "run"
    victim.write_text("precious")
    folder.mkdir()
    (folder / name).symlink_to(victim)
    return victim, folder


def test_a_link_in_the_place_of_the_lock(tmp_path: Path) -> None:
    victim, folder = planted(tmp_path, ".lock")
    with pytest.raises(InputError, match="is a link"), open_run(folder, resume=False, overwrite=True):
        pass
    assert victim.read_text() == "precious"


def test_a_link_in_the_place_of_the_log(tmp_path: Path) -> None:
    victim, folder = planted(tmp_path, "log.txt")
    with open_run(folder, resume=False, overwrite=False) as run, logging_to_file(run.log):
        say("hello")
    assert victim.read_text() == "precious"
    assert "hello" in (folder / "log.txt").read_text()


def test_a_run_directory_that_is_a_link_to_a_full_folder(tmp_path: Path) -> None:
    (tmp_path / "home").mkdir()
    (tmp_path / "home" / "precious").write_text("precious")
    (tmp_path / "run").symlink_to(tmp_path / "home")
    with (
        pytest.raises(InputError, match="not empty and does not contain a run"),
        open_run(tmp_path / "run", resume=False, overwrite=True),
    ):
        pass
    assert (tmp_path / "home" / "precious").read_text() == "precious"
