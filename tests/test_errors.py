from __future__ import annotations

from pathlib import Path

import pytest

from aam.errors import (
    AamError,
    Attempts,
    CheckpointError,
    ConfigError,
    InputError,
    NonFiniteError,
    Problems,
    RunError,
)


@pytest.mark.parametrize(
    ("kind", "code"), [(ConfigError, 2), (CheckpointError, 2), (RunError, 3), (NonFiniteError, 4), (AamError, 3)]
)
def test_exit_codes(kind: type[AamError], code: int) -> None:
    assert kind("what is wrong").exit_code == code
    assert issubclass(kind, AamError)
    assert not issubclass(kind, (OSError, ValueError)), "these are caught where others raise them"


@pytest.mark.parametrize("source", ["table.biom", Path("/data/x/table.biom"), "C:\\data\\table.biom"])
def test_an_input_error_names_file_problem_and_remedy(source: str | Path) -> None:
    error = InputError(source, "3 samples have no reads", "leave them out")
    assert str(error) == "table.biom: 3 samples have no reads; leave them out"
    assert error.problems == (str(error),)
    assert error.exit_code == 2
    assert str(InputError(source, "is empty")) == "table.biom: is empty"


def test_problems_are_collected_and_said_at_once() -> None:
    problems = Problems(Path("/data/table.tsv"))
    problems.raise_if_any()
    problems.add("first", "do this")
    problems.add("second")
    with pytest.raises(InputError) as caught:
        problems.raise_if_any()
    assert caught.value.problems == ("table.tsv: first; do this", "table.tsv: second")
    assert str(caught.value) == "table.tsv: first; do this (and 1 more: `aam check` lists them)"
    assert caught.value.exit_code == 2


def test_a_single_problem_is_said_as_it_is() -> None:
    problems = Problems("table.tsv")
    problems.add("first")
    with pytest.raises(InputError) as caught:
        problems.raise_if_any()
    assert str(caught.value) == "table.tsv: first"


def fail(error: AamError) -> str:
    raise error


def test_attempts_go_on_and_collect_each_problem_once() -> None:
    attempt = Attempts()
    attempt.raise_if_any()
    assert attempt(lambda: 7) == 7
    assert attempt(lambda: fail(ConfigError("--lr is wrong"))) is None
    assert attempt(lambda: fail(InputError.of(("a: first", "a: second")))) is None
    assert attempt(lambda: fail(CheckpointError("--lr is wrong"))) is None
    with pytest.raises(ConfigError) as caught:
        attempt.raise_if_any()
    assert caught.value.problems == ("--lr is wrong", "a: first", "a: second")
    assert str(caught.value) == "--lr is wrong (and 2 more: `aam check` lists them)"
    assert caught.value.exit_code == 2


def test_attempts_stop_at_what_is_not_the_users_mistake() -> None:
    attempt = Attempts()
    with pytest.raises(RunError):
        attempt(lambda: fail(RunError("the disk is full")))
    with pytest.raises(ZeroDivisionError):
        attempt(lambda: 1 / 0)
