"""Each speed benchmark runs on tiny sizes and writes its table and its record; nothing is said of times."""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

from benchmarks.__main__ import benchmarks
from benchmarks.speed import common, contexts, epochs, gpu, grid, predict, stages, step, studies
from benchmarks.speed.common import Measured

SMALL = [word for option in ("embedding-dim=16", "attention-layers=1") for word in ("--set", option)]


@pytest.fixture
def here(monkeypatch: pytest.MonkeyPatch) -> None:
    """Measure in this process, with arguments that have been JSON."""

    def run(function: Callable[..., Measured], case: dict[str, Any], threads: int) -> Measured:
        return {"gigabytes": 0.5, **function(**json.loads(json.dumps(case)))}

    monkeypatch.setattr(common, "in_child", run)


@pytest.fixture
def few_samples(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in {"SAMPLES": 64, "ASVS": 40, "ASVS_PER_SAMPLE": 12.0}.items():
        monkeypatch.setattr(studies, name, value)


def read(path: Path) -> tuple[list[list[str]], dict[str, Any]]:
    """Cells of all rows of the tables, and the record; every table has a header and rows of one length."""
    lines = path.read_text().splitlines()
    rows = [[cell.strip() for cell in line.strip("|").split("|")] for line in lines if line.startswith("|")]
    rules = [number for number, row in enumerate(rows) if set(row) == {"---"}]
    assert rules
    for number in rules:
        assert len(rows[number - 1]) == len(rows[number])
    assert "Conditions: date" in path.read_text()
    record = json.loads(path.with_suffix(".json").read_text())
    assert {"date", "commit", "processor", "threads"} <= set(record["conditions"])
    return rows, record


def test_all_programs_are_listed() -> None:
    names = {"step", "stages", "epochs", "predict", "gpu"}
    assert {"load", "load.soak", *(f"speed.{name}" for name in names)} <= set(dict(benchmarks()))


def test_a_measurement_runs_in_a_process_of_its_own() -> None:
    case = {"device": "cpu", "precision": "none", "size": 32, "repeats": 2}
    found = common.in_child(gpu.measure_rate, case, threads=1)
    assert found["flops_a_second"] > 0
    assert 0.01 < found["gigabytes"] < 10
    failed = common.in_child(gpu.measure_rate, {**case, "size": -1}, threads=1)
    assert failed["failed"].startswith("exit 1")


def test_no_further_run_is_begun_after_enough_time() -> None:
    calls: list[int] = []
    found = common.median_seconds(lambda: calls.append(1), 50, warm_up=2, enough=0.0)
    assert len(calls) == 3
    assert found["runs"] == 1


@pytest.mark.usefixtures("here")
def test_step(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(step, "cases", _tiny_cases)
    output = tmp_path / "deeper" / "step.md"
    step.main(["--width", "16", "--repeats", "1", "--threads", "1", "--output", str(output)])
    rows, record = read(output)
    assert rows[0] == list(step.HEADER)
    assert [row[6] for row in rows[2:]] == ["plain", "distinct"]
    assert rows[2][-2:] == ["1.0", "1.0"]
    assert all(row["pairs"] == 31 and row["distinct"] == 21 for row in record["rows"])


def _tiny_cases(width: int) -> list[grid.Case]:
    return [grid.Case(variant, 5, 3, 16, "many", width) for variant in ("plain", "distinct")]


@pytest.mark.usefixtures("here")
def test_what_is_skipped_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    chosen = grid.cases(128)
    monkeypatch.setattr(step, "_measure_apart", lambda case, options: {**_fake(case)})
    output = tmp_path / "step.md"
    step.main(["--output", str(output)])
    rows, record = read(output)
    assert len(rows) == 2 + len(chosen) == 2 + 4 + 72
    skipped = [row for row in rows if row[7].startswith("not run: about")]
    assert 0 < len(skipped) < 72
    assert f"{len(skipped)} of 76 cases were not run" in output.read_text()
    assert [row["shared"] for row in record["rows"][:4]] == ["reference"] * 4
    assert record["rows"][1]["distinct"] == 877


def _fake(case: grid.Case) -> Measured:
    return {"seconds": 2.0, "runs": 3, "gigabytes": 3.0, "pairs": 1200, "distinct": 877}


def test_the_batch_of_a_case_is_as_it_says() -> None:
    reference = grid.make_step_batch(grid.cases(128)[0])
    assert reference.tokens_UL.shape == (877, 150)
    assert reference.mask_BS.all()
    assert reference.index_BS.shape == (8, 150)
    few, many = (grid.make_step_batch(grid.Case("plain", 5, 32, 128, shared)) for shared in ("few", "many"))
    assert few.mask_BS.sum() == many.mask_BS.sum()
    assert len(many.asvs_U) <= 2 * 128 < len(few.asvs_U)
    richness = many.mask_BS.sum(1)
    assert richness.max() == 128
    assert richness.min() < 40


@pytest.mark.parametrize("precision", ["none", "bf16"])
@pytest.mark.parametrize("variant", ["plain", "distinct"])
def test_a_step_changes_the_weights(variant: grid.Variant, precision: str) -> None:
    take_a_step(variant, precision, compiled=False)


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")  # of torch's compiler itself
def test_a_compiled_step_changes_the_weights() -> None:
    take_a_step("distinct", "none", compiled=True)


def take_a_step(variant: grid.Variant, precision: str, compiled: bool) -> None:
    taken = step.Step(grid.Case(variant, 5, 2, 8, "few", 16), "cpu", precision, compiled)
    before = {name: p.detach().clone() for name, p in taken.model.named_parameters()}
    taken()
    moved = [name for name, p in taken.model.named_parameters() if not torch.equal(p, before[name])]
    assert any(name.startswith("asv_encoder") for name in moved)
    assert all(torch.isfinite(p).all() for p in taken.model.parameters())


@pytest.mark.usefixtures("here", "few_samples")
def test_stages(tmp_path: Path) -> None:
    output = tmp_path / "stages.md"
    stages.main(["--threads", "1", "--epochs", "2", "--output", str(output), *SMALL])
    rows, record = read(output)
    names = [row[0] for row in rows]
    assert {"rarefaction", "make_batch", "ASV encoder, forward", "backward", "optimiser", "validation"} <= set(names)
    for task in ("pretrain", "train"):
        found = record["tasks"][task]
        assert found["steps"] > 4
        assert all(seconds >= 0 for seconds in found["totals"].values())
        for name in ("ASV encoder, forward", "backward", "rarefaction", "validation"):
            assert found["totals"][name] > 0
    assert record["tasks"]["pretrain"]["totals"]["distances between samples"] > 0


@pytest.mark.usefixtures("here", "few_samples")
def test_stages_with_the_profiler(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stages, "TASKS", ("pretrain",))
    output = tmp_path / "stages.md"
    stages.main(["--threads", "1", "--profile", "--output", str(output), *SMALL])
    rows, record = read(output)
    assert ["operator", "calls", "own time, ms", "share"] in rows
    operators = record["tasks"]["pretrain"]["operators"]
    assert 5 < len(operators) <= 20
    assert operators[0]["milliseconds"] >= operators[1]["milliseconds"] > 0


@pytest.mark.usefixtures("here", "few_samples")
def test_epochs(tmp_path: Path) -> None:
    output = tmp_path / "epochs.md"
    few = ["--epochs", "1", "--frozen-epochs", "1", "--batches", "1"]
    epochs.main(["--threads", "1", "--output", str(output), *few, *SMALL])
    rows, record = read(output)
    assert rows[0] == list(epochs.HEADER)
    assert [(row["encoder"], row["reads"]) for row in record["rows"]] == [
        ("frozen, plain", "rarefied"),
        ("frozen", "rarefied"),
        ("frozen, first epochs", "rarefied"),
        ("frozen, on disk", "rarefied"),
        ("frozen, nothing kept", "rarefied"),
        ("frozen, plain", "all reads"),
        ("frozen", "all reads"),
        ("frozen, first epochs", "all reads"),
        ("whole model", "rarefied"),
    ]
    assert all(row["seconds"] > 0 for row in record["rows"])
    assert rows[3][-1] != ""
    assert record["asvs"]["encoded"]["said"].startswith("encoded")
    assert record["asvs"]["read from the cache"]["said"].startswith("vectors of")
    assert rows[-1][0] == "read from the cache"


@pytest.mark.usefixtures("here")
def test_contexts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(contexts, "SIZES", ((3, 12),))
    monkeypatch.setattr(contexts, "give_back_freed_memory", lambda: None)
    output = tmp_path / "contexts.md"
    contexts.main(["--threads", "1", "--width", "16", "--output", str(output)])
    rows, record = read(output)
    assert rows[0] == list(contexts.HEADER)
    ways = [(what, way) for what in ("step", "prediction") for way in ("always padded", "on demand")]
    assert [(row["what"], row["contexts"]) for row in record["rows"]] == ways
    assert all(row["padded"] == 3 * 12 for row in record["rows"])


@pytest.mark.usefixtures("here", "few_samples")
def test_predict(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(predict, "measure_command", lambda table, model, device: {"seconds": 1.0})
    output = tmp_path / "predict.md"
    few = ["--batch-sizes", "16", "--batches", "1", "--repeats", "1"]
    predict.main(["--threads", "1", "--output", str(output), *few, *SMALL])
    rows, record = read(output)
    assert rows[0] == list(predict.HEADER)
    assert [row["way"] for row in record["rows"]] == ["plain", "product", "whole command"]
    assert record["rows"][1]["samples"] == 64
    assert record["rows"][0]["pairs"] == record["rows"][1]["pairs"]


@pytest.mark.slow
@pytest.mark.usefixtures("few_samples")
def test_the_whole_command_is_timed(tmp_path: Path) -> None:
    files = studies.study_files(argparse.Namespace(data=None), tmp_path)[1]
    model = predict.save_fresh_predictor(tmp_path / "model", {"embedding_dim": "16"}, files)
    assert predict.measure_command(files["table"][0], str(model), "cpu")["seconds"] > 0


@pytest.mark.usefixtures("here")
def test_gpu_program_on_a_cpu(tmp_path: Path) -> None:
    output = tmp_path / "gpu.md"
    tiny = ["--samples", "3", "--token-limit", "16", "--asvs", "8", "--matrix", "64", "--repeats", "1"]
    where = ["--device", "cpu", "--precision", "none", "--threads", "1", "--no-compile", "--output", str(output)]
    assert gpu.main([*where, "--width", "32", *tiny]) == 0
    rows, record = read(output)
    assert rows[0] == list(gpu.HEADER)
    assert rows[2][:2] == ["32", "no"]
    assert rows[2][3].endswith("%")
    assert record["flops_a_second"] > 0


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a GPU")
def test_gpu_program_says_that_there_is_no_gpu(capsys: pytest.CaptureFixture[str]) -> None:
    assert gpu.main([]) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert "no GPU" in line


def test_a_public_study_is_read_as_its_accuracy_is_measured(tmp_path: Path) -> None:
    given = argparse.Namespace(data=tmp_path, study="infant_ecam")
    name, files = studies.study_files(given, tmp_path)
    assert name == "infant_ecam"
    assert files["metadata_column"] == "month_of_life"
    assert files["where"] == "mom_child == 'C'"
    assert files["table"] == [str(tmp_path / "infant_ecam" / "table.biom")]
