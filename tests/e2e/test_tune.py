"""`aam tune` of a small study: what it writes, that a killed search loses nothing, and that several processes join."""

from __future__ import annotations

import fcntl
import json
import os
import re
import shlex
import shutil
import signal
import subprocess
import sys
import time
from collections import Counter
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from optuna.trial import TrialState

import aam
from aam.cli.options import parse
from aam.errors import ConfigError, InputError
from aam.evaluation.prediction_table import read_columns
from aam.runs.saved_options import training_config
from aam.workflows.tune import run
from aam.workflows.tune.fit import Fitter
from aam.workflows.tune.folder import JOURNAL
from aam.workflows.tune.processes import Process
from aam.workflows.tune.trials import PROCESS, REPEATS, Rules, Trials, open_journal, place_of, quiet
from aam.workflows.tune.tuning import Tuning
from tests.program import run_command

TABLES = {"trials.tsv", "outer.tsv"}
FILES = {"config.yaml", JOURNAL, "processes", "tune.json", "best.yaml", "report.html", "figures", *TABLES}
SPACE = "kernel_width: {low: 0.2, high: 5, log: true}\nblend_pull: {low: 0.01, high: 10, log: true}\n"
PATIENCE = 120.0


def options(study: Path, folder: Path, **changes: Any) -> dict[str, Any]:
    space = folder.with_name(f"{folder.name}.space.yaml")
    space.write_text(SPACE)
    given = {"table": study / "table.biom", "metadata": study / "metadata.tsv", "metadata_column": "gradient"}
    given |= {"learners": "jaccard,clr-radial", "group_column": "subject", "folds": 2, "space": space}
    return {**given, "output_dir": folder, **changes}


def trials_of(folder: Path) -> Trials:
    with quiet(), Process(folder) as process:
        return Trials(open_journal(folder), "search", Rules(sign=-1, seed=42, prune=True), process)


def results(folder: Path) -> list[tuple[int, Any, Any]]:
    """Place, values and metric of each trial that ended by itself."""
    finished = sorted(trials_of(folder).finished, key=place_of)
    return [(place_of(one), one.params, one.value) for one in finished]


@pytest.fixture(scope="module")
def tuned(study: Path, tmp_path_factory: pytest.TempPathFactory) -> Tuning:
    folder = tmp_path_factory.mktemp("tune") / "search"
    found = aam.tune(**options(study, folder, trials=12, progress=False))
    assert found is not None
    return found


def test_the_results_are_written(tuned: Tuning) -> None:
    assert {path.name for path in tuned.folder.iterdir()} == FILES
    record = json.loads((tuned.folder / "tune.json").read_text())
    assert record["results"] == list(tuned.summary)
    assert record["worth_it"] == tuned.is_worth_it
    table = read_columns(tuned.folder / "trials.tsv")
    assert len(table["trial"]) == 12
    assert Counter(table["chosen"]) == {"0": 11, "1": 1}
    assert table["default"][0] == "1"
    assert set(tuned.figures) == {"history", "importance", "slices"}
    assert "Is it worth it?" in (tuned.folder / "report.html").read_text()
    assert run_command("info", str(tuned.folder)) == 0


def test_the_winner_is_trained_by_its_file(tuned: Tuning, tmp_path: Path) -> None:
    best = tuned.folder / "best.yaml"
    config = training_config(best)
    assert config == tuned.config
    chosen = next(one for one in tuned.shown.recommended.trials if one.is_chosen)
    for name, value in chosen.values.items():
        assert getattr(config.settings, name) == value
    assert config.split.test_size == 0, "the model to use learns from all samples"
    words = ["--config", best, "--no-report", "--output-dir", tmp_path / "best"]
    assert run_command("train", *words, small=False) == 0


def test_the_outer_estimate_is_of_the_held_out(tuned: Tuning) -> None:
    (outer,) = tuned.shown.outer
    table = tuned.outer
    assert table.size == outer.samples == 12
    error = np.abs(table["observed"] - table["tuned"]).mean() - np.abs(table["observed"] - table["untuned"]).mean()
    assert outer.difference["mae"].value == pytest.approx(error)
    word = {1: "Worth it:", 0: "Not worth it here:", -1: "Not worth it:"}[0 if outer.is_same else outer.sign]
    assert tuned.summary[0].startswith(word)


