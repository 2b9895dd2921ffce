"""`aam export`: the file gives what `aam predict` gives, by onnxruntime and NumPy alone; the rest is refused."""

from __future__ import annotations

import ast
import csv
import dataclasses
import hashlib
import json
import os
import runpy
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import aam
from aam.errors import ConfigError
from aam.learners.features import ClrFeatures
from aam.models.export.trace import OPSET, SIZES
from aam.workflows.export import run as export_run
from aam.workflows.export.check import compare, session_of
from aam.workflows.export.description import describe
from aam.workflows.export.parts import exportable
from aam.workflows.export.samples import random_samples, simulated_samples
from aam.workflows.trained.combined import CombinedModel
from aam.workflows.trained.loading import load_model
from tests.program import run_command
from tests.workflows.export.cases import as_session

ROOT = Path(__file__).resolve().parents[3]
EXAMPLE = ROOT / "docs" / "examples" / "onnx_predict.py"
ONE_SAMPLE = EXAMPLE.with_name("onnx_one_sample.py")
needs_onnx = pytest.mark.skipif(
    any(export_run.find_spec(name) is None for name in export_run.MODULES), reason="needs the extra onnx"
)


@pytest.fixture(scope="session")
def told(study: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A network and a forest with covariates."""
    folder = tmp_path_factory.mktemp("told") / "run"
    options = {
        "table": study / "table.biom",
        "metadata": study / "metadata.tsv",
        "metadata_column": "gradient",
        "categorical_columns": "group",
        "numeric_columns": "gradient_true",
        "group_column": "subject",
        "learners": "network,forest",
        "nucleotide_patch": 7,
    }
    assert run_command("train", "--no-forest-baseline", output_dir=folder, **options) == 0
    return folder


@pytest.fixture(scope="session")
def exported(told: Path, study: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The ONNX file of this network."""
    folder = tmp_path_factory.mktemp("exported")
    flags = {"output": folder / "age", "table": study / "table.biom", "metadata": study / "metadata.tsv"}
    assert run_command("export", told, **flags) == 0
    return folder / "age" / "model.onnx"


def as_tsv(study: Path, path: Path) -> Path:
    """The table of a study as text."""
    import biom

    path.write_text(biom.load_table(str(study / "table.biom")).to_tsv() + "\n")
    return path


def columns(text: str) -> dict[str, dict[str, str]]:
    rows = list(csv.DictReader(text.splitlines(), delimiter="\t"))
    return {next(iter(row.values())): row for row in rows}


def run_example(*words: object, folder: Path) -> str:
    """What an example prints, without this project on its path."""
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    command = [sys.executable, *map(str, words)]
    return subprocess.run(
        command, capture_output=True, text=True, check=True, cwd=folder, env=environment, timeout=60
    ).stdout


@needs_onnx
def test_the_example_predicts_what_aam_predicts(told: Path, exported: Path, study: Path, tmp_path: Path) -> None:
    sheet = study / "metadata.tsv"
    found = columns(run_example(EXAMPLE, exported, as_tsv(study, tmp_path / "table.tsv"), sheet, folder=tmp_path))
    output = tmp_path / "predictions.tsv"
    assert run_command("predict", model=told, table=study / "table.biom", metadata=sheet, output=output) == 0
    wanted = columns(output.read_text())
    assert found.keys() == wanted.keys()
    for sample_id, row in wanted.items():
        assert float(found[sample_id]["gradient"]) == pytest.approx(float(row["predicted"]), abs=1e-5)


@needs_onnx
def test_the_short_example_predicts_one_sample(study: Path, tmp_path: Path) -> None:
    """Of a network that reads all reads, so that nothing is drawn."""
    inputs = {"table": study / "table.biom", "metadata": study / "metadata.tsv", "metadata_column": "gradient"}
    run, output = tmp_path / "run", tmp_path / "predictions.tsv"
    flags = {"learners": "network", "rarefy_depth": "none", "output_dir": run}
    assert run_command("train", "--no-forest-baseline", **inputs, **flags) == 0
    assert run_command("export", run, output=tmp_path / "age.onnx") == 0
    assert run_command("predict", model=run, table=study / "table.biom", output=output) == 0
    (_, header, *lines) = as_tsv(study, tmp_path / "table.tsv").read_text().splitlines()
    sample_id = header.split("\t")[1]
    cells = [line.split("\t")[:2] for line in lines]
    sample = tmp_path / "sample.tsv"
    sample.write_text("".join(f"{asv}\t{float(reads):.0f}\n" for asv, reads in cells if float(reads)))
    name, value = run_example(ONE_SAMPLE, tmp_path / "age.onnx", sample, folder=tmp_path).split()
    assert name == "gradient"
    assert float(value) == pytest.approx(float(columns(output.read_text())[sample_id]["predicted"]), abs=1e-4)


@needs_onnx
def test_the_example_draws_what_aam_draws(told: Path, study: Path, tmp_path: Path) -> None:
    parts = exportable(load_model(told), network_only=False)
    parts = dataclasses.replace(parts, manifest=dataclasses.replace(parts.manifest, prediction_passes=3))
    whole, sheet = parts.whole(), study / "metadata.tsv"
    example = runpy.run_path(str(EXAMPLE))
    table = example["read"](as_tsv(study, tmp_path / "table.tsv"))
    sample_ids, arrays = example["given"](describe(parts, whole), table, example["read"](sheet))
    assert arrays["index"].shape[:2] == (3, 60)
    found = as_session(whole).run(None, arrays)[0][:, 0]
    wanted = aam.predict(model=told, table=study / "table.biom", metadata=sheet, prediction_passes=3)["gradient"]
    assert list(wanted.sample_ids) == sample_ids
    assert found == pytest.approx(wanted.predicted, abs=1e-5)


@pytest.mark.parametrize("path", [EXAMPLE, ONE_SAMPLE], ids=lambda path: path.stem)
def test_the_example_needs_numpy_and_onnxruntime_alone(path: Path) -> None:
    tree = ast.parse(path.read_text())
    names = {alias.name for node in ast.walk(tree) if isinstance(node, ast.Import) for alias in node.names}
    names |= {str(node.module) for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)}
    assert {name for name in names if name not in sys.stdlib_module_names} == {"numpy", "onnxruntime"}


