"""Tables whose ASVs are names without DNA: collapsed to taxa, or of a reference with its own tree."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import aam
from aam.cli.main import main
from aam.config import ForestConfig, TrainConfig, from_flat
from aam.errors import InputError
from aam.learners.predictor import load_predictor
from aam.workflows.forest_baseline import fit_forest_baseline
from tests.factories import random_sequences

NUM_SAMPLES, NUM_TAXA = 30, 8
TAXA = [f"k__Bacteria;p__Firmicutes;g__{letter}" for letter in "ABCDEFGH"]
TREE = "((((A:1,B:1):1,C:1):1,D:1):1,(((E:1,F:1):1,G:1):1,H:1):1);"


def write(folder: Path, names: list[str], table: str = "t.tsv") -> pd.DataFrame:
    """A table in which the first taxon grows with age."""
    rng = np.random.default_rng(3)
    age = np.linspace(1, 60, NUM_SAMPLES)
    counts = rng.poisson(20, (NUM_SAMPLES, len(names)))
    counts[:, 0] = rng.poisson(3 * age)
    ids = [f"s{place}" for place in range(NUM_SAMPLES)]
    frame = pd.DataFrame(counts, index=ids, columns=names)
    frame.T.to_csv(folder / table, sep="\t", index_label="#OTU ID")
    pd.DataFrame({"age": age}, index=pd.Index(ids, name="sample-id")).to_csv(folder / "m.tsv", sep="\t")
    return frame


def options(folder: Path, **more: object) -> dict[str, object]:
    return {"table": [folder / "t.tsv"], "metadata": folder / "m.tsv", "metadata_column": "age", **more}


def predicted(folder: Path, model: Path, table: str = "t.tsv") -> np.ndarray:
    return aam.predict(model=model, table=folder / table, output=folder / "p.tsv", overwrite=True)["age"].predicted


@pytest.mark.parametrize("features", ["asv", "clr"])
def test_a_forest_of_taxa(tmp_path: Path, features: str) -> None:
    write(tmp_path, TAXA)
    asked = options(tmp_path, features=features, n_estimators=20, output=tmp_path / "rf.tsv", output_dir=tmp_path / "m")
    result = fit_forest_baseline(from_flat(ForestConfig, asked))
    found = result.predictions["validation"]
    rows = [int(str(name)[1:]) for name in found.sample_ids]
    assert np.corrcoef(found.predicted, np.linspace(1, 60, NUM_SAMPLES)[rows])[0, 1] > 0.9
    np.testing.assert_allclose(predicted(tmp_path, tmp_path / "m")[rows], found.predicted, rtol=1e-6)


def test_clades_of_taxa_need_a_tree(tmp_path: Path) -> None:
    write(tmp_path, list("ABCDEFGH"))
    asked = options(tmp_path, features="clades", n_estimators=20, output=tmp_path / "rf.tsv", output_dir=tmp_path / "m")
    with pytest.raises(InputError, match="ASV ids are not DNA"):
        fit_forest_baseline(from_flat(ForestConfig, asked))
    (tmp_path / "t.nwk").write_text(TREE)
    fit_forest_baseline(from_flat(ForestConfig, {**asked, "tree": tmp_path / "t.nwk"}))
    before = predicted(tmp_path, tmp_path / "m")
    # a name that the tree does not have is in no clade but the whole
    write(tmp_path, [*"ABCDEFG", "new"], "other.tsv")
    assert np.isfinite(predicted(tmp_path, tmp_path / "m", "other.tsv")).all()
    np.testing.assert_array_equal(predicted(tmp_path, tmp_path / "m"), before)


def test_a_blend_of_taxa(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write(tmp_path, list("ABCDEFGH"))
    (tmp_path / "t.nwk").write_text(TREE)
    asked = options(tmp_path, learners="no-dna", tree=tmp_path / "t.nwk", output_dir=tmp_path / "run", report=False)
    assert from_flat(TrainConfig, asked).learners.needs_dna is False
    aam.train(**asked)
    model = load_predictor(tmp_path / "run")
    assert model.manifest.data["asv_ids"] == "names"
    assert model.reference is not None
    assert list(model.reference.trees) == ["phylogeny"]
    names = [member.name for member in model.manifest.members]
    assert names == ["forest", "trees-phylogeny", "jaccard", "unifrac-phylogeny", "clr-linear", "clr-radial"]
    assert np.corrcoef(predicted(tmp_path, tmp_path / "run"), np.linspace(1, 60, NUM_SAMPLES))[0, 1] > 0.9
    write(tmp_path, [*"ABCDEFG", "new"], "other.tsv")
    predicted(tmp_path, tmp_path / "run", "other.tsv")
    told = pd.read_csv(tmp_path / "p.tsv", sep="\t")
    assert told["familiar_reads"].between(0.5, 0.99).all()
    assert told["novelty"].notna().all()
    assert "novelty unknown" not in set(told["warning"])
    assert main(["check", "--model", str(tmp_path / "run"), "--table", str(tmp_path / "other.tsv")]) == 0
    said = capsys.readouterr().out
    assert "30 samples, 8 ASVs\n" in said
    assert "bases" not in said
    write(tmp_path, [f"f__{letter}" for letter in "ABCDEFGH"], "family.tsv")
    with pytest.raises(InputError, match=r"other names than those of training \(0.0% of its reads .*allow_unfamiliar"):
        predicted(tmp_path, tmp_path / "run", "family.tsv")


def test_names_and_dna_are_not_mixed(tmp_path: Path) -> None:
    write(tmp_path, TAXA)
    asked = options(tmp_path, output_dir=tmp_path / "run", report=False)
    with pytest.raises(InputError, match=r"8 of 8 ASV ids are names of taxa .*learners no-dna"):
        aam.train(**asked)
    aam.train(**asked, learners="forest")
    write(tmp_path, random_sequences(NUM_TAXA), "dna.tsv")
    with pytest.raises(InputError, match=r"dna.tsv: the ASV ids have DNA .* the model knows names of ASVs"):
        predicted(tmp_path, tmp_path / "run", "dna.tsv")
    model, study = aam.load_model(tmp_path / "run"), aam.load_study(table=tmp_path / "dna.tsv")
    for asked in (model.predict, model.novelty):
        with pytest.raises(InputError, match="ids have DNA"):
            asked(study)


def test_an_estimator_of_taxa(tmp_path: Path) -> None:
    frame, age = write(tmp_path, TAXA), np.linspace(1, 60, NUM_SAMPLES)
    model = aam.AAMRegressor(learners="no-dna").fit(frame, age)
    study = aam.load_study(table=tmp_path / "t.tsv", needs_dna=False)
    np.testing.assert_allclose(model.predict(study), model.predict(frame))
    model.save(tmp_path / "m")
    np.testing.assert_allclose(aam.AAMRegressor.load(tmp_path / "m").predict(frame), model.predict(frame))
    for table in (frame, study):
        with pytest.raises(ValueError, match="no-dna"):
            aam.AAMRegressor().fit(table, age)
