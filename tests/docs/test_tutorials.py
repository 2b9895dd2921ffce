"""The tutorials run as they stand, and find what they say."""

from __future__ import annotations

import csv
import shutil
from pathlib import Path

import numpy as np
import pytest

from aam.cli.main import main
from aam.data.readers.metadata import read_metadata
from aam.data.readers.sequences import read_sequences
from aam.data.readers.table import read_raw_table
from aam.evaluation.prediction_table import read_columns
from tests.docs.test_documented_commands import MOUSE, PHYLOSEQ, ROOT, run_all

DATA = ROOT / "docs" / "tutorials" / "mouse"
WEEKS, OF_FOREST, OF_MEAN, NEW_MICE = 0.72, 0.95, 1.48, 0.58


def mean_error(path: Path) -> float:
    columns = read_columns(path)
    return float(np.abs(columns["predicted"].astype(float) - columns["observed"].astype(float)).mean())


def test_from_qiime2_to_a_figure(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for path in DATA.iterdir():
        shutil.copy(path, tmp_path)
    monkeypatch.chdir(tmp_path)
    said = run_all(MOUSE, capsys)
    assert "column 'host_subject_id' looks like groups of samples (12 values in 139 samples)" in said
    assert mean_error(tmp_path / "runs/age/out_of_fold_predictions.tsv") == pytest.approx(WEEKS, abs=0.03)
    assert mean_error(tmp_path / "new-mice.tsv") == pytest.approx(NEW_MICE, abs=0.03)
    new = {name: column for name, column in read_columns(tmp_path / "new-mice.tsv").items() if "predicted" in name}
    truth = read_columns(tmp_path / "new-mice.tsv")["observed"].astype(float)
    low, high = (new[f"predicted_{end}"].astype(float) for end in ("low", "high"))
    assert ((low <= truth) & (truth <= high)).sum() >= 44
    assert (tmp_path / "figures" / "predicted-observed.pdf").read_bytes().startswith(b"%PDF")
    page = (ROOT / MOUSE).read_text(encoding="utf-8")
    for figure in (WEEKS, OF_FOREST, OF_MEAN, NEW_MICE):
        assert f"{figure:.2f}" in page


def write_as_phyloseq(folder: Path) -> None:
    """What R writes of the study by the commands of the tutorial."""
    table, sheet = read_raw_table(DATA / "table.qza"), read_metadata(DATA / "metadata.tsv").select
    with (folder / "table.tsv").open("w", newline="") as file:
        writer = csv.writer(file, delimiter="\t", lineterminator="\n")
        writer.writerow(["", *table.sample_ids])
        writer.writerows([asv, *row] for asv, row in zip(table.asv_ids, table.counts.toarray().T.tolist(), strict=True))
    own = sheet(table.sample_ids)
    with (folder / "samples.tsv").open("w", newline="") as file:
        writer = csv.writer(file, delimiter="\t", lineterminator="\n")
        writer.writerow(["sample-id", *own.columns])
        writer.writerows(zip(own.sample_ids, *own.columns.values(), strict=True))
    known = read_sequences([DATA / "rep-seqs.qza"])
    lines = [f">{asv}\n{known[asv]}\n" for asv in table.asv_ids]
    (folder / "rep-seqs.fasta").write_text("".join(lines), encoding="utf-8")


def test_from_phyloseq(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    write_as_phyloseq(tmp_path)
    monkeypatch.chdir(tmp_path)
    assert "No problem found" in run_all(PHYLOSEQ, capsys)
    assert mean_error(tmp_path / "runs/age/out_of_fold_predictions.tsv") == pytest.approx(WEEKS, abs=0.03)


def test_a_header_that_r_leaves_short_is_understood(tmp_path: Path) -> None:
    """``write.table`` without ``col.names = NA``, with quotes."""
    write_as_phyloseq(tmp_path)
    header, *rows = [line.split("\t") for line in (tmp_path / "table.tsv").read_text().splitlines()]
    quoted = [[f'"{cell}"' for cell in header[1:]], *([f'"{row[0]}"', *row[1:]] for row in rows)]
    (tmp_path / "quoted.tsv").write_text("".join("\t".join(row) + "\n" for row in quoted))
    words = ["--sequences", str(tmp_path / "rep-seqs.fasta"), "--output", str(tmp_path / "d.tsv")]
    assert main(["unifrac", "--table", str(tmp_path / "quoted.tsv"), "--metric", "jaccard", *words]) == 0
    assert np.array_equal(
        read_raw_table(tmp_path / "quoted.tsv").counts.toarray(), read_raw_table(DATA / "table.qza").counts.toarray()
    )
