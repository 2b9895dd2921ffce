"""Tables of the other strand, or of longer sequences, from training to prediction."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

import aam
from aam.data.readers.strand import reverse_complement
from aam.data.readers.table import read_raw_table
from aam.errors import ConfigError
from aam.evaluation.prediction_table import read_columns
from aam.models.folder.container import read_model_folder
from tests.data.study_files import caterpillar, write_table
from tests.program import run_command

LENGTH = 40
ANYWAY = "--allow-unfamiliar"


@pytest.fixture(scope="module")
def tables(study: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """The study's table as it is, with ten more bases of each sequence, and with the other strand of these."""
    folder = tmp_path_factory.mktemp("strands")
    raw = read_raw_table(study / "table.biom")
    rng = np.random.default_rng(3)
    longer = [asv + "".join(rng.choice(list("ACGT"), 10)) for asv in raw.asv_ids]
    asvs = {"same": raw.asv_ids, "longer": longer, "turned": [reverse_complement(asv) for asv in longer]}
    for name, sequences in asvs.items():
        write_table(folder / f"{name}.tsv", raw.counts.toarray(), raw.sample_ids, sequences)
    return {name: folder / f"{name}.tsv" for name in asvs}


def predicted(folder: Path, model: Path, table: Path, *words: str) -> np.ndarray:
    """What a model predicts of a table."""
    output = folder / "predictions.tsv"
    assert run_command("predict", *words, "--overwrite", table=table, model=model, output=output) == 0
    return read_columns(output)["predicted"].astype(float)


def treatment(model: Path) -> dict[str, Any]:
    return read_model_folder(model).manifest.data


def forest(folder: Path, name: str, study: Path, table: Path, *words: str) -> Path:
    """A forest, which is fitted to a table and kept."""
    sizes = {"n_estimators": 5, "n_jobs": 1, "metadata_column": "gradient", "metadata": study / "metadata.tsv"}
    output, model = folder / f"{name}.tsv", folder / name
    assert run_command("rf-baseline", *words, table=table, output=output, output_dir=model, **sizes) == 0
    return model


def test_a_forest_repeats_what_was_done_to_sequences(study: Path, tables: dict[str, Path], tmp_path: Path) -> None:
    trim = ("--trim-length", str(LENGTH))
    plain = forest(tmp_path, "plain", study, tables["same"], *trim)
    turned = forest(tmp_path, "turned", study, tables["turned"], *trim, "--reverse-complement", "yes")
    assert (treatment(plain)["trim_length"], treatment(plain)["reverse_complement"]) == (LENGTH, "no")
    assert (treatment(turned)["trim_length"], treatment(turned)["reverse_complement"]) == (LENGTH, "yes")
    expected = predicted(tmp_path, plain, tables["same"])
    assert np.ptp(expected) > 0
    assert predicted(tmp_path, plain, tables["longer"]) == pytest.approx(expected)
    assert predicted(tmp_path, turned, tables["turned"]) == pytest.approx(expected)
    assert predicted(tmp_path, turned, tables["same"], "--reverse-complement", "no") == pytest.approx(expected)
    assert predicted(tmp_path, plain, tables["turned"], ANYWAY) != pytest.approx(expected)
    assert predicted(tmp_path, plain, tables["turned"], "--reverse-complement", "yes") == pytest.approx(expected)


def test_a_blend_finds_the_strand_of_its_training(
    study: Path, tables: dict[str, Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ["--learners", "jaccard", "--reverse-complement", "auto", "--trim-length", str(LENGTH)]
    told = {"metadata_column": "gradient", "metadata": study / "metadata.tsv"}
    run = tmp_path / "run"
    assert run_command("train", *words, table=tables["same"], output_dir=run, small=False, **told) == 0
    assert "same.tsv: nothing to compare the only table with (--reverse-complement auto)" in capsys.readouterr().out
    assert treatment(run)["reverse_complement"] == "auto"
    expected = predicted(tmp_path, run, tables["same"])
    assert "reverse complements" not in capsys.readouterr().out
    assert predicted(tmp_path, run, tables["turned"]) == pytest.approx(expected)
    assert "turned.tsv: read as reverse complements, which fit the model (100% of" in capsys.readouterr().out
    assert predicted(tmp_path, run, tables["turned"], "--reverse-complement", "no", ANYWAY) != pytest.approx(expected)


def test_a_network_repeats_it_too(study: Path, tables: dict[str, Path], tmp_path: Path) -> None:
    told = {"metadata_column": "gradient", "metadata": study / "metadata.tsv", "epochs": 1}
    words = ["--reverse-complement", "yes", "--trim-length", str(LENGTH)]
    assert run_command("train", *words, table=tables["turned"], output_dir=tmp_path / "run", **told) == 0
    assert treatment(tmp_path / "run")["reverse_complement"] == "yes"
    expected = predicted(tmp_path, tmp_path / "run", tables["turned"])
    other = predicted(tmp_path, tmp_path / "run", tables["same"], "--reverse-complement", "no")
    assert other == pytest.approx(expected, abs=1e-4)


def test_python_reads_studies_in_the_same_way(tables: dict[str, Path]) -> None:
    one, two = (aam.load_study(table=tables[name], trim_length=LENGTH) for name in ("same", "longer"))
    turned = aam.load_study(table=tables["turned"], trim_length=LENGTH, reverse_complement="yes")
    assert one.table.sequences.tolist() == two.table.sequences.tolist() == turned.table.sequences.tolist()
    assert (one.table.counts != turned.table.counts).nnz == 0
    with pytest.raises(ConfigError, match="reverse_complement must be 'auto' or 'yes' or 'no'"):
        aam.load_study(table=tables["same"], reverse_complement=True)


@pytest.mark.parametrize("named_by", ["ids", "sequences"])
def test_tips_are_named_by_ids_or_by_turned_sequences(tables: dict[str, Path], tmp_path: Path, named_by: str) -> None:
    ids = read_raw_table(tables["turned"]).asv_ids
    tips = ids if named_by == "ids" else [reverse_complement(asv) for asv in ids]
    (tmp_path / "tree.nwk").write_text(caterpillar(tips, np.random.default_rng(0)))
    study = aam.load_study(table=tables["turned"], reverse_complement="yes", tree=tmp_path / "tree.nwk")
    assert study.tree is not None
    assert len(study.tree.names) == len(study.lengths) > 0
    assert set(study.tree.names) <= set(tips)
    assert set(study.table.asv_ids) <= set(ids)


def test_distances_and_what_comes_next(
    tables: dict[str, Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ["--metric", "bray_curtis", "--reverse-complement", "yes", "--trim-length", str(LENGTH)]
    assert run_command("unifrac", *words, table=tables["turned"], output=tmp_path / "turned.tsv") == 0
    assert f"--trim-length {LENGTH} --reverse-complement yes" in capsys.readouterr().out
    words[3] = "no"
    assert run_command("unifrac", *words, table=tables["same"], output=tmp_path / "same.tsv") == 0
    assert (tmp_path / "turned.tsv").read_text() == (tmp_path / "same.tsv").read_text()
