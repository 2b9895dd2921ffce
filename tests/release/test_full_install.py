"""A wheel with all that it needs in an empty environment, as a user installs it: minutes, and a package index.

``AAM_TORCH`` names what is installed first, with options of pip, such as
``torch --index-url https://download.pytorch.org/whl/cpu``.
"""

from __future__ import annotations

import os
import shlex
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

import aam
from tests.release.environment import Environment, build, use

pytestmark = [pytest.mark.slow, pytest.mark.release]


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Environment]:
    """It is removed at the end: it takes gigabytes."""
    folder = tmp_path_factory.mktemp("full")
    environment = Environment(folder / "env", folder / "work")
    environment.work.mkdir()
    wheel = build("build_wheel", folder)
    subprocess.run([sys.executable, "-m", "venv", environment.folder], check=True, timeout=120)
    started = time.monotonic()
    first = shlex.split(os.environ.get("AAM_TORCH", "torch==2.13.0"))
    for words in (first, [str(wheel)]):
        environment.run("python", "-m", "pip", "install", "--quiet", *words, timeout=1800)
    size = sum(path.lstat().st_size for path in environment.folder.rglob("*") if path.is_file()) / 1e6
    print(f"installed in {time.monotonic() - started:.0f} s, {size:,.0f} MB")
    yield environment
    shutil.rmtree(environment.folder)


def test_what_it_needs_goes_together(installed: Environment) -> None:
    assert "No broken requirements found" in installed.run("python", "-m", "pip", "check")
    assert aam.__version__ in installed.run("aam", "--version")


def test_it_is_used(installed: Environment) -> None:
    use(installed)


def test_the_demo_runs(installed: Environment) -> None:
    told = installed.run("aam", "demo", timeout=600)
    assert "The demo took" in told
    assert (installed.work / "aam-demo" / "predictions.tsv").exists()


def test_no_extra_is_needed_to_pretrain(installed: Environment) -> None:
    installed.run("aam", "simulate", "--no-progress", "--samples", "30", "--asvs", "40", "--output-dir", "pool")
    sizes = ("--epochs", "1", "--embedding-dim", "16", "--attention-heads", "2", "--num-soft-clades", "8")
    installed.run("aam", "pretrain", "--no-progress", "--table", "pool/table.biom", *sizes, "--output-dir", "encoder")
    assert Path(installed.work / "encoder" / "model" / "model.safetensors").exists()
