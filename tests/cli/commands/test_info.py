from __future__ import annotations

import gzip
import hashlib
import json
import shlex
import struct
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml

from aam.cli.main import main
from aam.cli.options import parse
from aam.config import to_flat
from aam.models.folder.migrations import FORMAT
from aam.runs.directory import RunDirectory, environment
from aam.runs.record_schema import SAME
from tests.factories import (
    TABLE_WRITERS,
    random_counts,
    random_sequences,
    write_fasta,
    write_qza,
    write_table_qza,
)

SEQUENCES = random_sequences(6)
SAMPLES = ["s1", "s2", "s3", "s4"]
COUNTS = random_counts(4, 6)
NEWICK = "((a:0.1,b:0.2):0.1,c:0.3);"
TAXONOMY = "Feature ID\tTaxon\nx\td__Bacteria; p__Firmicutes\ny\td__Bacteria\n"
SQUARE = "\ts1\ts2\ts3\ns1\t0\t0.5\t0.25\ns2\t0.5\t0\t1\ns3\t0.25\t1\t0\n"
NETWORK = {"kind": "network", "model": {"embedding_dim": 16, "num_soft_clades": 8}}
DESCRIPTION = {
    "format": FORMAT,
    "aam": "0.1.0",
    "kind": "predictor",
    "members": [NETWORK],
    "weights": [],
    "targets": {"specs": [{"column": "age", "classes": []}]},
    "data": {"trim_length": None, "rarefy_depth": 500},
    "record": {"trained on": "30 samples"},
}


def info(path: Path, capsys: pytest.CaptureFixture[str]) -> tuple[str, dict[str, str]]:
    """What is said: the title, and the value of each fact."""
    assert main(["info", str(path)]) == 0
    title, *lines = capsys.readouterr().out.splitlines()
    facts = dict(line.strip().split("  ", 1) for line in lines)
    return title.removeprefix(f"{path}: "), {name: value.strip() for name, value in facts.items()}


def refused(path: Path, capsys: pytest.CaptureFixture[str]) -> str:
    assert main(["info", str(path)]) == 2
    return capsys.readouterr().err


def write_weights(path: Path, metadata: dict[str, str]) -> Path:
    """A safetensors file with a matrix of 2 x 3 and a vector of 4."""
    entries = {
        "__metadata__": metadata,
        "a": {"dtype": "F32", "shape": [2, 3], "data_offsets": [0, 24]},
        "b": {"dtype": "F32", "shape": [4], "data_offsets": [24, 40]},
    }
    header = json.dumps(entries).encode()
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(struct.pack("<Q", len(header)) + header + bytes(40))
    return path


