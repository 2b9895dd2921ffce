"""The examples in the docstrings of the public API are true, one after the other in the order of a first analysis."""

from __future__ import annotations

import doctest
from pathlib import Path

import pytest

import aam
from aam.config.commands.simulate import SimulateOptions
from aam.simulation.study import simulate_study

NAMES = (
    *("load_study", "Study", "train", "predict", "load_model", "evaluate", "explain", "list_runs"),
    *("AAMRegressor", "AAMClassifier"),
)
"""Names whose docstring has examples; those of one read what those before it have written."""


def examples_of(name: str) -> list[doctest.DocTest]:
    thing = getattr(aam, name)
    found = doctest.DocTestFinder(recurse=False).find(thing, name, module=False, globs={"aam": aam})
    return [test for test in found if test.examples]


def test_examples_are_true(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """With the study that the reference of the API names."""
    simulate_study(SimulateOptions(output_dir=tmp_path / "study", samples=60, asvs=60, seed=1, progress=False))
    monkeypatch.chdir(tmp_path)
    runner = doctest.DocTestRunner()
    said: list[str] = []
    for name in NAMES:
        tests = examples_of(name)
        assert tests, name
        for test in tests:
            runner.run(test, out=said.append)
    assert runner.summarize(verbose=False).failed == 0, "".join(said)


def test_all_names_with_examples_are_listed() -> None:
    public = [name for name in aam.__all__ if not name.startswith("_")]
    assert {name for name in public if examples_of(name)} == set(NAMES)
