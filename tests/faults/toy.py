"""A study so small that a run takes less than a second, and the runs on it."""

from __future__ import annotations

import hashlib
from pathlib import Path

import h5py

from aam.config.commands.simulate import SimulateOptions
from aam.simulation.study import simulate_study

EPOCHS, STEPS, ACCUMULATION = 3, 2, 2
BATCHES = EPOCHS * STEPS * ACCUMULATION
"""Calls of the training step in a whole run."""
NOT_COMPARED = ("seconds",)
SIZES = {
    "epochs": EPOCHS,
    "batch-size": 4,
    "gradient-accumulation-steps": ACCUMULATION,
    "embedding-dim": 8,
    "attention-heads": 2,
    "attention-layers": 1,
    "num-soft-clades": 8,
    "rarefy-depth": 60,
    "validation-size": 0.4,
    "dropout": 0.2,
    "lr": 0.03,
    "device": "cpu",
}
TARGET = {"metadata-column": "gradient", "categorical-columns": "group", "unknown-level-rate": 0.4}
HEADS = {"encoder-type": "combined", "nuc-penalty": 0.5, "count-penalty": 0.5}
PLATEAU = {"scheduler": "plateau", "scheduler-patience": 0}


def make_toy(folder: Path) -> Path:
    """26 samples, 20 ASVs of 20 bases, with the genus of each: two steps an epoch, two batches of validation."""
    options = {"samples": 26, "asvs": 20, "asvs_per_sample": 8.0, "reads": 400, "sequence_length": 20}
    simulate_study(SimulateOptions(output_dir=folder, progress=False, overwrite=True, **options))
    with h5py.File(folder / "table.biom") as file:
        asvs = [name.decode() for name in file["observation/ids"][:]]
    genera = [f"d__Bacteria; p__A; c__B; o__C; f__D; g__{number % 3}" for number in range(len(asvs))]
    rows = [f"{asv}\t{genus}" for asv, genus in zip(asvs, genera, strict=True)]
    (folder / "taxonomy.tsv").write_text("\n".join(["Feature ID\tTaxon", *rows]) + "\n")
    return folder


def words(command: str, study: Path, folder: Path, *more: object, **options: object) -> list[object]:
    """The words of a run with every head on, into a folder; options with the value None are left out."""
    inputs = {"table": study / "table.biom", "tree": study / "tree.nwk", "taxonomy": study / "taxonomy.tsv"}
    flags: dict[str, object] = {**inputs, **SIZES, **HEADS, **PLATEAU, "output-dir": folder}
    if command == "train":
        flags |= {"metadata": study / "metadata.tsv", "learners": "network", **TARGET}
        more = (*more, "--no-forest-baseline", "--no-report")
    flags |= {name.replace("_", "-"): value for name, value in options.items()}
    pairs = [word for name, value in flags.items() if value is not None for word in (f"--{name}", value)]
    return [command, *pairs, *more, "--no-progress"]


def fingerprint(folder: Path) -> dict[str, str]:
    """What must be the same to the bit: weights, predictions, vectors, and the metrics but for the seconds."""
    names = ["model/model.safetensors", "val_predictions.tsv", "sample_embeddings.tsv"]
    found = {name: digest(folder / name) for name in names if (folder / name).exists()}
    return found | {"metrics.csv": "\n".join(metrics(folder))}


def metrics(folder: Path) -> list[str]:
    """The lines of ``metrics.csv`` without what tells the time."""
    header, *rows = [line.split(",") for line in (folder / "metrics.csv").read_text().splitlines()]
    kept = [place for place, name in enumerate(header) if name not in NOT_COMPARED]
    return [",".join(row[place] for place in kept) for row in [header, *rows]]


def digest(path: Path) -> str:
    """SHA-256 of a file."""
    return hashlib.sha256(path.read_bytes()).hexdigest()