def test_a_killed_search_goes_on_as_if_it_had_not(tuned: Tuning, study: Path, tmp_path: Path) -> None:
    folder = tmp_path / "search"
    process = started(options(study, folder, trials=12))
    try:
        wait_for(folder, 3, process)
    finally:
        process.send_signal(signal.SIGKILL)
        process.wait()
    before = results(folder)
    assert 3 <= len(before) < 12
    assert run_command("tune", "--resume-from", folder, "--no-progress") == 0
    after = results(folder)
    assert after[: len(before)] == before, "no finished trial is lost"
    assert after == results(tuned.folder), "and the others are those of a search that was never stopped"
    states = Counter(one.state for one in trials_of(folder).all)
    assert states[TrialState.FAIL] <= 1
    assert states[TrialState.RUNNING] == 0
    assert sum(REPEATS in one.user_attrs for one in trials_of(folder).all) == states[TrialState.FAIL]


@pytest.mark.parametrize(("number", "code"), [(signal.SIGTERM, 75), (signal.SIGINT, 130)])
def test_a_signal_ends_it_in_order(
    study: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    number: int,
    code: int,
) -> None:
    folder, fits = tmp_path / "search", []
    predict = Fitter.predict

    def stopped_in_the_second_trial(self: Fitter, *rest: Any) -> Any:
        fits.append(1)
        if len(fits) == 4:
            os.kill(os.getpid(), number)
        return predict(self, *rest)

    with monkeypatch.context() as patch:
        patch.setattr(Fitter, "predict", stopped_in_the_second_trial)
        assert run_command("tune", "--no-report", **options(study, folder, trials=3)) == code
    assert f"resume with: aam tune --resume-from {folder}" in capsys.readouterr().err
    assert [one.state for one in trials_of(folder).all] == [TrialState.COMPLETE, TrialState.FAIL]
    assert run_command("tune", "--resume-from", folder, "--no-progress") == 0
    assert len(results(folder)) == 3


