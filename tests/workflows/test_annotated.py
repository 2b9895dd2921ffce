"""From a TreeData file to predictions, vectors and effects in AnnData and TreeData, by the commands."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from aam.data.readers.metadata import Metadata, read_metadata
from aam.data.readers.table import read_raw_table
from aam.evaluation.prediction_table import read_columns
from aam.files.annotated import held
from aam.files.annotated_writing import Annotated, Frame, graph_of, typed, write_annotated
from aam.phylogeny.tree import read_tree
from tests.program import run_command

CLASSES = "group"


@pytest.fixture(scope="module")
def table(study: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The study of all tests as one TreeData file."""
    raw, sheet = read_raw_table(study / "table.biom"), read_metadata(study / "metadata.tsv").select
    own, tree = sheet(raw.sample_ids), read_tree(study / "tree.nwk")
    tips = {int(node): name for node, name in zip(tree.tips, tree.names, strict=True)}
    path = tmp_path_factory.mktemp("treedata") / "study.h5td"
    obs = Frame(raw.sample_ids, {name: typed(cells.tolist()) for name, cells in own.columns.items()})
    trees = {"t": graph_of(tree.parent, tree.length, tips)}
    write_annotated(path, Annotated(values=raw.counts, obs=obs, var=Frame(raw.asv_ids), trees=trees))
    return path


@pytest.fixture(scope="module")
def run(table: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("runs") / "classes"
    words = ("--classifier", "--learners", "jaccard", "--no-report", "--no-forest-baseline")
    assert run_command("train", *words, table=table, metadata_column=CLASSES, small=False, output_dir=folder) == 0
    return folder


def obs_of(path: Path) -> Metadata:
    return read_metadata(path)


def test_the_run_names_metadata_and_tree(table: Path, run: Path) -> None:
    config = (run / "config.yaml").read_text()
    assert f"metadata: {table}" in config
    assert f"tree: {table}" in config


def test_predictions_are_those_of_the_table(table: Path, run: Path, tmp_path: Path) -> None:
    for name in ("p.tsv", "p.h5ad", "p.h5td"):
        assert run_command("predict", small=False, model=run, table=table, output=tmp_path / name) == 0
    expected = read_columns(tmp_path / "p.tsv")
    for name in ("p.h5ad", "p.h5td"):
        found = obs_of(tmp_path / name)
        assert found.sample_ids.tolist() == expected["sample-id"].tolist()
        assert found.columns["predicted"].tolist() == expected["predicted"].tolist()
        assert found.columns["prediction_set"].tolist() == expected["prediction_set"].tolist()
        assert not any(column.startswith("probability") for column in found.columns)
        assert {CLASSES, "observed"} <= set(found.columns)
        raw = read_raw_table(tmp_path / name)
        assert raw.counts.sum() == read_raw_table(table).counts.sum()
    assert [held(tmp_path / name).tree for name in ("p.h5ad", "p.h5td")] == [False, True]
    assert set(read_tree(tmp_path / "p.h5td").names) == set(read_raw_table(tmp_path / "p.h5td").asv_ids)


def test_anndata_reads_class_probabilities(table: Path, run: Path, tmp_path: Path) -> None:
    anndata = pytest.importorskip("anndata")
    for name in ("p.tsv", "p.h5ad"):
        assert run_command("predict", small=False, model=run, table=table, output=tmp_path / name) == 0
    expected, found = read_columns(tmp_path / "p.tsv"), anndata.read_h5ad(tmp_path / "p.h5ad")
    probability = found.obsm["probability"]
    np.testing.assert_allclose(probability.sum(axis=1), 1, atol=1e-5)
    for name in probability:
        np.testing.assert_array_equal(probability[name], expected[f"probability_{name}"].astype(float))
    assert list(found.uns["aam"]["targets"]) == [CLASSES]


@pytest.mark.parametrize(
    ("words", "output", "message"),
    [
        (["--spreadsheet-safe"], "p.h5ad", "--spreadsheet-safe is for tables of text"),
        ([], "p.h5td", "h5td holds a tree, and table.biom has none"),
        ([], "p.h5", "unknown file extension '.h5'"),
    ],
)
def test_a_name_that_cannot_be_is_refused(study, run, tmp_path, capsys, words, output: str, message: str) -> None:
    given = {"model": run, "table": study / "table.biom", "output": tmp_path / output}
    assert run_command("predict", *words, small=False, **given) == 2
    assert message in capsys.readouterr().err
    assert not list(tmp_path.iterdir())


def test_vectors_lie_beside_the_counts(table: Path, run: Path, tmp_path: Path) -> None:
    words = ("--of", "samples,asvs", "--format", "h5ad,npy", "--permutations", "19", "--no-progress")
    assert run_command("embed", *words, small=False, model=run, table=table, output_dir=tmp_path / "out") == 0
    path = tmp_path / "out" / "study.h5td"
    assert held(path) == (True, True)
    assert read_raw_table(path).counts.sum() == read_raw_table(table).counts.sum()
    anndata = pytest.importorskip("anndata")
    vectors = {kind: np.load(tmp_path / "out" / f"{kind}_vectors.npy") for kind in ("sample", "asv")}
    for name in ("study.h5ad", "sample_vectors.h5ad"):
        assert anndata.read_h5ad(tmp_path / "out" / name).obs_names.tolist() == read_raw_table(table).sample_ids
    found = anndata.read_h5ad(path.with_suffix(".h5ad"))
    np.testing.assert_array_equal(found.obsm["X_aam"], vectors["sample"])
    np.testing.assert_array_equal(found.varm["X_aam"], vectors["asv"])
    assert found.obsm["X_pcoa_unifrac"].shape[0] == len(vectors["sample"])


def test_effects_lie_beside_the_counts(table: Path, run: Path, tmp_path: Path) -> None:
    words = ("--levels", "asv", "--methods", "removal", "--max-samples", "6", "--h5ad", "--no-progress")
    assert run_command("explain", *words, small=False, model=run, table=table, output_dir=tmp_path / "out") == 0
    path = tmp_path / "out" / "explanation.h5ad"
    explained = read_raw_table(path)
    assert len(explained.sample_ids) == 6
    anndata = pytest.importorskip("anndata")
    found, asvs = anndata.read_h5ad(path), read_columns_of(tmp_path / "out" / "asvs.tsv")
    assert found.var_names.tolist() == asvs["feature-id"]
    for output in found.varm["removal"]:
        column = [cell for cell in asvs[f"removal_effect_{output}"] if cell]
        given = found.varm["removal"][output].dropna()
        np.testing.assert_allclose(given, np.array(column, dtype=float), rtol=1e-4)
        assert found.layers[f"removal_{output}"].shape == found.shape


def read_columns_of(path: Path) -> dict[str, list[str]]:
    header, *lines = (line.split("\t") for line in path.read_text().splitlines())
    return {name: [line[place] for line in lines if line[0] != "#q2:types"] for place, name in enumerate(header)}
