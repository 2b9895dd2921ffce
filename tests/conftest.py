"""What all tests share: their own cache, a small study, an encoder trained on it, and a way to train on it.

Properties are tried on the same examples in every run; ``pytest --hypothesis-profile search`` tries new ones.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import settings

from aam.config.commands.simulate import SimulateOptions
from aam.simulation.study import simulate_study
from tests.program import Run, run_command

settings.register_profile("same", derandomize=True)
settings.register_profile("search", max_examples=200)
settings.load_profile("same")


LONGEST_ID = 30


def pytest_make_parametrize_id(val: object, argname: str) -> str | None:
    """Name a case by a short text alone; of other texts, such as messages, by the parameter and its number."""
    is_short = isinstance(val, str) and len(val) <= LONGEST_ID and val.isprintable()
    return argname if isinstance(val, str | bytes) and not is_short else None


@pytest.fixture(scope="session", autouse=True)
def _cache_of_the_tests(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """A cache of parsed inputs, and an index of models, of their own: those of the user are never touched."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("AAM_CACHE_DIR", str(tmp_path_factory.mktemp("cache")))
        patch.setenv("AAM_MODELS", str(tmp_path_factory.mktemp("models") / "index"))
        yield


@pytest.fixture(scope="session")
def study(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """60 samples of 15 subjects, 40 ASVs; the target is ``gradient``, classes are in ``group``."""
    folder = tmp_path_factory.mktemp("study")
    options = {"samples": 60, "asvs": 40, "asvs_per_sample": 15.0, "reads": 800, "sequence_length": 40}
    simulate_study(SimulateOptions(output_dir=folder, progress=False, overwrite=True, **options))
    return folder


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
