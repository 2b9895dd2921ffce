"""The pages on AnnData, DADA2, mothur and phyloseq run as they stand, on tiny files."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from aam.cli.main import main
from aam.data.readers.table import read_raw_table
from aam.evaluation.prediction_table import read_columns
from tests.docs.test_documented_commands import run_all
from tests.factories import random_counts, related_sequences
from tests.foreign_files import R, write_count_table, write_h5ad, write_sequence_table, write_shared

NUMBER, ASVS = 32, 12
SEQUENCES = related_sequences(ASVS, 60)
SAMPLES = [f"F3D{number}" for number in range(NUMBER)]
COUNTS = random_counts(NUMBER, ASVS) * 5
AGES = [float(COUNTS[sample, 0] % 17 + sample % 3) for sample in range(NUMBER)]
SUBJECTS = [f"p{sample % 8}" for sample in range(NUMBER)]
SMALL = {
    "train": ("--learners", "jaccard", "--no-report", "--no-forest-baseline"),
    "embed": ("--permutations", "9"),
    "explain": ("--max-samples", "4"),
}


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    rows = zip(SAMPLES, AGES, SUBJECTS, strict=True)
    text = "".join(f"{name}\t{age}\t{subject}\n" for name, age, subject in rows)
    (tmp_path / "samples.tsv").write_text(f"sample-id\tage\tsubject\n{text}")
    return tmp_path


def assert_learned(folder: Path) -> None:
    found = read_columns(folder / "runs/age/out_of_fold_predictions.tsv")
    assert sorted(found["sample-id"].tolist()) == sorted(SAMPLES)


def test_from_anndata_and_back(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    obs = {"age": AGES, "subject": SUBJECTS}
    write_h5ad(folder / "gut.h5ad", COUNTS, SAMPLES, SEQUENCES, obs=obs)
    assert "No problem found" in run_all("docs/tutorials/anndata.md", capsys, SMALL)
    assert_learned(folder)
    for name in ("predicted.h5ad", "vectors/study.h5ad", "explained/explanation.h5ad"):
        assert set(read_raw_table(folder / name).asv_ids) == set(SEQUENCES)


def test_from_dada2(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write_sequence_table(folder / "seqtab.csv", COUNTS, SAMPLES, SEQUENCES)
    assert "No problem found" in run_all("docs/tutorials/dada2.md", capsys, SMALL)
    assert_learned(folder)


def test_from_mothur(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    names = [f"M00967_43_{number}" for number in range(ASVS)]
    otus = [f"Otu{number:03d}" for number in range(1, ASVS + 1)]
    write_count_table(folder / "final.count_table", COUNTS, SAMPLES, names, compressed=True)
    write_shared(folder / "final.shared", COUNTS, SAMPLES, otus, "unique", "0.03")
    for path, headers in (
        ("final.fasta", names),
        ("final.0.03.rep.fasta", [f"{name}\t{otu}|9|F3D0" for name, otu in zip(names, otus, strict=True)]),
    ):
        lines = (f">{header}\n{text}\n" for header, text in zip(headers, SEQUENCES, strict=True))
        (folder / path).write_text("".join(lines))
    assert run_all("docs/tutorials/mothur.md", capsys, SMALL).count("No problem found") == 2
    assert_learned(folder)


def test_from_a_phyloseq_object(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The command that the page on phyloseq names in its text."""
    pytest.importorskip("rdata")
    frame = R.frame(SAMPLES, {"age": R.reals(AGES), "subject": R.texts(SUBJECTS)})
    (folder / "ps.rds").write_bytes(R.file(R.phyloseq(COUNTS.T, SEQUENCES, SAMPLES, taxa=True, frame=frame)))
    words = ["--table", "ps.rds", "--metadata", "ps.rds", "--metadata-column", "age", "--no-estimate-time"]
    assert main(["check", *words]) == 0
    assert f"{NUMBER} samples of {NUMBER}" in capsys.readouterr().out
    assert np.array_equal(read_raw_table(folder / "ps.rds").counts.toarray(), COUNTS)
