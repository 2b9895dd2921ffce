"""`aam embed` on a blend, a network, an encoder and a forest: its files, and what it refuses."""

from __future__ import annotations

import json
import shutil
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from scipy.spatial.distance import pdist, squareform
from skbio import OrdinationResults

import aam
from aam.errors import ConfigError, InputError
from aam.ordination.ordinations import principal_coordinates
from aam.phylogeny.tree import read_tree
from aam.phylogeny.unifrac import Phylogeny
from aam.workflows.embedding import extras
from aam.workflows.embedding.extras import no_markup
from tests.program import run_command
from tests.qiime2_metadata import read_qiime2

FEW = {"permutations": 19, "progress": False}


def inputs(study: Path, **more: Any) -> dict[str, Any]:
    return {"table": study / "table.biom", "metadata": study / "metadata.tsv", **FEW, **more}


def test_all_files_of_a_blend(study: Path, blend: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    words = ("--of", "samples,asvs,clades", "--format", "tsv,npy", "--colour", "gradient", "--colour", "group")
    more = {"tree": study / "tree.nwk", "training_table": study / "table.biom", "strata": "subject"}
    more |= {"training_metadata": study / "metadata.tsv", "neighbours": 2}
    out = tmp_path / "out"
    flags = inputs(study, **more, output_dir=out)
    flags.pop("progress")
    assert run_command("embed", blend, *words, "--no-progress", **flags) == 0
    said = capsys.readouterr().out
    assert "ordination: UniFrac and the learned distance of 60 samples; PERMANOVA of gradient, group" in said
    assert "nearest samples among 60 training samples" in said
    record = json.loads((out / "embedding.json").read_text())
    assert record["vectors"]["kind"] == "space of learners"
    assert sorted(record["files"]) == sorted(str(one.relative_to(out)) for one in out.rglob("*") if one.is_file())
    vectors = np.load(out / "sample_vectors.npy")
    ids = (out / "sample_vectors.ids.txt").read_text().split()
    for name, number in (("sample_vectors.tsv", 60), ("asv_vectors.tsv", 38), ("clade_vectors.tsv", None)):
        found, kinds = read_qiime2(out / name)
        assert number in (None, len(found))
        assert set(kinds.values()) == {"numeric"}
    rows = [line.split("\t") for line in (out / "sample_vectors.tsv").read_text().splitlines()[1:]]
    assert [row[0] for row in rows] == ids
    np.testing.assert_array_equal(np.array([row[1:] for row in rows], dtype=np.float32), vectors)
    read = OrdinationResults.read(str(out / "ordination_unifrac.ordination"))
    assert list(read.samples.index) == ids
    assert len((out / "permanova.tsv").read_text().splitlines()) == 5
    nearest = [line.split("\t") for line in (out / "nearest.tsv").read_text().splitlines()]
    assert nearest[0][:5] == ["sample-id", "farther_than", "neighbour_1", "distance_1", "gradient_1"]
    assert all(row[0] != row[2] for row in nearest[1:])
    assert "PERMANOVA" in (out / "report.html").read_text()
    assert {one.name for one in (out / "figures").iterdir()} >= {"ordination-gradient.pdf", "ordination-group.png"}


def test_the_other_distance_is_unifrac(study: Path, blend: Path) -> None:
    found = aam.embed(model=blend, **inputs(study, tree=study / "tree.nwk", rarefy_depth="none"))
    samples = aam.load_study(table=study / "table.biom")
    tree = read_tree(study / "tree.nwk")
    unifrac = Phylogeny(tree, list(samples.table.asv_ids)).unweighted_unifrac(samples.table.counts)
    known = principal_coordinates(unifrac, 10)
    np.testing.assert_allclose(found.ordinations["unifrac"].coordinates_NK, known.coordinates_NK, atol=1e-7)
    learned = squareform(pdist(found.samples.values.astype(float)))
    ours = np.corrcoef(unifrac[np.triu_indices(60, 1)], learned[np.triu_indices(60, 1)])[0, 1]
    assert found.agreement is not None
    assert found.agreement["correlation"][0] == pytest.approx(ours, abs=1e-6)


def test_vectors_are_those_of_python(study: Path, blend: Path) -> None:
    found = aam.embed(model=blend, **inputs(study, dimensions=64))
    model = aam.load_model(blend)
    assert found.summary[0].startswith("The learned distance between samples agrees")
    np.testing.assert_allclose(model.embed(aam.load_study(table=study / "table.biom")), found.samples.values, atol=1e-6)
    assert found.figures["ordination-gradient"].get_axes()
    assert found.coordinates("learned").to_frame().shape == (60, 11)
    assert found.samples.to_frame().shape == found.samples.values.shape
    with pytest.raises(ConfigError, match="overwrite is for output_dir"):
        aam.embed(model=blend, **inputs(study), overwrite=True)


def test_an_encoder_has_vectors_of_its_own(study: Path, encoder: Path) -> None:
    found = aam.embed(model=encoder, **inputs(study, of=("samples", "asvs", "clades"), colour=("group",)))
    assert found.samples.values.shape == (60, 16)
    assert "pre-trained encoder" in found.samples.words
    assert found.asvs is not None
    assert found.clades is not None
    assert found.asvs.values.shape == (38, 16)
    samples = aam.load_study(table=study / "table.biom")
    np.testing.assert_allclose(aam.load_model(encoder).embed(samples), found.samples.values, atol=1e-5)
    with pytest.raises(ConfigError, match="dimensions is for models that are no network"):
        aam.embed(model=encoder, **inputs(study, dimensions=3))


def test_draws_of_a_network_are_averaged(study: Path, encoder: Path) -> None:
    one, many = (aam.embed(model=encoder, **inputs(study, prediction_passes=n)).samples for n in (1, 3))
    assert "mean of 3 rarefied draws" in many.words
    assert 0 < np.abs(one.values - many.values).max() < 1


def test_a_forest_has_proximities(study: Path, tmp_path: Path) -> None:
    files = {"table": study / "table.biom", "metadata": study / "metadata.tsv", "metadata_column": "gradient"}
    forest = tmp_path / "forest"
    command = {**files, "n_estimators": 20, "output": tmp_path / "p.tsv", "output_dir": forest}
    assert run_command("rf-baseline", **command) == 0
    found = aam.embed(model=forest, **inputs(study))
    assert "samples of this table" in found.samples.words
    assert any("vectors of two tables cannot be compared" in note for note in found.findings.notes)


def test_of_many_samples_some_are_ordinated(study: Path, blend: Path) -> None:
    found = aam.embed(model=blend, **inputs(study, max_ordinated=20, where="gradient > 0.2"))
    assert len(found.ordinated_ids) == 20
    assert len(found.samples) > 20
    assert found.ordinations["bray_curtis"].coordinates_NK.shape[0] == 20


def test_two_samples_are_not_ordinated(study: Path, blend: Path, tmp_path: Path) -> None:
    ids = aam.load_study(table=study / "table.biom").sample_ids[:2]
    where = " OR ".join(f"[sample-id] = '{name}'" for name in ids)
    found = aam.embed(model=blend, **inputs(study, where=where, output_dir=tmp_path / "out"))
    assert found.ordinations == {}
    assert found.summary == ("Vectors of 2 samples were written.",)
    assert not (tmp_path / "out" / "figures").exists()


def test_a_column_that_says_nothing_is_not_tested(study: Path, blend: Path, tmp_path: Path) -> None:
    sheet = (study / "metadata.tsv").read_text().splitlines()
    lines = [f"{sheet[0]}\tsame\teach", *(f"{line}\tx\tn{row}" for row, line in enumerate(sheet[1:]))]
    (tmp_path / "m.tsv").write_text("\n".join(lines) + "\n")
    given = inputs(study, colour=("same", "each")) | {"metadata": tmp_path / "m.tsv"}
    found = aam.embed(model=blend, **given)
    assert found.permanova is not None
    assert found.permanova.size == 0


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"metric": "unifrac"}, "metric unifrac needs tree; without one try bray_curtis"),
        ({"root": "midpoint"}, "root needs tree"),
        ({"training_metadata": "m.tsv"}, "training_metadata needs training_table"),
        ({"colour": ("nothing",)}, "no column 'nothing'"),
        ({"where": "gradient > 99"}, "holds for none of 60 samples"),
        ({"of": ()}, "of names at least one of samples, asvs, clades"),
        ({"metadata": None, "colour": ("group",)}, "colour needs metadata"),
        ({"metadata": None, "where": "a = 1"}, "where needs metadata"),
        ({"metadata": None, "group_column": "a"}, "group_column needs metadata"),
    ],
)
def test_what_cannot_work_is_said(study: Path, blend: Path, changes: dict[str, Any], message: str) -> None:
    with pytest.raises((ConfigError, InputError), match=message):
        aam.embed(model=blend, **(inputs(study) | changes))


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"umap": True}, "umap needs nothing_there, which is not installed: pip install 'aam\\[umap\\]'"),
        ({"emperor": True}, "emperor needs nothing_there"),
    ],
)
def test_extras_are_named(study, blend, monkeypatch, given: dict[str, Any], words: str) -> None:
    monkeypatch.setattr(extras, "MODULES", dict.fromkeys(extras.MODULES, ("nothing_there",)))
    with pytest.raises(ConfigError, match=words):
        aam.embed(model=blend, **inputs(study), **given)


