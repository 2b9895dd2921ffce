"""Small training runs that are prepared, and not started."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from aam.config import TrainConfig
from aam.config.option import from_flat
from aam.training.run.build_run import Prepared, prepare_training
from tests.program import SMALL

SIZES = {name.removeprefix("--").replace("-", "_"): value for name, value in SMALL.items()}


def prepare_small(study: Path, **options: Any) -> Prepared:
    """A run on ``gradient`` of a simulated study; ``options`` are fields of its configuration, as in a file."""
    inputs = {"table": [str(study / "table.biom")], "metadata": str(study / "metadata.tsv"), "output_dir": "run"}
    given = {**inputs, "metadata_column": "gradient", "learners": "network", "progress": False, **SIZES, **options}
    return prepare_training(from_flat(TrainConfig, given))
