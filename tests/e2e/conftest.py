"""A small simulated study on disk, and a way to run the program on it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from aam.cli.main import main
from aam.config.commands import SimulateOptions
from aam.simulation.study import simulate_study

SMALL = {
    "--epochs": "2",
    "--embedding-dim": "16",
    "--attention-heads": "2",
    "--attention-layers": "1",
    "--num-soft-clades": "16",
    "--rarefy-depth": "300",
}

Run = Callable[..., int]


@pytest.fixture(scope="session")
def study(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """60 samples of 15 subjects, 40 ASVs; the target is ``gradient``, classes are in ``group``."""
    folder = tmp_path_factory.mktemp("study")
    options = {"samples": 60, "asvs": 40, "asvs_per_sample": 15.0, "reads": 800, "sequence_length": 40}
    simulate_study(SimulateOptions(output_dir=folder, progress=False, overwrite=True, **options))
    return folder


def run_command(command: str, *words: object, small: bool = True, **changes: object) -> int:
    """Run a command of the program in this process; returns its exit code. ``changes`` are flags with values."""
    flags = {f"--{name.replace('_', '-')}": str(value) for name, value in changes.items()}
    defaults = SMALL if small and command in ("pretrain", "train") else {}
    pairs = [word for pair in ({**defaults, **flags}).items() for word in pair]
    try:
        return main([command, *map(str, words), *pairs]) or 0
    except SystemExit as end:
        return int(end.code or 0)


@pytest.fixture(scope="session")
def encoder(study: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A pre-training run on the study, with UniFrac, masked bases and abundances."""
    folder = tmp_path_factory.mktemp("runs") / "encoder"
    table, tree = study / "table.biom", study / "tree.nwk"
    assert run_command("pretrain", table=table, tree=tree, output_dir=folder) == 0
    return folder


@pytest.fixture
def train(study: Path, tmp_path: Path) -> Run:
    """Runs ``aam train`` on the study with changed flags, into ``tmp_path / "run"``; with a forest only if asked."""

    def run(*words: object, **changes: object) -> int:
        inputs = {"table": study / "table.biom", "metadata": study / "metadata.tsv", "metadata_column": "gradient"}
        forest = () if "--forest-baseline" in words else ("--no-forest-baseline",)
        return run_command("train", *words, *forest, **{**inputs, "output_dir": tmp_path / "run", **changes})

    return run
