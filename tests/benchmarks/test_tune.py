from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from benchmarks.tune import __main__ as module


def test_a_search_becomes_a_line(study: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    data, results = tmp_path / "data", tmp_path / "results"
    shutil.copytree(study, data / "small")
    results.mkdir()
    monkeypatch.setattr(module, "STUDIES", {"one": {"study": "small", "metadata_column": "gradient"}})
    monkeypatch.setattr(module, "SEARCH", {"group_column": "subject", "folds": 2, "test_size": 0.3})
    options = {"trials": 2, "learners": "jaccard,clr-radial", "progress": False, "report": False}
    for _ in range(2):  # a finished one is not searched again
        module.search("one", data, results / "one", options)
    found = json.loads((results / "one" / "tune.json").read_text())
    (_, _, line) = module.lines(results)
    cells = [cell.strip() for cell in line.strip("|").split("|")]
    assert cells[:2] == ["one: gradient (mae)", "2"]
    assert float(cells[2]) == pytest.approx(2 / found["minutes"], abs=0.05)
    (outer,) = found["outer"]
    assert outer["tuned"][0] - outer["untuned"][0] == pytest.approx(outer["difference"][0])
    assert cells[3] == f"{outer['samples']} ({outer['groups']})"
