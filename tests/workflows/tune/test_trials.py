"""Trials whose processes are gone are repeated in their places, and none is lost."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
from optuna.trial import Trial, TrialState

from aam.errors import InputError
from aam.workflows.tune.folder import JOURNAL
from aam.workflows.tune.processes import DEAD_SECONDS, FOLDER, Process
from aam.workflows.tune.trials import (
    DEFAULT,
    DRAWS,
    MOST_REPEATS,
    REPEATS,
    SECONDS,
    Rules,
    Trials,
    is_default,
    open_journal,
    place_of,
    quiet,
)

RULES = Rules(sign=-1, seed=3, prune=False)
FIRST = {"x": 0.5}


@pytest.fixture(autouse=True)
def _quiet() -> Iterator[None]:
    with quiet():
        yield


def named(folder: Path, name: str) -> Process:
    """Another process, which does not run."""
    process = Process(folder)
    process.name = name
    return process


def trials_of(folder: Path, process: Process) -> Trials:
    return Trials(open_journal(folder), "search", RULES, process)


def finish(trials: Trials, total: int = 99) -> float | None:
    trial = trials.take(total, FIRST)
    if trial is None:
        return None
    return end(trials, trial)


def end(trials: Trials, trial: Trial) -> float:
    """The trial has a result."""
    x = float(trial.suggest_float("x", 0, 1))
    trial.set_user_attr(SECONDS, 1.0)
    trial.set_user_attr(DRAWS, [x, x])
    trials.study.tell(trial, x)
    return x


def test_a_dead_processs_trial_is_repeated_once(tmp_path: Path) -> None:
    with Process(tmp_path) as process:
        own = trials_of(tmp_path, process)
        assert finish(own) == 0.5, "the first trial is the untuned default"
        dead = trials_of(tmp_path, named(tmp_path, "dead"))
        begun = dead.take(99, FIRST)
        assert begun is not None
        value = begun.suggest_float("x", 0, 1)
        for place in (1, 2):
            trial = own.take(99, FIRST)
            assert trial is not None
            assert (trial.user_attrs.get(REPEATS) == begun.number) == (place == 1)
            assert place_of(own.all[trial.number]) == place
            if place == 1:
                assert trial.suggest_float("x", 0, 1) == value
            end(own, trial)
        states = [one.state for one in own.all]
        assert states == [TrialState.COMPLETE, TrialState.FAIL, TrialState.COMPLETE, TrialState.COMPLETE]
        assert len(own.finished) == 3


def test_a_living_processs_trial_is_left_alone(tmp_path: Path) -> None:
    with Process(tmp_path) as process, named(tmp_path, "other") as other:
        own, others = trials_of(tmp_path, process), trials_of(tmp_path, other)
        first = others.take(2, FIRST)
        assert first is not None
        assert own.take(2, FIRST) is not None
        assert own.take(2, FIRST) is None, "two of two are taken"
        assert own.running_elsewhere() == 2
        end(others, first)
        assert own.running_elsewhere() == 1


def test_the_default_that_was_stopped_stays_the_default(tmp_path: Path) -> None:
    with Process(tmp_path) as process:
        own = trials_of(tmp_path, process)
        begun = own.take(9, FIRST)
        assert begun is not None
        own.fail(begun)
        assert finish(own) == 0.5
        assert [is_default(one) for one in own.complete] == [True]
        assert own.complete[0].user_attrs[DEFAULT] is True


def test_a_trial_that_kills_every_process_is_given_up(tmp_path: Path) -> None:
    with Process(tmp_path) as process:
        own = trials_of(tmp_path, process)
        finish(own)
        for number in range(MOST_REPEATS + 1):
            dead = trials_of(tmp_path, named(tmp_path, f"dead-{number}"))
            begun = dead.take(99, FIRST)
            assert begun is not None
            assert (begun.user_attrs.get(REPEATS) is not None) == (number > 0)
        assert finish(own) is not None
        assert own.all[-1].user_attrs.get(REPEATS) is None
        assert [one.state for one in own.all].count(TrialState.PRUNED) == 1


def test_stopped_searches_go_on_as_if_they_had_not(tmp_path: Path) -> None:
    found = []
    for stopped in (False, True):
        folder = tmp_path / str(stopped)
        folder.mkdir()
        with Process(folder) as process:
            for place in range(14):
                own = trials_of(folder, process)
                if stopped and place in (4, 12):
                    begun = trials_of(folder, named(folder, f"dead-{place}")).take(99, FIRST)
                    assert begun is not None
                    begun.suggest_float("x", 0, 1)
                finish(own)
            found.append([one.value for one in trials_of(folder, process).complete])
    assert found[0] == found[1]
    assert len(set(found[0])) == 14


def test_another_seed_tries_other_values(tmp_path: Path) -> None:
    found = []
    for seed in (3, 3, 4):
        folder = tmp_path / str(len(found))
        folder.mkdir()
        with Process(folder) as process:
            own = Trials(open_journal(folder), "search", Rules(sign=-1, seed=seed, prune=False), process)
            found.append([finish(own) for _ in range(3)])
    assert found[0] == found[1]
    assert found[0][1:] != found[2][1:]


def test_a_damaged_journal_is_told(tmp_path: Path) -> None:
    with Process(tmp_path) as process:
        finish(trials_of(tmp_path, process))
    path = tmp_path / JOURNAL
    for content in (b'{"op_code": 99}\n', b"no json\n{}\n", b'{"op_code":4}\n', b"[1]\n"):
        path.write_bytes(content)
        with pytest.raises(InputError, match="is damaged"):
            open_journal(tmp_path)


@pytest.mark.parametrize(
    ("found", "changed"),
    [
        ('"place":1', '"place":"1"'),
        ('"draws":[', '"draws":["a",'),
        ('"seconds":1.0', '"seconds":null'),
        ('"place":1', '"repeats":7'),
    ],
)
def test_attributes_that_cannot_be_are_told(tmp_path: Path, found: str, changed: str) -> None:
    with Process(tmp_path) as process:
        own = trials_of(tmp_path, process)
        finish(own)
        finish(own)
        path = tmp_path / JOURNAL
        content = path.read_text()
        assert found in content
        path.write_text(content.replace(found, changed))
        with pytest.raises(InputError, match="is damaged"):
            finish(trials_of(tmp_path, process))


def test_who_is_alive(tmp_path: Path) -> None:
    with ExitStack() as stack:
        process = stack.enter_context(Process(tmp_path))
        assert process.is_alive(process.name)
        assert not process.is_alive("nobody")
        assert not process.is_alive("../../etc/passwd")
        elsewhere = tmp_path / FOLDER / "far.json"
        elsewhere.write_text(json.dumps({"process": 1, "started": "1", "machine": "far"}))
        assert process.is_alive("far"), "its file was touched just now"
        old = elsewhere.stat().st_mtime - 2 * DEAD_SECONDS
        os.utime(elsewhere, (old, old))
        assert not process.is_alive("far")
        own = json.loads(process.path.read_text())
        (tmp_path / FOLDER / "reused.json").write_text(json.dumps({**own, "started": "7"}))
        assert not process.is_alive("reused"), "the number is that of another process by now"
        (tmp_path / FOLDER / "damaged.json").write_text("{")
        assert not process.is_alive("damaged")
    assert not process.path.exists()
