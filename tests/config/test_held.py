"""A table of AnnData or TreeData gives metadata and tree where no others are named."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from aam.config import PretrainConfig, TrainConfig, UnifracConfig
from aam.config.commands.predict import PredictInMemoryConfig
from aam.config.option import from_flat
from tests.foreign_files import graph, write_h5ad

ASVS = ["ACGTACGTACGT", "CCGTACGTACGT"]
TREE = {"t": graph({"r": dict.fromkeys(ASVS, 1.0)})}
PART = {"t": graph({"r": {ASVS[0]: 1.0, "x": 1.0}})}
OBS = {"age": [1.0, 2.0]}


def made(folder: Path, name: str = "t.h5td", obs=OBS, trees=TREE) -> Path:
    return write_h5ad(folder / name, np.eye(2), ["s1", "s2"], ASVS, obs=obs, trees=trees)


def train(*tables: Path, **more: object) -> TrainConfig:
    given = {"table": list(tables), "output_dir": "run", "metadata_column": ["age"], **more}
    return from_flat(TrainConfig, given)


def test_metadata_and_tree_are_those_of_the_table(tmp_path: Path) -> None:
    path = made(tmp_path)
    config = train(path)
    assert (config.study.metadata, config.study.tree) == (path, path)


def test_what_is_given_stays(tmp_path: Path) -> None:
    config = train(made(tmp_path), metadata="m.tsv", tree="t.nwk")
    assert (config.study.metadata, config.study.tree) == (Path("m.tsv"), Path("t.nwk"))


@pytest.mark.parametrize(
    ("name", "parts"),
    [("t.h5ad", {"trees": None}), ("t.h5td", {"trees": PART}), ("t.h5td", {"trees": {**TREE, "u": TREE["t"]}})],
    ids=["none", "not of all", "several"],
)
def test_a_tree_that_cannot_be_used_is_not_taken(tmp_path: Path, name: str, parts: dict) -> None:
    assert train(made(tmp_path, name, **parts)).study.tree is None


def test_distances_need_no_tree(tmp_path: Path) -> None:
    given = {"table": [made(tmp_path)], "output_dir": "run", "distances": "d.tsv"}
    assert from_flat(PretrainConfig, given).study.tree is None


def test_several_tables_give_none(tmp_path: Path) -> None:
    paths = [made(tmp_path, name) for name in ("a.h5td", "b.h5td")]
    given = {"table": paths, "output_dir": "run"}
    assert from_flat(PretrainConfig, given).study.tree is None


def test_obs_without_columns_is_no_metadata(tmp_path: Path) -> None:
    given = {"table": [made(tmp_path, obs={})], "output_dir": "run"}
    assert from_flat(PretrainConfig, given).study.metadata is None


def test_a_prediction_reads_obs(tmp_path: Path) -> None:
    path = made(tmp_path)
    config = from_flat(PredictInMemoryConfig, {"table": [path], "model": "model"})
    assert config.predict.metadata == path


@pytest.mark.parametrize(("metric", "uses"), [("unifrac", True), ("bray_curtis", False), (None, True)])
def test_a_metric_without_a_tree_takes_none(tmp_path: Path, metric: str | None, uses: bool) -> None:
    path = made(tmp_path)
    given = {"table": [path], "output": "u.tsv"} | ({} if metric is None else {"metric": metric})
    assert from_flat(UnifracConfig, given).distance.tree == (path if uses else None)