@needs_onnx
def test_the_file_takes_any_size(told: Path, exported: Path) -> None:
    parts = exportable(load_model(told), network_only=False)
    session = session_of(exported.read_bytes())
    samples = random_samples(parts, seed=7)
    sizes = {some.arrays["index"].shape for some in samples} | {some.arrays["tokens"].shape for some in samples}
    assert not sizes & {(SIZES["asv"], SIZES["base"]), (SIZES["draw"], SIZES["sample"], SIZES["place"])}
    assert compare(parts, session, samples, "random").largest < 1e-4
    places = [name for name in samples[0].arrays if name.endswith(("index", "counts"))]
    one = {name: array[..., :1] if name in places else array for name, array in samples[0].arrays.items()}
    one |= {name: np.zeros_like(one[name]) for name in places if name.endswith("index")}
    one["tokens"] = one["tokens"][:1, :1]
    assert np.isfinite(session.run(None, one)[0]).all()


@needs_onnx
def test_the_description_says_what_the_file_takes(told: Path, exported: Path) -> None:
    import onnx

    description = json.loads(exported.with_suffix(".json").read_text())
    session = session_of(exported.read_bytes())
    assert [port["name"] for port in description["inputs"]] == [one.name for one in session.get_inputs()]
    assert [port["name"] for port in description["outputs"]] == [one.name for one in session.get_outputs()]
    assert [len(port["axes"]) for port in description["inputs"]] == [len(one.shape) for one in session.get_inputs()]
    assert description["sha256"] == hashlib.sha256(exported.read_bytes()).hexdigest()
    assert description["model"] == hashlib.sha256((told / "model" / "model.safetensors").read_bytes()).hexdigest()
    assert description["categorical"] == [{"name": "group", "levels": ["group_1", "group_2", "group_3"]}]
    assert description["numeric"] == ["gradient_true"]
    assert (description["networks"], description["forests"], description["left_out"]) == (1, 1, [])
    assert description["draw"]["number"] == 1
    assert description["draw"]["depth"] == 300
    assert [one["samples"] for one in description["checks"]] == [64, 60]
    within = json.loads(session.get_modelmeta().custom_metadata_map["aam"])
    assert within == {**{k: v for k, v in description.items() if k not in ("sha256", "model")}, "checks": []}
    graph = onnx.load(exported)
    assert [one.version for one in graph.opset_import if one.domain == ""] == [OPSET]
    assert str(ROOT).encode() not in exported.read_bytes()