def test_a_run_is_not_overwritten(study: Path, blend: Path) -> None:
    with pytest.raises(InputError):
        aam.embed(model=blend, **inputs(study), output_dir=blend, overwrite=True)


def test_anndata_reads_the_vectors(study: Path, blend: Path, tmp_path: Path) -> None:
    anndata = pytest.importorskip("anndata")
    found = aam.embed(model=blend, **inputs(study, format=("h5ad",)), output_dir=tmp_path / "out")
    read = anndata.read_h5ad(tmp_path / "out" / "sample_vectors.h5ad")
    np.testing.assert_array_equal(read.X, found.samples.values)
    assert list(read.obs_names) == found.samples.ids.tolist()
    assert "group" in read.obs


@pytest.mark.skipif(find_spec("emperor") is None, reason="needs the extra emperor")
def test_emperor_draws_the_ordination(study: Path, blend: Path, tmp_path: Path) -> None:
    aam.embed(model=blend, **inputs(study, emperor=True), output_dir=tmp_path / "out")
    page = (tmp_path / "out" / "emperor_learned" / "index.html").read_text()
    assert "./emperor-support" in page
    assert (tmp_path / "out" / "emperor_learned" / "emperor-support").is_dir()


@pytest.mark.skipif(find_spec("umap") is None, reason="needs the extra umap")
def test_umap_lays_samples_out(study: Path, blend: Path) -> None:
    found = aam.embed(model=blend, **inputs(study, umap=True))
    assert found.umap is not None
    assert found.umap.shape == (60, 2)
    assert len(found.findings.layouts) == 3


