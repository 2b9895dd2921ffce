"""The Python of docs/python.md runs as it stands, with a tiny model."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from tests.data.study_files import caterpillar
from tests.estimators.studies import SEQUENCES, TINY, numbers, table
from tests.factories import write_biom

PAGE = Path(__file__).resolve().parents[2] / "docs" / "python.md"
RUNS, _, ESTIMATORS = PAGE.read_text().partition("## scikit-learn estimators")
NETWORKS = re.compile(r'(aam\.pretrain\(|AAMEncoder\(|AAMRegressor\((?=learners="network"))')


def blocks(text: str) -> list[str]:
    return re.findall(r"```python\n(.*?)```", text, re.DOTALL)


def execute(code: list[str], names: dict[str, Any]) -> None:
    """Run code of the page, each network with few weights."""
    exec(compile(NETWORKS.sub(r"\1**TINY, ", "\n".join(code)), str(PAGE), "exec"), names)


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The files that the page reads, in the current folder."""
    monkeypatch.chdir(tmp_path)
    frame = table()
    write_biom(tmp_path / "table.biom", frame.to_numpy(), list(frame.index), SEQUENCES)
    sheet = {"age": numbers(frame), "subject": [f"p{number // 3}" for number in range(len(frame))]}
    pd.DataFrame(sheet, index=pd.Index(frame.index, name="sample-id")).to_csv(tmp_path / "metadata.tsv", sep="\t")
    (tmp_path / "tree.nwk").write_text(caterpillar(SEQUENCES, np.random.default_rng(0)) + "\n")
    return tmp_path


def test_the_runs_of_the_page(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    names: dict[str, Any] = {"TINY": TINY}
    execute(blocks(RUNS), names)
    assert (folder / "runs" / "age" / "report.html").is_file()
    assert len(names["predictions"]["age"]) == 5
    assert names["vectors"].shape == (len(names["study"]), TINY["embedding_dim"])
    assert len(names["folds"].folds) == 2
    assert "sheet" not in capsys.readouterr().err
    assert len(blocks(RUNS)) == 8


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore:too few calibration groups:UserWarning")
def test_the_estimators_of_the_page(folder: Path) -> None:
    names: dict[str, Any] = {"TINY": TINY}
    execute([blocks(RUNS)[0], *blocks(ESTIMATORS)], names)
    assert names["model"].predict(names["study"]).shape == (len(table()),)
    assert len(blocks(ESTIMATORS)) == 5
