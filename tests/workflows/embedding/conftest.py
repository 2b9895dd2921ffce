"""A small blend of kernels and trees on the study of all tests."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.program import run_command

LEARNERS = ("jaccard", "clr-linear", "trees-dna")


@pytest.fixture(scope="session")
def blend(study: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("runs") / "blend"
    words = [word for name in LEARNERS for word in ("--learners", name)]
    inputs = {"table": study / "table.biom", "metadata": study / "metadata.tsv", "metadata_column": "gradient"}
    assert (
        run_command("train", *words, "--no-report", "--no-forest-baseline", small=False, **inputs, output_dir=folder)
        == 0
    )
    return folder
