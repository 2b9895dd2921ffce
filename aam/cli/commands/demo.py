"""`aam demo`: the whole job on a simulated study, with the commands that one would type."""

from __future__ import annotations

import shlex
import time
from collections.abc import Iterator
from pathlib import Path

from aam.cli.terminal import Terminal
from aam.config import DemoConfig
from aam.errors import InputError
from aam.runs.layout import REPORT, is_run_directory
from aam.text import format_duration

# Sizes of the demo, flag by flag: large enough to show something, small enough for two cores and a minute.
SIMULATION = {"samples": 240, "asvs": 400, "asvs-per-sample": 60, "reads": 4000}
TRAINING = {"test-size": 0.25}
PREDICTIONS = "predictions.tsv"

SAY_THEIR_COMMAND = ("train",)  # so that it stands in its log as well


def run(config: DemoConfig) -> None:
    """Run every step, each with its command in front of it, then say where to look and what to type next."""
    from aam.cli.main import run_command

    options = config.demo
    console = Terminal()
    started = time.monotonic()
    _check_predictions(options.output_dir)
    for about, words in _steps(options.output_dir, options.overwrite, options.seed):
        console.print(f"\n{about}\n", style="bold")
        if words[0] not in SAY_THEIR_COMMAND:
            console.print(f"$ {shlex.join(['aam', *words])}")
        run_command(words[0], words[1:])
    took = format_duration(time.monotonic() - started)
    console.print("\n".join(["", *_farewell(options.output_dir, took)]))


def _check_predictions(folder: Path) -> None:
    """Refuse a folder whose predictions are not of an earlier demo: they are replaced at the end."""
    if (folder / PREDICTIONS).exists() and not is_run_directory(folder / "model"):
        raise InputError(folder, f"holds {PREDICTIONS}, which is not of a demo", "choose another --output-dir")


def _steps(folder: Path, overwrite: bool, seed: int) -> Iterator[tuple[str, list[str]]]:
    """What each step is for, and its command."""
    study, model = folder / "study", folder / "model"
    common = {"seed": seed, **({"overwrite": True} if overwrite else {})}
    table, tree = {"table": study / "table.biom"}, {"tree": study / "tree.nwk"}
    target = {"metadata": study / "metadata.tsv", "metadata-column": "gradient", "group-column": "subject"}
    yield "1. Simulate a study with known truth", _words("simulate", {"output-dir": study, **SIMULATION, **common})
    yield "2. Check the inputs", _words("check", {**table, **tree, **target})
    yield (
        "3. Train a model to predict a column, with whole subjects held out and a random forest as baseline",
        _words("train", {**table, **tree, **target, "output-dir": model, **TRAINING, **common}),
    )
    yield (
        "4. Predict from the model and a table alone",
        _words("predict", {"model": model, **table, "output": folder / PREDICTIONS, **common}),
    )


def _words(command: str, options: dict[str, object]) -> list[str]:
    words = [command]
    for name, value in options.items():
        words += [f"--{name}"] if value is True else [f"--{name}", str(value)]
    return words


def _farewell(folder: Path, took: str) -> Iterator[str]:
    yield f"The demo took {took}. Open the report in a browser:"
    yield f"  {(folder / 'model' / REPORT).absolute()}"
    yield f"The predictions are in {folder / PREDICTIONS}, the study in {folder / 'study'}."
    yield ""
    yield "With your own data (if aam is not found: source .venv/bin/activate):"
    yield "  aam check --table table.biom --tree tree.nwk --metadata samples.tsv --metadata-column COLUMN"
    yield "  aam train --table table.biom --metadata samples.tsv --metadata-column COLUMN --output-dir runs/model"
    yield "  aam predict --model runs/model --table new-samples.biom --output predictions.tsv"
    yield "Where several samples come from one subject or plot, add --group-column. For classes, add --classifier."
