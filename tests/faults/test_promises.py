"""What ``docs/determinism.md`` promises of repeated runs and of predictions."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import biom
import numpy as np
import pytest

from aam.cli.main import main
from aam.evaluation.prediction_table import read_columns
from aam.workflows.runs.provenance import SAME, commit
from tests.factories import write_biom
from tests.faults.kill_harness import Children
from tests.faults.toy import digest, fingerprint, words


@pytest.fixture(scope="module")
def first(toy: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run with every head on."""
    folder = tmp_path_factory.mktemp("first")
    ended = Children(folder).run(words("train", toy, folder / "run"))
    assert ended.code == 0, ended.said
    return folder / "run"


@pytest.mark.parametrize(
    "more",
    [(), ("--num-workers", 2), ("--progress",), ("--no-cache",), ("--max-memory-gb", 8, "--num-workers", 1)],
    ids=["the same command", "workers", "progress bar", "no cache", "memory limit"],
)
def test_what_does_not_compute_does_not_matter(
    toy: Path, first: Path, children: Children, tmp_path: Path, more: Sequence[object]
) -> None:
    asked = [
        word for word in words("train", toy, tmp_path / "run") if "--progress" not in more or word != "--no-progress"
    ]
    ended = children.run([*asked, *more])
    assert ended.code == 0, ended.said
    assert fingerprint(tmp_path / "run") == fingerprint(first)


def test_another_seed_does(toy: Path, first: Path, children: Children, tmp_path: Path) -> None:
    assert children.run(words("train", toy, tmp_path / "run", seed=43)).code == 0
    found, other = fingerprint(first), fingerprint(tmp_path / "run")
    assert [name for name in found if found[name] == other[name]] == []


def test_a_run_is_repeated_by_the_command_of_info(
    first: Path, children: Children, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["info", str(first)]) == 0
    *_, last = capsys.readouterr().out.splitlines()  # nothing stands in the way
    label, asked = last.split("aam ", 1)
    assert label.split() == ["repeat", "with"]
    assert children.run(asked.split()).code == 0
    assert fingerprint(first.with_name(f"{first.name}-again")) == fingerprint(first)


def test_the_record_says_where_a_run_comes_from(toy: Path, first: Path) -> None:
    record = json.loads((first / "data.json").read_text())
    assert {"aam", "python", "torch", "lightning", "numpy", "threads"} <= set(record["environment"])
    assert record["environment"]["threads"] == "1"
    assert record["environment"].get("commit", "") == commit()
    sums = {Path(item["path"]).name: item["sha256"] for item in record["inputs"]}
    assert sums == {name: digest(toy / name) for name in ("table.biom", "tree.nwk", "taxonomy.tsv", "metadata.tsv")}
    assert (record["seed"], record["parent_model"], record["changes"]) == (42, None, [])
    assert "--metadata-column gradient" in record["command"]
    assert record["folder"] == str(Path.cwd())
    assert record["promise"] == SAME


@pytest.fixture(scope="module")
def table(toy: Path) -> Any:
    """The table of the toy study."""
    return biom.load_table(str(toy / "table.biom"))


def write_part(path: Path, table: Any, asvs: np.ndarray, samples: np.ndarray) -> Path:
    """Some ASVs and samples of the table, in the order given; ASVs without a read are left out."""
    counts = table.matrix_data.toarray()[np.ix_(asvs, samples)]
    seen = counts.any(axis=1)
    ids = table.ids("observation")[asvs[seen]]
    return write_biom(path, counts[seen].T, table.ids()[samples], ids)


def predict(model: Path, toy: Path, table: Path, **options: object) -> dict[str, float]:
    """What a model predicts for each sample of a table."""
    output = table.with_suffix(".predicted.tsv")
    flags = {"model": model, "table": table, "metadata": toy / "metadata.tsv", "output": output, **options}
    asked = [str(word) for name, value in flags.items() for word in (f"--{name.replace('_', '-')}", value)]
    assert main(["predict", *asked, "--no-progress", "--overwrite"]) == 0
    found = read_columns(output)
    return dict(zip(found["sample-id"], found["predicted"].astype(float), strict=True))


def test_predictions_do_not_depend_on_the_order_or_the_company(
    toy: Path, first: Path, table: Any, tmp_path: Path
) -> None:
    """Samples and ASVs shuffled, the table in two parts, and other batches: the same samples and numbers."""
    asvs, samples = np.arange(table.shape[0]), np.arange(table.shape[1])
    rng = np.random.default_rng(0)
    whole = predict(first, toy, write_part(tmp_path / "whole.biom", table, asvs, samples))
    shuffled = write_part(tmp_path / "shuffled.biom", table, rng.permutation(asvs), rng.permutation(samples))
    halves = [write_part(tmp_path / f"{start}.biom", table, asvs, samples[start::2]) for start in (0, 1)]
    found = {
        "shuffled": predict(first, toy, shuffled),
        "in parts": predict(first, toy, halves[0]) | predict(first, toy, halves[1]),
        "small batches": predict(first, toy, shuffled, batch_size=3),
    }
    assert len(whole) == len(samples)
    assert len(set(whole.values())) > len(samples) // 2
    for name, predicted in found.items():
        assert sorted(predicted) == sorted(whole), name
        assert [predicted[sample] for sample in whole] == pytest.approx(list(whole.values()), rel=1e-5), name