@needs_onnx
def test_files_that_are_there_stay(told: Path, exported: Path, capsys: pytest.CaptureFixture[str]) -> None:
    before = exported.read_bytes()
    assert run_command("export", told, output=exported) == 2
    assert "model.onnx: exists already" in capsys.readouterr().err
    assert exported.read_bytes() == before
    assert run_command("export", told, output=told / "model" / "model.onnx") == 2
    assert not (told / "model" / "model.onnx").exists()


def test_a_missing_extra_is_named(told: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(export_run, "find_spec", lambda name: None if name == "onnxscript" else name)
    with pytest.raises(ConfigError, match=r"needs onnxscript, which is not installed: pip install 'aam\[onnx\]'"):
        aam.export_model(model=told, output=tmp_path / "model.onnx")
    assert list(tmp_path.iterdir()) == []


@pytest.fixture(scope="session")
def blend(study: Path, tmp_path_factory: pytest.TempPathFactory) -> CombinedModel:
    """A network beside a kernel."""
    folder = tmp_path_factory.mktemp("blend") / "run"
    options = {"table": study / "table.biom", "metadata": study / "metadata.tsv", "metadata_column": "gradient"}
    words = ("--no-forest-baseline", "--group-column", "subject")
    assert run_command("train", *words, learners="network,jaccard", output_dir=folder, **options) == 0
    model = load_model(folder)
    assert isinstance(model, CombinedModel)
    return model


def test_members_that_are_no_networks_are_named(blend: CombinedModel) -> None:
    with pytest.raises(ConfigError, match="1 member of the model cannot be exported as ONNX: jaccard; --network-only"):
        exportable(blend, network_only=False)


def test_of_a_blend_the_network_alone(blend: CombinedModel) -> None:
    parts = exportable(blend, network_only=True)
    assert parts.left_out == ("jaccard",)
    assert len(parts.networks) == 1
    assert parts.weights == ((1.0,),)


def test_a_model_without_a_network_has_none_alone(study: Path, tmp_path: Path) -> None:
    options = {"table": study / "table.biom", "metadata": study / "metadata.tsv", "metadata_column": "group"}
    words = ("--classifier", "--no-forest-baseline", "--group-column", "subject")
    flags = {"learners": "forest", "output_dir": tmp_path / "run", **options}
    assert run_command("train", *words, "--no-report", small=False, **flags) == 0
    model = load_model(tmp_path / "run")
    with pytest.raises(ConfigError, match="--network-only: the model has no network, but forest"):
        exportable(model, network_only=True)
    parts = exportable(model, network_only=False)
    samples = simulated_samples(parts, model.known_sequences, seed=0, number=32)
    assert compare(parts, as_session(parts.whole()), samples, "simulated").largest < 1e-9
    learner = parts.forests[0]
    learner.forests[0] = dataclasses.replace(learner.forests[0], features=ClrFeatures(np.zeros((1, 1), np.uint8)))
    with pytest.raises(ConfigError, match="cannot be exported as ONNX: forest on clr; train with --learners"):
        exportable(model, network_only=False)


def test_earlier_samples_are_refused(blend: CombinedModel) -> None:
    network: Any = exportable(blend, network_only=True).networks[0]
    before, network.plan = network.plan, dataclasses.replace(network.plan, reads_earlier=True)
    with pytest.raises(ConfigError, match="reads earlier samples of the same subject"):
        exportable(blend, network_only=True)
    network.plan = before


@pytest.mark.parametrize("name", ["metadata", "sequences", "table_layer"])
def test_what_describes_a_table_needs_one(told: Path, tmp_path: Path, name: str) -> None:
    with pytest.raises(ConfigError, match=f"{name} needs table"):
        aam.export_model(model=told, output=tmp_path / "a.onnx", **{name: tmp_path / "x.tsv"})


@needs_onnx
def test_outputs_that_cannot_be(told: Path, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(ConfigError, match=r"is a file: name one that ends in \.onnx, or a folder"):
        aam.export_model(model=told, output=tmp_path / "file")
    with pytest.raises(ConfigError, match="there is no folder"):
        aam.export_model(model=told, output=tmp_path / "none" / "folder")
