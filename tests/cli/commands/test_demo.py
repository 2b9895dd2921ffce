from __future__ import annotations

import shlex
import sys
from pathlib import Path

import pytest

from aam.cli.commands import demo
from aam.cli.main import main
from aam.cli.options import parse


def commands(said: str) -> list[list[str]]:
    """The commands that the demo shows before it runs them."""
    return [shlex.split(line)[2:] for line in said.splitlines() if line.startswith("$ aam ")]


def test_every_step_is_a_command_that_is_accepted(tmp_path: Path) -> None:
    steps = [words for _, words in demo._steps(tmp_path / "my demo", overwrite=True, seed=3)]
    assert [words[0] for words in steps] == ["simulate", "check", "train", "predict"]
    for words in steps:
        parse(words[0], words[1:])
    train = parse("train", steps[2][1:]).config
    assert train.split.group_column == "subject"
    assert train.split.test_size > 0
    assert train.evaluation.forest_baseline
    assert train.run.seed == 3


def test_the_demo_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr(demo, "SIMULATION", {"samples": 48, "asvs": 60, "asvs-per-sample": 20, "reads": 600})
    typed = list(sys.argv)
    folder = tmp_path / "my demo"
    for _ in range(2):
        assert main(["demo", "--output-dir", str(folder)]) == 0
    said = capsys.readouterr().out
    assert [words[0] for words in commands(said)] == ["simulate", "check", "train", "predict"] * 2
    assert str(folder / "model" / "report.html") in said
    assert (folder / "model" / "report.html").stat().st_size > 10_000
    assert (folder / "predictions.tsv").is_file()
    assert "$ aam train" in (folder / "model" / "log.txt").read_text()
    assert sys.argv == typed
    assert main(["demo", "--output-dir", str(folder), "--no-overwrite"]) == 2
