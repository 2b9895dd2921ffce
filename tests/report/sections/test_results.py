from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from sklearn.metrics import mean_absolute_error

from aam.evaluation.run_results import read_run, training_times
from aam.report.build import build_report
from aam.workflows.runs.ensemble import ensemble_record
from tests.report.run_directories import write_regression
from tests.report.test_build import Page, check_self_contained


def write_ensemble(folder: Path) -> tuple[Path, list[Path]]:
    """A run with two members: of the second each prediction is 1 larger than of the first."""
    members = [folder / "1", folder / "2"]
    for number, member in enumerate(members):
        member.mkdir()
        write_regression(member)
        with (member / "config.yaml").open("a") as file:
            file.write(f"seed: {number + 7}\n")
        data = json.loads((member / "data.json").read_text())
        data["model"] |= {"epochs": 30, "best_epoch": 4 - 5 * number}
        (member / "data.json").write_text(json.dumps(data))
    path = members[1] / "test_predictions.tsv"
    header, *rows = [line.split("\t") for line in path.read_text().splitlines()]
    moved = [[i, o, f"{float(p) + 1}"] for i, o, p in rows]
    path.write_text("".join("\t".join(row) + "\n" for row in [header, *moved]))
    run = folder / "run"
    run.mkdir()
    write_regression(run)
    data = json.loads((run / "data.json").read_text())
    (run / "data.json").write_text(json.dumps({**data, **ensemble_record(members)}))
    (run / "metrics.csv").unlink()
    return run, members


def test_the_record_holds_each_members_own_metrics(tmp_path: Path) -> None:
    run, members = write_ensemble(tmp_path)
    data = json.loads((run / "data.json").read_text())
    assert data["model"]["parameters"] == 2 * 1_204_113
    assert [member["seed"] for member in data["members"]] == [7, 8]
    for member, recorded in zip(members, data["members"], strict=True):
        table = read_run(member).predictions["test"]["month_of_life"]
        expected = mean_absolute_error(table.observed, table.predicted)
        assert recorded["metrics"]["month_of_life"]["mae"] == pytest.approx(expected)
    assert training_times(read_run(run)) == ([4, -1], pytest.approx(2 * 30 * 7.5))
    assert training_times(read_run(members[0])) == ([4], pytest.approx(30 * 7.5))


def test_the_report_shows_the_members_beside_their_average(tmp_path: Path) -> None:
    run, _ = write_ensemble(tmp_path)
    page = Page(build_report(run))
    check_self_contained(page)
    assert "The model is an ensemble: the predictions of 2 models are averaged." in page.words
    values = [
        member["metrics"]["month_of_life"]["mae"] for member in json.loads((run / "data.json").read_text())["members"]
    ]
    low, mean, high = (f"{value:.2f}" for value in (min(values), np.mean(values), max(values)))
    assert f"that of its members {mean} on average, from {low} to {high}." in page.words
    assert "Ensemble members" in page.words
    assert "On 60 held-out test samples" in page.words
    assert "Learning curves" not in page.source


def test_a_single_model_has_no_such_section(tmp_path: Path) -> None:
    page = Page(build_report(write_regression(tmp_path)))
    assert "ensemble" not in page.words
