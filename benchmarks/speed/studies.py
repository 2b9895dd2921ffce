"""The studies that training is timed on: a public one, or a simulated one, and the configurations of runs on them."""

from __future__ import annotations

import argparse
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch

from aam.config import ModelOptions, PretrainConfig, TrainConfig, from_flat
from aam.config.commands.simulate import SimulateOptions
from aam.models.folder.description import ModelDescription
from aam.models.folder.weights import save_model
from aam.models.sequence_encoder import SelfSupervision, SequenceEncoder
from aam.simulation.study import simulate_study
from benchmarks.accuracy.folds import STUDIES

SAMPLES, ASVS, ASVS_PER_SAMPLE = 300, 1000, 120.0
Files = dict[str, Any]
"""Options of a run that say what is read, as JSON has them."""


def add_study(parser: argparse.ArgumentParser) -> None:
    """The options that choose a study and a run's settings."""
    parser.add_argument("--data", type=Path, help="folder with the public studies; without it one is simulated")
    parser.add_argument("--study", default="decomp_pmi", choices=sorted(STUDIES))
    parser.add_argument(
        "--set", action="append", default=[], metavar="NAME=VALUE", help="an option of aam train: --set token-limit=256"
    )


def settings_of(options: argparse.Namespace) -> dict[str, str]:
    """What ``--set`` says."""
    pairs = (word.split("=", 1) for word in options.set)
    return {name.replace("-", "_"): value for name, value in pairs}


def study_files(options: argparse.Namespace, work: Path) -> tuple[str, Files]:
    """The study's name, and the options that read it; a simulated one is made in ``work``."""
    if options.data is None:
        size = SimulateOptions(
            output_dir=work / "study", samples=SAMPLES, asvs=ASVS, asvs_per_sample=ASVS_PER_SAMPLE, progress=False
        )
        simulation = simulate_study(size)
        name = f"a simulated study ({simulation.samples} samples, {simulation.asvs:,} ASVs)"
        return name, _files(work / "study", metadata_column="gradient", group_column="subject")
    benchmark, folder = STUDIES[options.study], options.data.resolve() / options.study
    columns = {"metadata_column": benchmark.target, "group_column": benchmark.group}
    where = {"where": benchmark.where} if benchmark.where else {}
    return options.study, _files(folder, **columns, **where, classifier=benchmark.classifier)


def _files(folder: Path, **others: Any) -> Files:
    files = {"tree": str(folder / "tree.nwk"), "metadata": str(folder / "metadata.tsv")}
    return {"table": [str(folder / "table.biom")], **files, **others}


def pretraining(files: Files, **options: Any) -> PretrainConfig:
    """The configuration of a pre-training run."""
    mine = {name: value for name, value in files.items() if name not in ("metadata_column", "classifier")}
    return from_flat(PretrainConfig, {**mine, "progress": False, **options})


def training(files: Files, **options: Any) -> TrainConfig:
    """The configuration of a training run, without forest and report."""
    quiet = {"progress": False, "forest_baseline": False, "report": False}
    return from_flat(TrainConfig, {**files, "learners": "network", **quiet, **options})


def save_fresh_encoder(folder: Path, settings: Mapping[str, str]) -> Path:
    """A model folder with an encoder that has learned nothing, since times do not depend on what it knows."""
    sizes = {name: value for name, value in settings.items() if name in ModelOptions.__dataclass_fields__}
    config = from_flat(PretrainConfig, {"table": ["none"], "output_dir": "none", **sizes})
    torch.manual_seed(0)
    encoder = SequenceEncoder(config.model, SelfSupervision())
    description = ModelDescription(
        options=config.model,
        supervision=encoder.supervision,
        predictor=None,
        data={
            "trim_length": None,
            "max_bp": None,
            "rarefy_depth": None,
            "token_limit": config.sampling.token_limit,
            "asv_sampling": config.sampling.asv_sampling,
        },
        record={},
    )
    save_model(folder, dict(encoder.state_dict()), description)
    return folder
