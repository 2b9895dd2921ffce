"""Virtual environments into which a wheel of this checkout is installed, and what is done with it there."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).resolve().parents[2]
BUILD = "import sys; from hatchling.build import {hook}; print({hook}(sys.argv[1]))"
SMALL_STUDY = ("--samples", "40", "--asvs", "60", "--asvs-per-sample", "20", "--reads", "1000")
LOAD_ENCODER = """
import aam
from aam.models.folder.weights import load_model
from aam.models.shipped import NAMES, folder_of
print(aam.__file__)
for name in NAMES:
    model, description = load_model(folder_of(name))
    print(name, description.options.embedding_dim, sum(p.numel() for p in model.parameters()))
"""


class Environment(NamedTuple):
    """A virtual environment, and an empty folder outside of the checkout to work in."""

    folder: Path
    work: Path

    @property
    def python(self) -> Path:
        return self.folder / "bin" / "python"

    def run(self, *words: str | Path, timeout: float = 300) -> str:
        """What a program of the environment prints; nothing of the checkout is found by it."""
        program, *rest = (str(word) for word in words)
        outside = {name: value for name, value in os.environ.items() if not name.startswith(("PYTHON", "AAM_"))}
        done = subprocess.run(
            [str(self.folder / "bin" / program), *rest],
            cwd=self.work,
            env=outside,
            capture_output=True,
            text=True,
            check=False,
            timeout=timeout,
        )
        assert done.returncode == 0, f"{words}\n{done.stdout}\n{done.stderr}"
        return done.stdout


def build(hook: str, output: Path, source: Path = ROOT) -> Path:
    """Build with the installed hatchling, without a network: ``build_wheel`` or ``build_sdist``."""
    command = [sys.executable, "-c", BUILD.format(hook=hook), str(output)]
    done = subprocess.run(command, cwd=source, capture_output=True, text=True, check=False, timeout=120)
    assert done.returncode == 0, done.stderr
    return output / done.stdout.split()[-1]


def use(installed: Environment, *options: str) -> None:
    """Simulate, train with options and predict, and load the encoder of the package."""
    installed.run("aam", "simulate", "--no-progress", *SMALL_STUDY, "--output-dir", "study")
    table = ("--table", "study/table.biom")
    target = ("--metadata", "study/metadata.tsv", "--metadata-column", "gradient")
    installed.run("aam", "train", *table, *target, *options, "--output-dir", "model")
    installed.run("aam", "predict", "--model", "model", *table, "--output", "predictions.tsv")
    assert len((installed.work / "predictions.tsv").read_text().splitlines()) == 41
    assert (installed.work / "model" / "report.html").read_text().startswith("<!doctype html>")
    where, *encoder = installed.run("python", "-c", LOAD_ENCODER).split()
    assert Path(where).is_relative_to(installed.folder)
    assert encoder[:2] == ["small", "64"]
