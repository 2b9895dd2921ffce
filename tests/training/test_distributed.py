"""Several processes compute what one does with the same batches: gradients, losses, metrics, weights."""

from __future__ import annotations

import csv
from pathlib import Path

import numpy as np
import pytest
import torch

from aam.config import TableOptions
from aam.data.readers.table import read_table
from tests.processes import gradients, run_processes
from tests.program import SMALL

BATCHES = {"--batch-size": 10, "--dropout": 0, "--epochs": 2}
INPUTS = ("--table", "table.biom"), ("--tree", "tree.nwk"), ("--metadata", "metadata.tsv")
PRETRAINING = ["pretrain", "--encoder-type", "combined"]
TRAINING = ["train", "--learners", "network", "--metadata-column", "gradient", "--encoder-type", "unifrac"]
TRAINING += ["--nuc-penalty", "0.5", "--no-forest-baseline", "--no-report"]
COUNTS = ["--count-penalty", "0.5"]
CLASSES = [
    "train",
    "--learners",
    "network",
    "--metadata-column",
    "group",
    "--classifier",
    "--categorical-columns",
    "subject",
]
CLASSES += ["--unknown-level-rate", "0.3", "--class-weights", "balanced", "--no-forest-baseline", "--no-report"]
ACCUMULATED = ["--gradient-accumulation-steps", "2", "--batch-size", "6", "--num-workers", "1"]

MIXED = ["--augment", "mixup=0.3,phylomix=0.3,contaminate=0.2,drop=0.2,trim=0.8,reverse-complement=0.5"]

# The gradients of 3 ASVs change a thousandfold with the weights: after steps that differ by rounding they differ by
# more than rounding. With weights that stay, each step compares gradients of the same weights.
STILL = ["--lr", "1e-9"]


class Runs:
    """Runs of a study by so many processes, each made once."""

    def __init__(self, study: Path, folder: Path) -> None:
        self.study = study
        self.folder = folder
        self.taxonomy = folder / "taxonomy.tsv"
        asvs = read_table(TableOptions(table=(study / "table.biom",))).asv_ids
        taxa = ["d__Bacteria", "d__Archaea", ""]
        lines = [f"{asv}\t{taxa[place % 3]}" for place, asv in enumerate(asvs)]
        self.taxonomy.write_text("\n".join(["Feature ID\tTaxon", *lines]) + "\n")

    def run(self, number: int, words: list[str], *changes: str) -> Path:
        """The run's directory; its gradients are in ``steps``, beside it."""
        name = f"{number}-{'-'.join((*words, *changes)).replace('/', '_')[-150:]}"
        folder = self.folder / name / "run"
        if not folder.exists():
            folder.parent.mkdir()
            codes = run_processes(number, self.words(folder, words, *changes), folder.parent / "steps")
            assert codes == [0] * number
        return folder

    def words(self, folder: Path, words: list[str], *changes: str) -> list[object]:
        """The words of a run into a folder."""
        inputs = [word for flag, file in INPUTS for word in (flag, self.study / file)]
        if words[0] == "pretrain":
            inputs += ["--taxonomy", self.taxonomy, "--taxonomy-level", 1]
        sizes = [word for pair in {**SMALL, **BATCHES}.items() for word in pair if not {pair[0]} & set(changes)]
        return [*words, *inputs, *sizes, *changes, "--output-dir", folder, "--no-progress", "--no-cache"]


@pytest.fixture(scope="module")
def runs(study: Path, tmp_path_factory: pytest.TempPathFactory) -> Runs:
    return Runs(study, tmp_path_factory.mktemp("processes"))


def assert_same(one: Path, several: Path) -> None:
    """The same gradients in every step, and the same losses and metrics in every epoch, but for rounding."""
    assert_same_gradients(one, several)
    assert_same_metrics(one, several)


def assert_same_gradients(one: Path, several: Path) -> None:
    """The same gradients in every step, but for rounding."""
    expected, found = gradients(one.parent / "steps"), gradients(several.parent / "steps")
    assert len(expected) == len(found) > 4
    for step, (before, after) in enumerate(zip(expected, found, strict=True)):
        assert before.keys() == after.keys()
        largest = max(float(gradient.abs().max()) for gradient in before.values())
        for name, gradient in before.items():
            torch.testing.assert_close(after[name], gradient, rtol=1e-3, atol=2e-5 * largest, msg=f"{step} {name}")


