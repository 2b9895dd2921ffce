"""Predicting very many samples: block by block, in memory that does not grow with their number."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch

from aam.cli.main import main
from aam.config import TableOptions
from aam.config.commands.simulate import SimulateOptions
from aam.data.batches.loaders import LoaderOptions
from aam.models.folder.weights import load_models
from aam.models.inference import BatchPredictor, predict_in_draws, read_preprocessed
from aam.simulation.study import simulate_study
from benchmarks.load import make
from benchmarks.load.child import Meter, Row
from benchmarks.load.tables import BYTES_OF_A_COUNT, BYTES_OF_AN_ID

ASVS, EACH, AT_ONCE = 2_000, 30, 512
STREAMING_GIGABYTES, MODEL_GIGABYTES = 0.1, 0.1
TOY = ("--embedding-dim=16", "--attention-heads=2", "--attention-layers=1", "--num-soft-clades=16", "--epochs=1")
QUIET = ("--no-forest-baseline", "--no-report", "--no-progress", "--device=cpu")


def make_model(folder: Path, samples: int) -> None:
    """Train a toy model, and write a table of samples that it has never seen."""
    study = folder / "study"
    simulate_study(SimulateOptions(output_dir=study, samples=80, asvs=60, asvs_per_sample=20.0, progress=False))
    files = ["--table", str(study / "table.biom"), "--metadata", str(study / "metadata.tsv")]
    words = ["train", *files, "--metadata-column", "gradient", "--learners", "network"]
    words += ["--output-dir", str(folder / "run"), *TOY, *QUIET]
    if main(words):
        raise SystemExit("the toy model could not be trained")
    make.write_table(folder / "table.biom", samples, ASVS, EACH)


def predict(folder: Path, samples: int) -> Row:
    """Run the whole command."""
    output = folder / "predictions.tsv"
    words = ["predict", "--model", str(folder / "run"), "--table", str(folder / "table.biom"), "--output", str(output)]
    words.append("--allow-unfamiliar")  # a toy model of other sequences
    with Meter() as meter:
        code = main([*words, "--overwrite", "--no-progress", "--device=cpu"])
    with output.open() as file:
        lines = sum(1 for _ in file)
    table = BYTES_OF_A_COUNT["anew"] * samples * EACH + BYTES_OF_AN_ID * (samples + ASVS)
    return meter.row(
        f"aam predict, {samples:,} samples of {EACH} ASVs, toy model",
        right=not code and lines == samples + 1 and not list(folder.glob(f".{output.name}.*")),
        own=MODEL_GIGABYTES + table / 1e9,
    )


def stream(folder: Path, samples: int) -> Row:
    """Predict all samples once table and model are there: what is taken beyond the first block."""
    models, description = load_models(folder / "run" / "model")
    study = read_preprocessed(TableOptions(table=(folder / "table.biom",), cache=False), description.data)
    interpreter = BatchPredictor(
        models, study, description.sampling, LoaderOptions(batch_size=32, seed=0), torch.device("cpu")
    )
    blocks = predict_in_draws(interpreter, np.arange(len(study)), 1, AT_ONCE)
    done = len(next(blocks).rows_B)
    with Meter() as meter:
        done += sum(len(block.rows_B) for block in blocks)
    return meter.row(
        f"predictions of {samples:,} samples, after the first block", right=done == samples, own=STREAMING_GIGABYTES
    )
