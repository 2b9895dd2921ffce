"""`aam info` of every file that docs/formats.md lists, and of what other programs write."""

from __future__ import annotations

import gzip
import json
import re
import zipfile
from pathlib import Path

import numpy as np
import pytest

from aam.cli.main import main
from aam.data.distances.files import write_distances
from aam.runs.result_folder import result_folder
from aam.workflows.forest_baseline import _write_metrics
from tests.cli.commands.test_info import DESCRIPTION, info, refused, write_weights
from tests.factories import write_qza

FORMATS = Path(__file__).resolve().parents[2] / "docs" / "formats.md"
PREDICTED = "sample_id\tobserved\tpredicted\tpredicted_low\tpredicted_high\ns1\t3\t3.5\t1\t6\ns2\t\t4\t2\t7\n"
OPTIONS = "command: train\ntable:\n- t.biom\nmetadata: m.tsv\nmetadata_column: age\n"
LOG = "2026-11-30 07:23:56 $ aam train --table t.biom\n2026-11-30 07:23:57 40 samples\n"
METRICS = "predictor\tmetric\tvalue\tlow\thigh\tfold_mean\nmodel\tmae\t7.2\t5.9\t8.4\t7.1\n"
STUDIES = "study\tsamples\tpredictor\tmetric\tvalue\tlow\thigh\na\t9\tmodel\tmae\t3.1\t2.9\t3.4\n"
RECORD = {"command": "aam train", "inputs": [], "environment": {}}
COVERED = {"age": {"part": "test", "level": 0.9, "calibration": {}, "found": []}}
STRANGE = {"what": "loss", "step": 7, "epoch": 1, "gradient_norm": 1.0, "batches": []}
ENTRY = {"source": "runs/age", "added": "2026-11-30", "files": [], "sha256": []}
PAGE = '<!doctype html>\n<title>a</title>\n<p class="kicker">AAM report</p>'

WRITTEN = {
    "config.yaml": (OPTIONS, "the options of aam train"),
    "final_model.yaml": (OPTIONS, "the options of aam train"),
    "data.json": (json.dumps(RECORD), "the record of a run"),
    "train_samples.txt": ("s1\ns2\n", "a list of ids, one a line"),
    "val_samples.txt": ("10317.0001\n", "a list of ids, one a line"),
    "test_samples.txt": ("s1\n", "a list of ids, one a line"),
    "metrics.csv": ("epoch,train_loss,val_loss\n1,0.5,0.6\n2,0.4,0.5\n", "losses and metrics of a training, by epoch"),
    "val_predictions.tsv": (PREDICTED, "predictions"),
    "test_predictions.tsv": (PREDICTED, "predictions"),
    "out_of_fold_predictions.tsv": (PREDICTED, "predictions"),
    "forest_predictions.tsv": ("part\tsample_id\tobserved\tpredicted\ntest\ts1\t3\t4\n", "predictions"),
    "cv_predictions.tsv": ("repeat\tfold\tsample_id\tobserved\tpredicted\n1\t1\ts1\t3\t4\n", "predictions"),
    "cv_forest_predictions.tsv": ("repeat\tfold\tsample_id\tobserved\tpredicted\n1\t1\ts1\t3\t4\n", "predictions"),
    "forests/repeat1-fold1.tsv": (PREDICTED, "predictions"),
    "coverage.json": (json.dumps(COVERED), "the coverage of intervals of a run"),
    "sample_embeddings.tsv": (
        "sample_id\tpart\tobserved\t0\t1\t2\ns1\ttrain\t3\t0.1\t-2\t1e-05\n",
        "sample vectors of a model",
    ),
    "finished.json": ('{"best_epoch": 1, "best_value": 0.5, "epochs": 3}', "the mark of a finished run"),
    "nonfinite-STEP.json": (json.dumps(STRANGE), "a step of a training that was not finite"),
    "log.txt": (LOG, "the log of a run"),
    "report.html": (PAGE, "a report of AAM"),
    "report_interactive.html": (
        PAGE,
        "a report of AAM",
    ),
    "cv_metrics.tsv": (METRICS, "metrics of predictions"),
    "cv_studies.tsv": (STUDIES, "metrics of predictions"),
    "config.json": (json.dumps(DESCRIPTION), "the description of a model"),
    "entry.json": (json.dumps(ENTRY), "where a model of the index is from"),
    "README.md": ("# AAM model\n\nPredicts `age`.\n", "the card of a model"),
    "tracking.json": (
        '{"wandb": {"id": "0d28af", "where": "aam"}}',
        "where the entries of a run in trackers are",
    ),
    "wandb/": ("", "what Weights & Biases keeps of a run until it is sent"),
    "tensorboard/": ("", "curves for TensorBoard"),
    "checkpoints/": ("", "checkpoints of an unfinished run"),
    "folds/repeat1-fold1/": (OPTIONS, "a folder of 1 run"),
    "members/1/": (OPTIONS, "a folder of 1 run"),
    "lists/repeat1-fold1/": ("", "samples of folds"),
}
"""File of docs/formats.md -> an example, and the title that `aam info` gives it."""
MODELS = {"model/", "baseline/", "model.safetensors"}


