"""Small studies, the words that train on them, and a way to start runs that are killed."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.faults.kill_harness import Children
from tests.faults.toy import make_toy
from tests.program import SMALL

EPOCHS = 5  # of 2 steps each
TINY = {**SMALL, "--embedding-dim": 8, "--token-limit": 5, "--trim-length": 20, "--epochs": EPOCHS, "--batch-size": 23}


def train_words(study: Path, folder: Path, *more: object, **changes: object) -> list[str]:
    """The words of `aam train` on the study; ``changes`` are flags with values."""
    flags = {
        **TINY,
        "--table": study / "table.biom",
        "--metadata": study / "metadata.tsv",
        "--metadata-column": "gradient",
        "--learners": "network",
        "--output-dir": folder,
    }
    flags |= {f"--{name.replace('_', '-')}": value for name, value in changes.items()}
    pairs = [str(word) for pair in flags.items() for word in pair]
    return ["train", *pairs, "--no-forest-baseline", "--no-report", "--no-progress", *map(str, more)]


def weights(folder: Path) -> bytes:
    """The weights that a run kept."""
    return (folder / "model" / "model.safetensors").read_bytes()


@pytest.fixture(scope="session")
def unbroken(study: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run to which nothing happened."""
    from tests.faults.children import program

    folder = tmp_path_factory.mktemp("unbroken") / "run"
    done = program(*train_words(study, folder))
    assert done.code == 0, done.err
    return folder


@pytest.fixture(scope="session")
def toy(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The files of the toy study."""
    return make_toy(tmp_path_factory.mktemp("toy"))


@pytest.fixture
def children(tmp_path: Path) -> Children:
    """Starts runs in children of this test."""
    folder = tmp_path / "children"
    folder.mkdir()
    return Children(folder)
