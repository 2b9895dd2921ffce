"""What a run says on the terminal and what stands in its log file; and the bar of a fit in Python."""

from __future__ import annotations

from pathlib import Path

import pytest

from aam.estimators import AAMRegressor
from tests.estimators.studies import numbers, table
from tests.program import run_command

LEARNERS = ("forest", "jaccard")


def words(study: Path, run: Path, *more: object) -> list[object]:
    files = ["--table", study / "table.biom", "--metadata", study / "metadata.tsv", "--metadata-column", "gradient"]
    return [*files, "--output-dir", run, *more]


@pytest.mark.parametrize("more", [(), ("--verbose",)])
def test_a_network_says_what_a_user_decides(
    study: Path, tmp_path: Path, more: tuple[str, ...], capsys: pytest.CaptureFixture[str]
) -> None:
    assert run_command("train", *words(study, tmp_path / "run", "--no-forest-baseline", *more), epochs=2) == 0
    said = capsys.readouterr().out.splitlines()
    logged = [line.split(" ", 2)[-1] for line in (tmp_path / "run" / "log.txt").read_text().splitlines()]
    derived = [line for line in logged if line.startswith("--")]
    assert len(derived) > 10
    assert "--patience 5 (the least that is derived)" in derived
    assert any(line.startswith("time: at most ") for line in logged)
    assert [line for line in said if line.startswith("--")] == (derived if more else [])
    assert sum(line.startswith("network: ") for line in said) == 1


def test_a_blend_says_how_long_and_how_it_is_weighed(
    study: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    more = ("--group-column", "subject", "--learners", ",".join(LEARNERS), "--no-report")
    assert run_command("train", *words(study, tmp_path / "run", *more), small=False) == 0
    said, logged = capsys.readouterr().out, (tmp_path / "run" / "log.txt").read_text()
    assert "blend: 2 learners, weighted by " in said
    assert (
        sum(
            line.startswith("groups: ") and line.endswith("of 'subject', each kept whole") for line in said.splitlines()
        )
        == 1
    )
    (line,) = [line for line in said.splitlines() if line.startswith("time: ")]
    assert line.endswith("on this machine, measured on first steps")
    for detail in ("learners: forest, jaccard", "random forest on ASVs: about "):
        assert detail in logged
        assert detail not in said


def test_what_comes_after_a_prediction(study: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    more = ("--learners", "jaccard", "--no-report", "--no-forest-baseline")
    assert run_command("train", *words(study, tmp_path / "run", *more), small=False) == 0
    files = ["--model", tmp_path / "run", "--table", study / "table.biom", "--output", tmp_path / "p.tsv"]
    assert run_command("predict", *files) == 0
    *_, last = capsys.readouterr().out.splitlines()
    assert last == f"  aam info {tmp_path / 'run'}"
    assert run_command(*last.split()[1:]) == 0


@pytest.mark.parametrize("progress", [True, False])
def test_a_fit_in_python_can_show_a_bar(
    progress: bool, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("TTY_COMPATIBLE", "1")
    frame = table()
    AAMRegressor(learners=LEARNERS, progress=progress).fit(frame, numbers(frame))
    said = capsys.readouterr()
    assert said.out == ""
    assert ("fits" in said.err) == progress