@pytest.mark.parametrize("form", TABLE_WRITERS)
def test_tables(form: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    title, facts = info(TABLE_WRITERS[form](tmp_path / "t.file", COUNTS, SAMPLES, SEQUENCES), capsys)
    assert title.startswith("a feature table")
    assert facts["samples"].startswith("4 (s1")
    assert facts["ASVs"].startswith("6 ")
    assert facts["reads"] == str(COUNTS.sum())
    assert facts["ASV ids"] == "DNA"
    assert facts["bases per ASV"] == "20"


def test_a_table_with_hashes(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    ids = [f"{number:032x}" for number in range(6)]
    _, facts = info(write_table_qza(tmp_path / "t.qza", COUNTS, SAMPLES, ids), capsys)
    assert "give the sequences with --sequences" in facts["ASV ids"]
    assert "bases per ASV" not in facts


@pytest.mark.parametrize("packed", [False, True])
@pytest.mark.parametrize(
    ("kind", "content", "expected", "name", "value"),
    [
        ("Phylogeny[Rooted]", NEWICK, "a tree", "root to tip", "0.2 to 0.3, mean 0.2667"),
        ("FeatureData[Taxonomy]", TAXONOMY, "a taxonomy", "level 2", "1 ASVs known"),
        ("DistanceMatrix", SQUARE, "distances between samples", "distances", "0.25 to 1, median 0.5"),
        ("FeatureData[Sequence]", f">a\n{SEQUENCES[0]}\n>b\n{SEQUENCES[0]}\n", "sequences", "different", "1"),
    ],
)
def test_what_goes_with_a_table(
    packed: bool, kind: str, content: str, expected: str, name: str, value: str,
    tmp_path: Path, capsys: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    path = tmp_path / "x.file"
    if packed:
        write_qza(path, kind, content.encode())
    else:
        path.write_text(content)
    title, facts = info(path, capsys)
    assert title == (f"{expected} in a QIIME 2 archive ({kind})" if packed else expected)
    assert facts[name] == value


def test_an_unrooted_tree(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "t.nwk").write_text("(a:0.1,b:0.2,c:0.3);")
    assert info(tmp_path / "t.nwk", capsys)[1]["rooted"] == "no; use --root midpoint, or given if it is"


def test_a_tree_that_is_read_otherwise_than_written(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "t.nwk.gz"
    path.write_bytes(gzip.compress(b"((a:0.1,b:-0.2)x,c:0.3);\r\n"))
    title, facts = info(path, capsys)
    assert title == "a tree"
    assert facts["rooted"] == "yes"
    assert facts["branches"] == "4, 0.4 long in all"
    assert facts["note"].startswith("1 negative branch is set to 0 (largest -0.2, ")


def test_an_array(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    np.save(tmp_path / "d.npy", np.zeros((3, 3), dtype=np.float32))
    title, facts = info(tmp_path / "d.npy", capsys)
    assert title == "a NumPy array"
    assert facts["values"] == "3 x 3 float32"
    assert "--distance-ids" in facts["sample ids"]


def test_a_sample_sheet(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    rows = [
        "sample-id\tage\tsite\tnone\tbits\tph",
        "s1\t3\tgut\t\t0\t5",
        "s2\t7.5\tgut\tNA\t1\ttbd",
        "s3\t\tskin\t\t0\t6.5",
        "s4\t9\t\t\t1\t7",
    ]
    (tmp_path / "m.tsv").write_text("\n".join(rows) + "\n")
    title, facts = info(tmp_path / "m.tsv", capsys)
    assert title == "sample metadata"
    assert facts["age"] == "numbers from 3 to 9, 1 missing"
    assert facts["site"] == "2 classes (gut, skin), 1 missing"
    assert facts["none"] == "all missing"
    assert facts["bits"] == "2 classes (0, 1)"
    assert facts["ph"] == "numbers from 5 to 7, 1 cell with words (tbd)"


def test_an_artifact_that_is_metadata(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    kind = "SampleData[AlphaDiversity]"
    write_qza(tmp_path / "a.qza", kind, b"\tshannon\ns1\t3.5\ns2\t2\ns3\t4\n", "alpha-diversity.tsv")
    title, facts = info(tmp_path / "a.qza", capsys)
    assert title == f"sample metadata in a QIIME 2 archive ({kind})"
    assert facts["shannon"] == "numbers from 2 to 4"


def test_an_archive_of_something_else(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write_qza(tmp_path / "v.qzv", "Visualization", b"<html>", "index.html")
    title, facts = info(tmp_path / "v.qzv", capsys)
    assert title == "a QIIME 2 archive of Visualization, which AAM does not read"
    assert facts["instead"].startswith("look at it with qiime tools view")


def test_a_model(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    weights = write_weights(tmp_path / "model" / "model.safetensors", {"aam": json.dumps(DESCRIPTION)})
    for path in (weights, weights.parent):
        title, facts = info(path, capsys)
        assert title == "a trained model"
        assert facts["parameters"] == "10 in 2 arrays"
        assert facts["predicts"] == "'age', a number"
        assert facts["rarefy depth"] == "500"
        assert "trim length" not in facts
        assert facts["trained on"] == "30 samples"
        assert facts["novelty"].startswith("not judged")
        assert facts["used with"] == "aam predict --model"


def test_what_novelty_is_judged_by(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    known = {"own_asvs": True, "limits": [0.02, 0.24, 519], "fewest_reads": 2080}
    content = json.dumps({**DESCRIPTION, "familiarity": known})
    _, facts = info(write_weights(tmp_path / "model.safetensors", {"aam": content}), capsys)
    assert facts["novelty"] == "judged by 519 training samples, of 2,080 reads or more"


@pytest.mark.parametrize(
    ("targets", "expected"),
    [
        ([("age", []), ("weight", [])], "'age', 'weight': 2 numbers"),
        ([("site", ["gut", "skin"])], "'site', one of 2 classes"),
    ],
)
def test_an_ensemble_and_what_it_predicts(
    targets: list[tuple[str, list[str]]], expected: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    specs = [{"column": column, "classes": classes} for column, classes in targets]
    content = json.dumps({**DESCRIPTION, "members": [NETWORK] * 3, "targets": {"specs": specs}})
    title, facts = info(write_weights(tmp_path / "model.safetensors", {"aam": content}), capsys)
    assert title == "an ensemble of 3 trained models"
    assert facts["members"] == "3 networks: the mean of their predictions"
    assert facts["predicts"] == expected


def test_a_run_of_an_ensemble_says_how_far_it_is(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    config = {"command": "train", "table": ["t.biom"], "metadata": "m.tsv", "metadata_column": ["age"], "ensemble": 3}
    (tmp_path / "config.yaml").write_text(yaml.safe_dump(config))
    for number in (1, 2):
        (tmp_path / "members" / str(number)).mkdir(parents=True)
    (tmp_path / "members" / "1" / "finished.json").write_text("{}")
    assert info(tmp_path, capsys)[1]["ensemble"] == f"1 of 3 members are finished ({tmp_path / 'members'})"


def test_an_encoder(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    content = json.dumps({**DESCRIPTION, "targets": None})
    title, facts = info(write_weights(tmp_path / "model.safetensors", {"aam": content}), capsys)
    assert title == "a pre-trained encoder"
    assert facts["used with"] == "aam train --pretrained-encoder"


@pytest.mark.parametrize(
    ("kinds", "weights", "expected"),
    [
        (["forest"], [], "1 forest"),
        (["network", "network", "forest"], [], "2 networks, 1 forest: the mean of their predictions"),
        (
            ["network", "forest"],
            [[0.25], [0.75]],
            "network (0.25), forest (0.75): the weighted mean of their predictions",
        ),
        (
            ["network", "forest"],
            [[7e-19], [1.0]],
            "network (0), forest (1): the weighted mean of their predictions",
        ),
    ],
)
def test_members_of_several_kinds(
    kinds: list[str], weights: list[list[float]], expected: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    content = {**DESCRIPTION, "members": [{**NETWORK, "kind": kind} for kind in kinds], "weights": weights}
    title, facts = info(write_weights(tmp_path / "model.safetensors", {"aam": json.dumps(content)}), capsys)
    assert title == "a trained model"
    assert facts["members"] == expected


def test_a_model_of_another_format(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    content = json.dumps({**DESCRIPTION, "format": 2})
    assert "(format 2); this is aam" in refused(write_weights(tmp_path / "m.safetensors", {"aam": content}), capsys)


@pytest.mark.parametrize("content", [b"", b"short", b"\xff" * 64, struct.pack("<Q", 4) + b"[1,2", b"\x80\x02}q\x00."])
def test_damaged_weights(content: bytes, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "m.safetensors"
    path.write_bytes(content)
    assert "not an AAM model, or damaged; pickles are never loaded" in refused(path, capsys)


@pytest.mark.parametrize("description", ["{", "[]", "{}", json.dumps(DESCRIPTION)[:-1]])
def test_damaged_descriptions(description: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert "damaged" in refused(write_weights(tmp_path / "m.safetensors", {"aam": description}), capsys)


def test_weights_of_others(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert "not of AAM" in refused(write_weights(tmp_path / "m.safetensors", {"format": "pt"}), capsys)


def test_a_run(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    config = {"command": "train", "table": ["t.biom"], "metadata": "m.tsv", "metadata_column": "age"}
    (tmp_path / "config.yaml").write_text(yaml.safe_dump(config))
    (tmp_path / "train_samples.txt").write_text("a\nb c\n")
    (tmp_path / "metrics.csv").write_text("epoch,val_loss\n1,0.5\n2,0.4\n")
    title, facts = info(tmp_path, capsys)
    assert title == "an unfinished run of aam train"
    assert facts["target"] == "age of m.tsv"
    assert facts["training samples"] == "2"
    assert facts["epochs"] == "2"
    assert facts["continue with"] == f"aam train --resume-from {tmp_path}"
    (tmp_path / "finished.json").write_text("{}")
    write_weights(tmp_path / "model" / "model.safetensors", {"aam": json.dumps(DESCRIPTION)})
    title, facts = info(tmp_path, capsys)
    assert title == "a finished run of aam train"
    assert facts["model"].startswith("a trained model")
    assert "continue with" not in facts


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with an input, in which a run was started and which is the current one."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "t.biom").write_bytes(b"table")
    return tmp_path


def write_run(folder: Path, **changes: Any) -> Path:
    run = RunDirectory(folder / "my run")
    run.path.mkdir(exist_ok=True)
    words = ["--table", "t.biom", "--output-dir", "my run"]
    run.write_config("pretrain", to_flat(parse("pretrain", words).config))
    record = {
        "folder": str(folder),
        "inputs": [{"path": "t.biom", "bytes": 5, "sha256": hashlib.sha256(b"table").hexdigest()}],
        "environment": environment(),
        "promise": SAME,
    }
    run.write_json("data.json", {**record, **changes})
    return run.path


def test_the_command_that_repeats_a_run(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    facts = info(write_run(folder), capsys)[1]
    assert {"other version", "other inputs", "note"} & facts.keys() == set()
    command, *words = shlex.split(facts["repeat with"])[1:]
    again = parse(command, words).config
    assert again.run.output_dir == folder / "my run-again"
    own = parse("pretrain", ["--config", "my run/config.yaml"]).config
    assert {**to_flat(again), "output_dir": "my run"} == to_flat(own)


def test_a_run_is_repeated_where_its_paths_lead(
    folder: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    run = write_run(folder)
    (folder / "elsewhere").mkdir()
    monkeypatch.chdir(folder / "elsewhere")
    facts = info(run, capsys)[1]
    assert facts["repeat with"].startswith(f"cd {folder} && aam pretrain --config ")
    assert "other inputs" not in facts


@pytest.mark.parametrize(
    ("changes", "name", "words"),
    [
        ({"environment": {**environment(), "torch": "1.0"}}, "other version", "torch 1.0, now "),
        (
            {"parts": [{"environment": {**environment(), "torch": name}} for name in ("1.0", "1.1", "1.0")]},
            "other version",
            "torch 1.0 and 1.1, now ",
        ),
        ({"promise": "Not the same bytes: on a GPU."}, "note", "Not the same bytes: on a GPU."),
        ({"inputs": [{"path": "t.biom", "bytes": 5, "sha256": ""}]}, "other inputs", "missing or changed: t.biom"),
        ({"inputs": [{"path": "t", "bytes": 5, "sha256": ""}]}, "other inputs", "missing or changed: t"),
    ],
)
def test_what_keeps_a_run_from_being_repeated(
    changes: dict[str, Any], name: str, words: str, folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    facts = info(write_run(folder, **changes), capsys)[1]
    assert "repeat with" in facts
    assert facts[name].startswith(words)
    assert len({"other version", "other inputs", "note"} & facts.keys()) == 1


@pytest.mark.parametrize(
    "changes",
    [
        {"folder": 3},
        {"environment": []},
        {"inputs": [1]},
        {"inputs": [{"path": "t.biom"}]},
        {"changes": [{}]},
        {"parts": [{"environment": 3}]},
        {"promise": 1},
    ],
)
def test_a_damaged_record(changes: dict[str, Any], folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run = write_run(folder)
    record = json.loads((run / "data.json").read_text())
    (run / "data.json").write_text(json.dumps({**record, **changes}))
    said = refused(run, capsys)
    assert "data.json: damaged: a part of the record of the run is wrong" in said


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (b"", "the file is empty"),
        (b"Dear all\nhello\n", "is not a format that AAM reads"),
        (b"\x89HDF\r\n\x1a\n" + bytes(20), "x.file: "),
        (b"\x1f\x8b123", "damaged gzip file"),
        (b"PK\x03\x04", "damaged zip file"),
        (b"\xff\xfe\x00\x01", "x.file: "),
    ],
)
def test_other_files(content: bytes, expected: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "x.file"
    path.write_bytes(content)
    assert expected in refused(path, capsys)


def test_nothing_there(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert "no such file" in refused(tmp_path / "none", capsys)
    assert "holds neither a run" in refused(tmp_path, capsys)


def test_it_starts_without_torch(tmp_path: Path) -> None:
    weights = write_weights(tmp_path / "model.safetensors", {"aam": json.dumps(DESCRIPTION)})
    fasta = write_fasta(tmp_path / "s.fasta", {"a": SEQUENCES[0]})
    code = (
        f"import sys\nfrom aam.cli.main import main\nfor path in ({str(weights)!r}, {str(fasta)!r}):\n"
        "    assert main(['info', path]) == 0\n"
        "print([m for m in ('torch', 'pandas', 'skbio', 'biom') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == "[]"


def test_one_label_of_a_shared_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    rows = [f"{label}\ts{n}\t2\t{n}\t1" for label in ("0.01", "0.03") for n in (1, 2)]
    Path("t.shared").write_text("\n".join(["label\tGroup\tnumOtus\tOtu1\tOtu2", *rows]) + "\n")
    assert main(["info", "t.shared"]) == 2
    assert "--table-layer 0.01 takes the first" in capsys.readouterr().err
    assert main(["info", "t.shared", "--table-layer", "0.03"]) == 0
    said = capsys.readouterr().out
    assert "t.shared: a feature table (0.03)" in said
    assert said.endswith("aam check --table t.shared --table-layer 0.03\n")
    assert main(["info", ".", "--table-layer", "0.03"]) == 2
    assert "is a folder, not a table; leave out --table-layer" in capsys.readouterr().err
    Path("t.tsv").write_text("#OTU ID\ts1\nOtu1\t3\n")
    assert main(["info", "t.tsv", "--table-layer", "0.03"]) == 2
    assert "it has one table of counts" in capsys.readouterr().err


def test_an_exported_model(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "m.onnx").write_bytes(b"\x08\x0a\xa8")
    record = {"opset": 20, "networks": 1, "forests": 0, "inputs": [{"name": "tokens"}]}
    (tmp_path / "m.json").write_text(json.dumps(record))
    assert main(["info", str(tmp_path / "m.onnx")]) == 0
    assert f"described in  {tmp_path / 'm.json'}" in capsys.readouterr().out
    assert main(["info", str(tmp_path / "m.json")]) == 0
    assert "takes      tokens" in capsys.readouterr().out
