"""The suites that are shown or kept in the repository can be read."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import yaml

from aam.config.commands.benchmark import BenchmarkOptions
from aam.workflows.benchmark.suite import Suite, read_suite

ROOT = Path(__file__).resolve().parents[2]
SUITES = ROOT / "benchmarks" / "accuracy"


def read(path: Path, data: Path) -> Suite:
    """A suite, whose files are there and empty."""
    for task in yaml.safe_load(path.read_text())["tasks"].values():
        for file in [task[key] for key in ("table", "metadata", "tree") if key in task]:
            (data / file).parent.mkdir(parents=True, exist_ok=True)
            (data / file).touch()
    return read_suite(BenchmarkOptions(suite=path, output_dir=data / "out", data=data))


@pytest.mark.parametrize(("name", "tasks", "controls"), [("development", 9, 3), ("second", 17, 3)])
def test_suites_have_what_their_readme_says(name: str, tasks: int, controls: int, tmp_path: Path) -> None:
    suite = read(SUITES / f"{name}.yaml", tmp_path)
    is_control = [task.is_control for task in suite.tasks.values()]
    assert (suite.folds, suite.repeats, len(is_control) - sum(is_control), sum(is_control)) == (5, 3, tasks, controls)


def test_the_suite_of_the_documentation_is_one(tmp_path: Path) -> None:
    block = re.search(r"```yaml\n(.*?)```", (ROOT / "docs" / "benchmark.md").read_text(), re.DOTALL)
    assert block is not None
    path = tmp_path / "suite.yaml"
    path.write_text(block[1])
    first, second = read(path, tmp_path).tasks.values()
    assert (first.where, first.numeric_columns, second.is_control) == ("site == 'stool'", ("birth_weight",), True)
