"""What cannot be trained is refused before anything is said of it or written."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path

import pytest

from tests.program import run_command

NEEDS_DASK = {"learners": "forest", "jobs": 2, "dask_scheduler": "tcp://127.0.0.1:1"}


def words(study: Path, folder: Path, **options: object) -> dict[str, object]:
    files = {"table": study / "table.biom", "metadata": study / "metadata.tsv", "metadata_column": "gradient"}
    return {**files, "study_column": "group", "group_column": "subject", "output_dir": folder, **options}


@pytest.mark.parametrize(
    ("options", "problem"),
    [
        ({"learners": "forest,network", "best_metric": "foo"}, "--best-metric foo is not measured in this run"),
        ({"learners": "network", "cv": 2, "best_metric": "foo"}, "--best-metric foo is not measured in this run"),
        ({"learners": "network", "ensemble": 2, "best_metric": "foo"}, "--best-metric foo is not measured in this run"),
        ({"learners": "forest,network", "pretrained_encoder": "metadata.tsv"}, "metadata.tsv: not an AAM model"),
        ({"learners": "forest,encoder", "cv": 2, "pretrained_encoder": "metadata.tsv"}, "not an AAM model"),
        ({"learners": "unifrac-phylogeny", "cv": 2}, "no learner is left (unifrac-phylogeny needs --tree)"),
        ({"learners": "forest", "balance_by": "gradiant"}, "no column 'gradiant'"),
        (NEEDS_DASK, "--dask-scheduler"),
        ({**NEEDS_DASK, "cv": 2}, "--dask-scheduler"),
    ],
)
def test_nothing_is_said_or_written(
    study: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], options: dict[str, object], problem: str
) -> None:
    if "dask_scheduler" in options and find_spec("distributed"):
        pytest.skip("it would wait for a scheduler")
    if "pretrained_encoder" in options:
        options = {**options, "pretrained_encoder": study / str(options["pretrained_encoder"])}
    assert run_command("train", small=False, **words(study, tmp_path / "run", **options)) == 2
    said = capsys.readouterr()
    assert problem in said.err
    assert len(said.err.splitlines()) == 1
    assert "samples of" not in said.out
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize("cv", [None, 2])
def test_an_adversary_needs_two_studies_in_inner_folds(
    study: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], cv: int | None
) -> None:
    header, *rows = [line.split("\t") for line in (study / "metadata.tsv").read_text().splitlines()]
    place = header.index("subject")
    two = [[*row, "AB"[int(row[place].removeprefix("subject_")) % 2]] for row in rows]
    sheet = tmp_path / "two.tsv"
    sheet.write_text("".join("\t".join(row) + "\n" for row in [[*header, "site"], *two]))
    options = {"learners": "forest,network", "study_effect": "adversary", "metadata": sheet, "study_column": "site"}
    given = words(study, tmp_path / "run", **options, **({} if cv is None else {"cv": cv}))
    assert run_command("train", "--whole-studies", small=False, **given) == 2
    said = capsys.readouterr()
    assert "--study-effect adversary: 2 of 2 inner folds of the blend would learn from one study" in said.err
    assert "leave out --whole-studies, or train --learners network alone" in said.err
    assert not (tmp_path / "run").exists()
    assert run_command("check", "--whole-studies", **given) == 2
    assert "2 of 2 inner folds of the blend would learn from one study" in capsys.readouterr().err


def test_balance_is_told(study: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    options = words(study, tmp_path / "run", learners="jaccard", balance_by="study")
    assert run_command("train", "--no-forest-baseline", small=False, **options) == 0
    told = "balanced by studies ('group'): all count the same in training, whatever their samples (group_1 "
    assert told in capsys.readouterr().out
    assert told in (tmp_path / "run" / "model" / "README.md").read_text()
    assert told.replace("'", "&#39;") in (tmp_path / "run" / "report.html").read_text()
    one = words(study, tmp_path / "one", learners="jaccard", balance_by="study_1")
    sheet = tmp_path / "one.tsv"
    header, *rows = (study / "metadata.tsv").read_text().splitlines()
    sheet.write_text("".join(f"{row}\n" for row in [f"{header}\tstudy_1", *(f"{row}\tx" for row in rows)]))
    assert run_command("train", small=False, **{**one, "metadata": sheet}) == 2
    assert "column 'study_1' has one level ('x'): nothing to balance" in capsys.readouterr().err