def test_neighbours_are_training_samples_of_the_run(study: Path, blend: Path, tmp_path: Path) -> None:
    """A model in its run knows who trained it; the same model elsewhere takes all of the table."""
    run = tmp_path / "run"
    shutil.copytree(blend, run)
    trained = (run / "train_samples.txt").read_text().split()
    (run / "train_samples.txt").write_text("\n".join(trained[:30]) + "\n")
    given = inputs(study, training_table=study / "table.biom", neighbours=40)
    for model, number in ((run, 30), (run / "model", 30)):
        found = aam.embed(model=model, **given)
        assert found.nearest is not None
        assert {*found.nearest["neighbour_1"], *found.nearest["neighbour_30"]} - {""} <= set(trained[:30])
        assert found.findings.num_trained == number
    shutil.copytree(run / "model", tmp_path / "elsewhere")
    found = aam.embed(model=tmp_path / "elsewhere", **given)
    assert found.findings.num_trained is None
    assert found.nearest is not None
    assert set(found.nearest["neighbour_1"]) - set(trained[:30])
    (run / "train_samples.txt").write_text("somebody\n")
    with pytest.raises(InputError, match="holds none of the 1 training sample of the run"):
        aam.embed(model=run, **given)


def test_names_cannot_end_a_script():
    assert no_markup("a</script><b>") == "a\u2039/script>\u2039b>"


def test_groups_of_the_run_are_kept(study: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """As evaluate and explain do: repeated samples of a subject are no independent ones."""
    run = tmp_path / "run"
    words = ("--learners", "clr-linear", "--no-report", "--no-forest-baseline")
    given = {"table": study / "table.biom", "metadata": study / "metadata.tsv"}
    target = {"metadata_column": "gradient", "group_column": "subject"}
    assert run_command("train", *words, small=False, **given, **target, output_dir=run) == 0
    found = aam.embed(model=run, **inputs(study, colour=("group",)))
    assert found.permanova is not None
    assert "freely" not in set(found.permanova["permuted"])
    shutil.copytree(run / "model", tmp_path / "elsewhere")
    capsys.readouterr()
    flags = {**given, "permutations": 19, "colour": "group", "output_dir": tmp_path / "out"}
    assert run_command("embed", tmp_path / "elsewhere", **flags) == 0
    assert "'subject' looks like groups of samples" in capsys.readouterr().out