def assert_same_metrics(one: Path, several: Path) -> None:
    """The same losses and metrics in every epoch, but for rounding."""
    rows, others = (list(csv.DictReader((path / "metrics.csv").read_text().splitlines())) for path in (one, several))
    assert rows[0].keys() == others[0].keys()
    for row, other in zip(rows, others, strict=True):
        for name in row.keys() - {"seconds"}:
            assert float(other[name]) == pytest.approx(float(row[name]), rel=2e-4, abs=1e-5), name


@pytest.mark.parametrize("number", [2, 4])
def test_all_losses_of_training(runs: Runs, number: int) -> None:
    assert_same(runs.run(1, TRAINING, *COUNTS), runs.run(number, TRAINING, *COUNTS))


def test_losses_of_pretraining_in_several_batches_a_step(runs: Runs) -> None:
    assert_same(runs.run(1, PRETRAINING, *ACCUMULATED), runs.run(2, PRETRAINING, *ACCUMULATED))


def test_classes_covariates_and_weights(runs: Runs) -> None:
    assert_same(runs.run(1, CLASSES), runs.run(2, CLASSES))


@pytest.mark.parametrize("words", [TRAINING, CLASSES])
def test_augmented_samples(runs: Runs, words: list[str]) -> None:
    assert_same(runs.run(1, words, *MIXED), runs.run(2, words, *MIXED))


def test_a_sharded_model(runs: Runs) -> None:
    chunks = ["--asv-chunk-size", "7"]  # so that the processes have different numbers of them
    assert_same(runs.run(1, TRAINING, *chunks), runs.run(2, TRAINING, *chunks, "--fsdp"))


def test_a_sharded_model_with_accumulation_and_checkpointing(runs: Runs) -> None:
    words = [*ACCUMULATED, "--gradient-checkpointing"]
    assert_same(runs.run(1, PRETRAINING, *words), runs.run(2, PRETRAINING, *words, "--fsdp"))


def test_a_process_without_a_validation_batch(runs: Runs) -> None:
    """And steps that are measured before, by one process alone."""
    words = ["--auto-batch-size", "--target-effective-batch-size", "16"]
    one = runs.run(1, [*CLASSES, "--encoder-type", "unifrac"], "--batch-size", "16")
    folder = runs.folder / "measured" / "run"
    command = runs.words(folder, [*CLASSES, "--encoder-type", "unifrac"], *words)
    place = command.index("--batch-size") if "--batch-size" in command else None
    if place is not None:
        del command[place : place + 2]
    assert run_processes(2, command) == [0, 0]
    assert_same_metrics(one, folder)


@pytest.mark.parametrize("how", [[], ["--fsdp-sharded-checkpoint"]])
def test_a_sharded_run_is_resumed_by_another_number(runs: Runs, how: list[str]) -> None:
    """What is never hidden has no gradient, and so no moments in a checkpoint."""
    whole = runs.run(1, TRAINING)
    folder = runs.folder / f"stopped{len(how)}" / "run"
    words = runs.words(folder, TRAINING, "--fsdp", *how)
    assert run_processes(2, words, stop_at=7) == [75, 75]
    assert run_processes(3, ["train", "--resume-from", folder]) == [0, 0, 0]
    assert_same_metrics(whole, folder)


def test_fewer_asvs_than_processes(tmp_path: Path) -> None:
    draws = np.random.default_rng(3)
    counts = draws.integers(200, 900, (3, 30))
    lines = ["\t".join(["#OTU ID", *(f"s{sample}" for sample in range(30))])]
    lines += ["\t".join(["".join(draws.choice([*"ACGT"], 40)), *map(str, row)]) for row in counts]
    (tmp_path / "table.tsv").write_text("\n".join(lines) + "\n")
    sheet = [f"s{sample}\t{counts[0, sample] / counts[:, sample].sum():.4f}" for sample in range(30)]
    (tmp_path / "metadata.tsv").write_text("\n".join(["sample-id\tgradient", *sheet]) + "\n")
    inputs = ["--table", tmp_path / "table.tsv", "--metadata", tmp_path / "metadata.tsv"]
    sizes = [word for pair in {**SMALL, **BATCHES}.items() for word in pair]
    words = [word for word in TRAINING if word not in ("--encoder-type", "unifrac")]
    runs = [tmp_path / str(number) / "run" for number in (1, 4)]
    for number, run in zip((1, 4), runs, strict=True):
        run.parent.mkdir()
        codes = run_processes(number, [*words, *inputs, *sizes, *STILL, "--output-dir", run], run.parent / "steps")
        assert codes == [0] * number
    assert_same_gradients(*runs)
