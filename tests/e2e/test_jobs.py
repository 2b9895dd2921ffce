"""Folds and learners at once, or shared by several processes, give the same bytes as one after the other."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from aam.runs.directory import open_run
from aam.workflows.runs.blend import run as blend
from tests.program import run_command

TABLES = ("cv_predictions.tsv", "cv_metrics.tsv")


def train(study: Path, folder: Path, *flags: str, **options: Any) -> int:
    files = {"table": study / "table.biom", "metadata": study / "metadata.tsv", "metadata_column": "gradient"}
    own = {"group_column": "subject", "learners": "jaccard,clr-linear", "output_dir": folder, **options}
    return run_command("train", "--no-report", "--no-forest-baseline", *flags, **files, **own, small=False)


@pytest.fixture(scope="module")
def one_by_one(study: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("folds") / "run"
    assert train(study, folder, cv=2) == 0
    return folder


def assert_same(one: Path, other: Path) -> None:
    for name in TABLES:
        assert (one / name).read_bytes() == (other / name).read_bytes()


def test_folds_at_once(study: Path, one_by_one: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    assert train(study, tmp_path / "run", cv=2, jobs=2) == 0
    assert_same(tmp_path / "run", one_by_one)
    said = capfd.readouterr().out
    assert "2 folds to train, 2 at once" in said
    assert "fold 2 of 2 (repeat1-fold2): trained in" in said
    for fold in ("repeat1-fold1", "repeat1-fold2"):
        assert "fitted 2 learners" in (tmp_path / "run" / "folds" / fold / "log.txt").read_text()
        assert "\njobs: 1\n" in (tmp_path / "run" / "folds" / fold / "config.yaml").read_text()


def test_learners_at_once(study: Path, tmp_path: Path) -> None:
    for jobs in (1, 2):
        assert train(study, tmp_path / str(jobs), jobs=jobs) == 0
    names = {path.relative_to(tmp_path / "1") for path in (tmp_path / "1" / "model").rglob("*") if path.is_file()}
    assert len(names) > 1
    for name in [*names, Path("out_of_fold_predictions.tsv")]:
        assert (tmp_path / "1" / name).read_bytes() == (tmp_path / "2" / name).read_bytes()


def test_folds_are_shared_by_processes(
    study: Path,
    one_by_one: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def interrupted(*given: Any) -> Any:
        raise KeyboardInterrupt

    run = tmp_path / "run"
    with monkeypatch.context() as patched:
        patched.setattr(blend, "fit_blend_model", interrupted)
        assert train(study, run, "--join", cv=2) == 130
    with open_run(run / "folds" / "repeat1-fold1", resume=False, overwrite=True):
        assert train(study, run, "--join", cv=2) == 0
    said = capsys.readouterr().out
    assert "left to other processes, of which the last writes the results: repeat1-fold1" in said
    assert "Next," not in said
    assert not (run / "finished.json").exists()
    assert train(study, run, "--join", cv=2, learners="jaccard") == 2
    assert "was begun with other options (--learners)" in capsys.readouterr().err
    assert train(study, run, "--join", cv=2) == 0
    assert "Next, train the model to use" in capsys.readouterr().out
    assert_same(run, one_by_one)
    assert train(study, run, "--join", cv=2) == 0
    assert "another process has written the results" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("flags", "options", "words"),
    [
        (["--join"], {}, "--join shares the folds of a cross-validation: it needs --cv"),
        (["--join"], {"cv": 2, "jobs": 2}, "--join takes one fold at a time"),
        (["--join", "--overwrite"], {"cv": 2}, "leave out --overwrite"),
        ([], {"jobs": 2, "learners": "network"}, "--jobs is for folds, members and learners"),
        ([], {"dask_scheduler": "tcp://localhost:1"}, "--dask-scheduler needs --jobs N"),
    ],
)
def test_what_cannot_be_shared(
    study: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    flags: list[str],
    options: dict[str, Any],
    words: str,
) -> None:
    assert train(study, tmp_path / "run", *flags, **options) == 2
    assert words in capsys.readouterr().err
    assert not (tmp_path / "run").exists()