def test_a_search_that_is_done_says_so(tuned: Tuning, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = shutil.copytree(tuned.folder, tmp_path / "search")
    before = results(folder)
    assert run_command("tune", "--resume-from", folder, "--trials", 4, "--no-progress") == 0
    said = capsys.readouterr().out
    assert "search: 4 trials; about how long they take is said after the first trial; --minutes ends" in said
    assert "nothing is left to try: 12 trials are done; more --trials go on" in said
    assert results(folder) == before
    shown = tuned.shown
    assert shlex.split(said.partition(f"Next, {shown.next_title}:")[2].splitlines()[1]) == shlex.split(
        shown.next_command.replace(str(tuned.folder), str(folder))
    )


def test_a_long_search_says_how_long(
    study: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(run, "WORTH_SAYING", 1e-9)
    given = options(study, tmp_path / "search", trials=2)
    assert run_command("tune", "--no-report", "--no-progress", **given) == 0
    said = re.findall("the first trial took .*; at its rate 2 take .*, mostly less", capsys.readouterr().out)
    assert len(said) == 1


def started(given: dict[str, Any], *words: str) -> subprocess.Popen[bytes]:
    """The program in a process of its own."""
    flags = [str(word) for name, value in given.items() for word in (f"--{name.replace('_', '-')}", value)]
    program, nothing = [sys.executable, "-m", "aam", "tune", *flags, *words], subprocess.DEVNULL
    return subprocess.Popen(program, stdout=nothing, stderr=nothing)


def wait_for(folder: Path, number: int, process: subprocess.Popen[bytes]) -> None:
    """Until so many trials have ended."""
    ends = time.monotonic() + PATIENCE
    while time.monotonic() < ends and process.poll() is None:
        path = folder / JOURNAL
        if path.is_file() and path.read_text().count('"op_code":6') >= 2 * number:
            return
        time.sleep(0.05)
    raise AssertionError(f"the search did not come so far (exit code {process.poll()})")


def test_processes_share_a_search(study: Path, tmp_path: Path) -> None:
    folder = tmp_path / "search"
    process = started(options(study, folder, trials=8), "--no-report")
    try:
        wait_for(folder, 1, process)
        pause_within_a_trial(folder, process)
        assert aam.tune(resume_from=folder, progress=False) is None, "the other process is still at a trial"
        assert not (folder / "tune.json").exists()
        process.send_signal(signal.SIGCONT)
        assert process.wait(PATIENCE) == 0
    finally:
        process.kill()
    trials = trials_of(folder).all
    assert len(trials) == len(trials_of(folder).finished) == 8
    assert sorted(map(place_of, trials)) == list(range(8))
    assert len({one.user_attrs[PROCESS] for one in trials}) == 2
    assert len(read_columns(folder / "trials.tsv")["trial"]) == 8, "who finishes last writes the results"


def pause_within_a_trial(folder: Path, process: subprocess.Popen[bytes]) -> None:
    """Stop a process for a while, where it holds no lock and is at a trial."""
    ends = time.monotonic() + PATIENCE
    while time.monotonic() < ends:
        process.send_signal(signal.SIGSTOP)
        with (folder / "processes" / ".deciding").open("a") as file, suppress(BlockingIOError):
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            fcntl.flock(file, fcntl.LOCK_UN)
            is_free = not list(folder.glob(f"{JOURNAL}.lock*"))
            if is_free and any(one.state == TrialState.RUNNING for one in trials_of(folder).all):
                return
        process.send_signal(signal.SIGCONT)
        time.sleep(0.02)
    raise AssertionError("it was never at a trial")


def test_further_processes_are_started(study: Path, tmp_path: Path) -> None:
    folder = tmp_path / "search"
    assert run_command("tune", "--jobs", "2", "--no-report", **options(study, folder, trials=6)) == 0
    assert len(trials_of(folder).finished) == len(trials_of(folder).all) == 6
    assert "jobs: 1" in (folder / "config.yaml").read_text(), "how many is for each that joins to say"


def test_more_trials_continue_a_finished_search(tuned: Tuning, study: Path, tmp_path: Path) -> None:
    folder = tmp_path / "search"
    assert aam.tune(**options(study, folder, trials=3, progress=False)) is not None
    more = aam.tune(resume_from=folder, trials=5, progress=False)
    assert more is not None
    assert len(more.shown.recommended.trials) == 5
    assert results(folder) == results(tuned.folder)[:5]
    assert parse("tune", ["--resume-from", str(folder)]).config.total == 5


def test_nested(study: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = tmp_path / "nested"
    words = options(study, folder, trials=2, outer_folds=2, metadata_column="group")
    assert run_command("tune", "--classifier", "--no-progress", **words) == 0
    said = capsys.readouterr().out
    assert "outer folds: 2, each with a search of its own; all 60 samples judge" in said
    assert len(set(read_columns(folder / "outer.tsv")["sample-id"])) == 60
    assert Counter(read_columns(folder / "trials.tsv")["search"]) == {"outer-1": 2, "outer-2": 2, "search": 2}
    (line,) = [one for one in said.splitlines() if one.startswith("  aam train ")]
    assert parse("train", shlex.split(line)[2:]).config.target.classifier


def test_networks_are_searched_too(study: Path, tmp_path: Path) -> None:
    space = tmp_path / "space.yaml"
    space.write_text("lr: {low: 1e-4, high: 1e-2, log: true}\ndropout: [0, 0.5]\n")
    tiny = {"epochs": 2, "embedding_dim": 16, "attention_heads": 2, "attention_layers": 1, "num_soft_clades": 8}
    words = options(study, tmp_path / "n", learners="network", trials=2, rarefy_depth=200, **tiny) | {"space": space}
    found = aam.tune(**words, progress=False, report=False)
    assert found is not None
    assert [one.state for one in found.shown.recommended.trials] == ["complete", "complete"]
    assert not (found.folder / "report.html").exists()


def test_a_search_on_other_data_is_not_continued(study: Path, tmp_path: Path) -> None:
    folder = tmp_path / "search"
    given = options(study, folder, trials=1, progress=False, report=False)
    aam.tune(**given)
    with pytest.raises(InputError, match="holds a search; go on with"):
        aam.tune(**given)
    with pytest.raises(ConfigError, match="learners"):
        aam.tune(resume_from=folder, learners="forest")
    given["space"].write_text("blend_pull: [0, 1]\n")
    with pytest.raises(InputError, match="is a search on other samples"):
        aam.tune(resume_from=folder, progress=False)
    assert aam.tune(**given, overwrite=True) is not None
    assert len(results(folder)) == 1


def test_a_damaged_journal_is_one_line(study: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = tmp_path / "search"
    aam.tune(**options(study, folder, trials=1, progress=False, report=False))
    (folder / JOURNAL).write_text('{"op_code": "\n[]\n')
    assert run_command("tune", "--resume-from", folder) == 2
    assert "is damaged" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"learners": "jaccard,jaccard", "space": ""}, "nothing to search with --learners jaccard,jaccard: none of"),
        ({"folds": 40}, "has 12 groups for 40 folds"),
        ({"metadata_column": "nothing"}, "no column 'nothing'"),
        ({"minutes": 1e-9}, "no trial has a result"),
    ],
)
def test_what_cannot_be_is_refused(
    study: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], changes: dict[str, Any], words: str
) -> None:
    given = options(study, tmp_path / "search", **changes)
    given = {name: value for name, value in given.items() if value != ""}
    assert run_command("tune", "--no-progress", **given) in (2, 3)
    assert words in capsys.readouterr().err


def test_without_optuna_the_extra_is_named(study: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "optuna", None)
    with pytest.raises(ConfigError, match=r"pip install 'aam\[tune\]'"):
        aam.tune(**options(study, tmp_path / "search"))