def listed_files() -> set[str]:
    """Every file and folder that docs/formats.md says AAM writes."""
    text = FORMATS.read_text().partition("## Run directory")[2].partition("## Other outputs")[0]
    rows = [line.split("|")[1] for line in text.splitlines() if line.startswith("| `")]
    prose = re.findall(r"`([\w./-]+(?:\.safetensors|\.json|\.md|/))`", text)
    found = {name for row in rows for name in re.findall(r"`([^`]+)`", row)} | set(prose)
    return {name for name in found if re.search(r"\.[a-z]+$|/$", name)}


def test_the_list_is_complete() -> None:
    assert listed_files() == {*WRITTEN, *MODELS}


@pytest.mark.parametrize("name", WRITTEN)
def test_what_aam_writes(name: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    content, title = WRITTEN[name]
    path = tmp_path / name
    if name.endswith("/"):
        path.mkdir(parents=True)
        of_folder = {"lists": "train_samples.txt", "folds": "config.yaml", "members": "config.yaml"}
        (path / of_folder.get(name.split("/", 1)[0], "last.file")).write_text(content)
        path = tmp_path / name.split("/", 1)[0]
    else:
        path.parent.mkdir(exist_ok=True)
        path.write_text(content)
    found, facts = info(path, capsys)
    assert found == title
    assert facts


def test_models(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for folder in ("model", "baseline"):
        weights = write_weights(tmp_path / folder / "model.safetensors", {"aam": json.dumps(DESCRIPTION)})
        assert info(weights.parent, capsys)[0] == info(weights, capsys)[0] == "a trained model"


def test_what_is_in_tables(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "p.tsv"
    path.write_text(PREDICTED)
    facts = info(path, capsys)[1]
    assert facts["samples"] == "2 (s1, s2)"
    assert facts["observed"] == "1 of 2"
    path.write_text(PREDICTED.replace("\t", ",").replace("sample_id", "sample-id"))
    assert info(path, capsys)[1] == {**facts, "columns": facts["columns"].replace("sample_id", "sample-id")}
    path.write_text(WRITTEN["cv_predictions.tsv"][0].replace("predicted", "predicted_low_age\tpredicted_age"))
    facts = info(path, capsys)[1]
    assert (facts["fold"], facts["targets"]) == ("1 (1)", "age")
    path.write_text(METRICS)
    assert info(path, capsys)[1]["model mae"] == "7.2 (5.9 to 8.4)"


def test_metrics_of_a_baseline(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    from aam.evaluation.catalogue import Interval

    _write_metrics(tmp_path / "m.tsv", {("test", "forest"): {"mae": Interval(1.5, 1.0, 2.0)}}, {"test": 7})
    assert info(tmp_path / "m.tsv", capsys)[1]["test forest mae"] == "1.5 (1 to 2)"


@pytest.mark.parametrize("name", ["d.tsv", "d.npy", "d.h5"])
def test_distances_that_aam_writes(name: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    from aam.data.distances.blocks import Block

    block = Block(slice(0, 2), slice(0, 2), np.array([[0, 0.5], [0.5, 0]]))
    write_distances(tmp_path / name, ["s1", "s2"], [block])
    title, _ = info(tmp_path / name, capsys)
    assert title == ("a NumPy array" if name.endswith("npy") else "distances between samples")
    for ids in tmp_path.glob("*.txt"):
        assert info(ids, capsys)[0] == "a list of ids, one a line"


def test_a_simulated_study(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    words = ["--samples", "12", "--asvs", "20", "--asvs-per-sample", "8", "--reads", "200"]
    assert main(["simulate", "--output-dir", str(tmp_path / "s"), *words]) == 0
    capsys.readouterr()
    titles = {path.name: info(path, capsys)[0] for path in (tmp_path / "s").iterdir()}
    assert titles == {
        "README.txt": "what a simulated study was made with",
        "metadata.tsv": "sample metadata",
        "table.biom": "a feature table",
        "tree.nwk": "a tree",
        "truth.tsv": "what a simulated study was made from",
    }
    title, facts = info(tmp_path / "s", capsys)
    assert title == "a study"
    assert facts["used with"].startswith("aam check --table ")


@pytest.mark.parametrize(
    ("text", "title"),
    [
        ('""\t"s1"\t"s2"\n"ACGTACGTAGGT"\t9\t0\n', "a feature table"),
        ("#OTU ID,s1,s2\nACGTACGTAGGT,9,0\n", "a feature table"),
        ("Feature ID\ts1\ts2\tTaxon\nx\t9\t0\tk__Bacteria\n", "a feature table"),
        ("OTU\ts1\ts2\nk__Bacteria;p__A\t9\t0\n", "a feature table"),
        ('"s1" "s2"\n"ACGTACGTAGGT" 9 0\n"ACGTACGTAGGA" 1 2\n', "a feature table"),
        ("Feature ID\tTaxon\tConfidence\nx\tk__Bacteria\t1.0\n", "a taxonomy"),
        ("#SampleID\tage\n#q2:types\tnumeric\ns1\t3\n", "sample metadata"),
        ("id\tage\tsite\ns1\t3\tgut\n", "sample metadata"),
        ("species,length\nsalmon,3.5\n", "a table of text, of no kind that AAM knows (with commas)"),
        ("name\tnote\nx\ty\n", "a table of text, of no kind that AAM knows (with tabs)"),
    ],
)
@pytest.mark.parametrize("packed", [False, True])
def test_tables_of_text(
    text: str, title: str, packed: bool, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "x"
    path.write_bytes(gzip.compress(text.encode()) if packed else text.encode())
    assert info(path, capsys)[0] == title


def test_what_the_ids_of_a_table_are(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "t.tsv"
    path.write_text("#OTU ID\ts1\nk__Bacteria;p__A\t9\nk__Bacteria;p__B\t1\n")
    assert info(path, capsys)[1]["ASV ids"].startswith("names of taxa: the table is collapsed; aam rf-baseline")
    path.write_text(f"#OTU ID\t{'0' * 32}\t{'1' * 32}\ns1\t9\t3\n")
    assert "the table seems transposed" in info(path, capsys)[1]["note"]


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"@read1\nACGTN\n+\nIIIII\n", "holds reads (FASTQ), which AAM does not read; make a feature table"),
        (gzip.compress(b"@read1 1:N:0\nACGTN\n+read1\nIIIII\n"), "holds reads (FASTQ)"),
        (gzip.compress(b"RDX3\n\0\0"), "is an .RData file; in R: saveRDS"),
        (b"PAR1\x15\x04", "is a Parquet file"),
        (b"<!DOCTYPE html><html>404</html>", "is an HTML page; was an error page saved in place of a download?"),
        (b"\x80\x04\x95", "is a pickle, which AAM does not read; pickles are never loaded"),
        (b"Dear all, see the table\nbest wishes\n", "is not a format that AAM reads"),
    ],
)
def test_files_of_others(content: bytes, words: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "x").write_bytes(content)
    assert words in refused(tmp_path / "x", capsys)


def test_archives_of_others(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with zipfile.ZipFile(tmp_path / "x.xlsx", "w") as file:
        file.writestr("xl/worksheets/sheet1.xml", "<x/>")
    assert "is an Excel file, which AAM does not read; save it as tab-separated text" in refused(
        tmp_path / "x.xlsx", capsys
    )
    write_qza(tmp_path / "t.qza", "FeatureTable[RelativeFrequency]", b"x", "feature-table.biom")
    assert info(tmp_path / "t.qza", capsys)[1]["instead"] == "give the FeatureTable[Frequency] that it was made from"
    (tmp_path / "f.svg").write_text('<svg xmlns="http://www.w3.org/2000/svg"/>')
    assert info(tmp_path / "f.svg", capsys)[0] == "a figure (SVG)"


def test_a_folder_of_results(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with result_folder(tmp_path / "found", "explanation.json", overwrite=False) as folder:
        folder.record["targets"] = {"age": {"kind": "regression"}}
        (folder.path / "effects.tsv").write_text("method\n")
        (folder.path / "report.html").write_text("<p>")
    title, facts = info(tmp_path / "found", capsys)
    assert title == "results of aam explain"
    assert facts["files"] == "effects.tsv, report.html, explanation.json"
    assert facts["targets"] == "age"
    assert info(tmp_path / "found" / "explanation.json", capsys)[0] == "the record of aam explain"
    assert facts["report"] == str(tmp_path / "found" / "report.html")
