"""`aam runs`: what it finds below a folder, and what it says of each run."""

from __future__ import annotations

import os
import platform
import shutil
from functools import partial
from pathlib import Path

import numpy as np
import pytest
from sklearn.metrics import mean_absolute_error

import aam
from aam.errors import ConfigError, InputError
from aam.evaluation.prediction_table import read_columns
from aam.files.columns import Columns
from aam.learners import members
from aam.learners.trees import forest
from tests.program import run_command

ALONE = ("--no-report", "--no-progress")


def train(study: Path, folder: Path, *words: str, **options: object) -> Path:
    files = {"table": study / "table.biom", "metadata": study / "metadata.tsv"}
    given = {**files, "metadata_column": "gradient", "learners": "jaccard", "output_dir": folder, **options}
    assert run_command("train", *ALONE, *words, small=False, **given) == 0
    return folder


@pytest.fixture(scope="module")
def runs(study: Path, encoder: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Finished runs of each kind, and one each that was stopped, is running, failed, and is damaged."""
    folder = tmp_path_factory.mktemp("listed")
    with pytest.MonkeyPatch.context() as patch:  # few trees
        patch.setattr(forest, "NUM_TREES_OF_FOLD", 6)
        patch.setattr(members, "ForestSettings", partial(forest.ForestSettings, n_estimators=12))
        train(study, folder / "tested", learners="jaccard,forest", test_size=0.3, group_column="subject")
    train(study, folder / "deep" / "classes", "--classifier", "--no-forest-baseline", metadata_column="group")
    train(study, folder / "folds", "--no-forest-baseline", cv=2)
    shutil.copytree(encoder, folder / "encoder")
    for name in ("stopped", "running", "failed"):
        shutil.copytree(encoder, folder / name)
        (folder / name / "finished.json").unlink()
    (folder / "running" / ".lock").write_text(f"pid {os.getpid()} on {platform.node()} since now")
    (folder / "stopped" / ".lock").write_text(f"pid 99999999 on {platform.node()} since now")
    with (folder / "failed" / "log.txt").open("a") as log:
        log.write("2030-01-01 00:00:00 failed: m.safetensors: cannot be written (No space left on device)\n")
    shutil.copytree(encoder, folder / "damaged")
    (folder / "damaged" / "data.json").write_text("{")
    shutil.copytree(encoder, folder / "no_command")
    (folder / "no_command" / "config.yaml").write_text("table: t.biom\n")
    (folder / "no run").mkdir()
    return folder


def by_name(table: Columns) -> dict[str, dict[str, object]]:
    return {Path(row[0]).name: dict(zip(table, row, strict=True)) for row in table.rows}


def test_every_run_is_found_with_its_state(runs: Path) -> None:
    found = by_name(aam.list_runs(folders=[runs]))
    assert {name: row["state"] for name, row in found.items()} == {
        "tested": "finished",
        "classes": "finished",
        "folds": "finished",
        "encoder": "finished",
        "stopped": "stopped",
        "running": "running",
        "failed": "failed",
        "damaged": "unreadable",
        "no_command": "unreadable",
    }
    kinds = {"tested": "train", "folds": "cross-validation", "encoder": "pretrain"}
    assert {name: found[name]["command"] for name in kinds} == kinds
    assert found["failed"]["problem"] == "failed: m.safetensors: cannot be written (No space left on device)"
    assert str(found["damaged"]["problem"]).startswith("data.json: is not JSON")
    assert found["no_command"]["problem"] == (
        "config.yaml: damaged: it names neither train nor pretrain as its command"
    )


def test_the_figures_are_those_of_the_predictions(runs: Path) -> None:
    found = by_name(aam.list_runs(folders=[runs]))
    row, table = found["tested"], read_columns(runs / "tested" / "test_predictions.tsv")
    observed, predicted = (table[name].astype(float) for name in ("observed", "predicted"))
    assert (row["metric"], row["judged_on"], row["target"]) == ("mae", "test", "gradient")
    assert row["value"] == pytest.approx(mean_absolute_error(observed, predicted))
    assert row["low"] < row["value"] < row["high"]  # type: ignore[operator]
    by_trees = read_columns(runs / "tested" / "forest_predictions.tsv")
    tested = by_trees["part"] == "test"
    truth, by_forest = (by_trees[name][tested].astype(float) for name in ("observed", "predicted"))
    assert row["forest"] == pytest.approx(mean_absolute_error(truth, by_forest))
    assert (row["samples"], row["learners"]) == (60, "jaccard,forest")
    assert (found["classes"]["metric"], found["classes"]["judged_on"]) == ("balanced_accuracy", "out-of-fold")
    metrics = read_columns(runs / "folds" / "cv_metrics.tsv")
    own = (metrics["predictor"] == "model") & (metrics["metric"] == "mae")
    assert [found["folds"][name] for name in ("value", "low", "high")] == [
        float(metrics[name][own][0]) for name in ("value", "low", "high")
    ]
    assert found["encoder"]["judged_on"] == "validation"
    assert np.isfinite(found["encoder"]["value"])  # type: ignore[call-overload]


def test_time_and_size(runs: Path, tmp_path: Path) -> None:
    run = shutil.copytree(runs / "encoder", tmp_path / "timed")
    (run / "log.txt").write_text(
        "2026-01-01 10:00:00 $ aam pretrain --table other.biom\n"
        "2026-01-01 11:00:00 an earlier run in the same folder\n"
        "2026-01-02 10:00:00 $ aam pretrain --table t.biom --output-dir RUN --overwrite\n"
        "2026-01-02 10:00:30 ended: stopped at step 5; resume with: aam pretrain --resume-from RUN\n"
        "2026-01-05 10:00:00 $ aam pretrain --resume-from RUN\n"
        "2026-01-05 10:00:12 done\n2026-99-99 10:00:12 no time\n"
    )
    row = by_name(aam.list_runs(folders=[tmp_path]))["timed"]
    assert (row["date"], row["seconds"], row["problem"]) == ("2026-01-02 10:00:00", 42.0, "")
    assert row["bytes"] == sum(path.stat().st_size for path in run.rglob("*") if path.is_file())


def test_folds_do_not_begin_the_whole_anew(runs: Path, tmp_path: Path) -> None:
    whole = shutil.copytree(runs / "folds", tmp_path / "whole")
    fold = whole / "folds" / "repeat1-fold2"
    of_fold = f"$ aam train --config {fold}/config.yaml --output-dir RUN\n"
    assert of_fold in (runs / "folds" / "log.txt").read_text().replace(str(runs / "folds"), str(whole))
    (whole / "log.txt").write_text(
        "2026-01-01 10:00:00 $ aam train --config given.yaml --output-dir RUN\n"
        f"2026-01-01 10:00:20 {of_fold}"
        "2026-01-01 10:00:30 ended: stopped; resume with: aam train --resume-from RUN\n"
        "2026-01-01 12:00:00 $ aam train --resume-from RUN\n"
        f"2026-01-01 12:00:05 {of_fold}"
        "2026-01-01 12:00:10 done\n"
    )
    (fold / "log.txt").write_text(f"2026-01-01 10:00:20 {of_fold}2026-01-01 10:00:29 done\n")
    found = by_name(aam.list_runs(folders=[whole], children=True))
    assert (found["whole"]["date"], found["whole"]["seconds"]) == ("2026-01-01 10:00:00", 40.0)
    assert (found["repeat1-fold2"]["date"], found["repeat1-fold2"]["seconds"]) == ("2026-01-01 10:00:20", 9.0)


def test_folds_are_listed_if_asked(runs: Path) -> None:
    found = aam.list_runs(folders=[runs / "folds"], children=True)
    assert sorted(Path(run).name for run in found["run"]) == ["folds", "repeat1-fold1", "repeat1-fold2"]
    assert set(found["judged_on"]) == {"folds", "test"}


def test_a_run_that_is_named_twice_is_there_once(runs: Path) -> None:
    assert aam.list_runs(folders=[runs / "tested", runs, runs / "tested"]).size == 9


@pytest.mark.parametrize("sort", ["bytes", "samples", "seconds", "date"])
def test_the_largest_come_first(sort: str, runs: Path) -> None:
    found = list(aam.list_runs(folders=[runs], sort=sort, where="state = 'finished'")[sort])
    assert found == sorted(found, reverse=True)


def test_the_best_come_first_within_their_target(runs: Path, tmp_path: Path) -> None:
    shutil.copytree(runs / "folds", tmp_path / "worse")
    table = tmp_path / "worse" / "cv_metrics.tsv"
    lines = (line.split("\t") for line in table.read_text().splitlines())
    worse = ([*row[:2], "9.5", *row[3:]] if row[:2] == ["model", "mae"] else row for row in lines)
    table.write_text("".join("\t".join(row) + "\n" for row in worse))
    found = aam.list_runs(folders=[tmp_path, runs], sort="value")
    named = [(Path(run).name, target) for run, target in zip(found["run"], found["target"], strict=True)]
    assert named[0] == ("encoder", "")
    judged = [name for name, target in named if target == "gradient"]
    by = dict(zip((Path(run).name for run in found["run"]), found["value"], strict=True))
    assert judged == sorted(judged, key=by.__getitem__)
    assert judged[-1] == "worse"
    assert named[4] == ("classes", "group")
    assert [np.isnan(value) for value in found["value"]] == [False] * 5 + [True] * 5


def test_conditions(runs: Path) -> None:
    found = aam.list_runs(folders=[runs], where="value > 0 AND metric = 'mae'")
    assert sorted(Path(run).name for run in found["run"]) == ["folds", "tested"]
    found = aam.list_runs(folders=[runs], where="forest IS NOT NULL")
    assert [Path(run).name for run in found["run"]] == ["tested"]
    with pytest.raises(InputError, match="where cannot be used"):
        aam.list_runs(folders=[runs], where="worth > 0")


def test_a_table_is_written(runs: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    output = tmp_path / "runs.tsv"
    assert run_command("runs", runs, output=output, sort="run") == 0
    table = read_columns(output)
    assert list(table)[:3] == ["run", "command", "state"]
    assert list(table["run"]) == sorted(table["run"])
    assert table["value"][list(table["state"]).index("running")] == ""
    shown = capsys.readouterr().out
    assert "9 runs: 4 finished, 1 running, 1 stopped, 1 failed, 2 unreadable" in shown
    assert "aam compare" in shown
    assert run_command("runs", runs, output=output) == 2
    assert run_command("runs", runs, "--overwrite", output=output, columns="run,state") == 0
    assert list(read_columns(output)) == ["run", "state"]


def test_what_cannot_be_listed(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(InputError, match="no such folder; give folders with runs"):
        aam.list_runs(folders=[tmp_path / "none"])
    with pytest.raises(ConfigError, match="columns names a column twice"):
        aam.list_runs(folders=[tmp_path], columns=["run", "run"])
    assert run_command("runs", tmp_path) == 0
    assert f"{tmp_path}: no runs below it; `aam train` writes one with --output-dir" in capsys.readouterr().out
    for name in ("tune.json", "report.html"):
        (tmp_path / name).write_text("{}")
    assert run_command("runs", tmp_path) == 0
    assert "holds a search, and no runs: its page is report.html" in capsys.readouterr().out


def test_lines_fit_the_terminal(
    runs: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sys.stdout.isatty", lambda: True)
    monkeypatch.setenv("COLUMNS", "110")
    assert run_command("runs", runs, where="state = 'finished'") == 0
    shown = capsys.readouterr().out
    table = shown.partition("\n\n")[0].splitlines()
    assert len(table) == 5
    assert max(map(len, table)) <= 110
    assert "no room for " in shown
    assert run_command("runs", runs, columns="run,problem", where="state = 'failed'") == 0
    assert "failed: m.safetensors: cannot be written (No space left on" in capsys.readouterr().out
