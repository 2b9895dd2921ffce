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
BLOCKS = re.findall(r"```python\n(.*?)```", PAGE.read_text(), re.DOTALL)


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore:too few validation groups:UserWarning")
def test_the_page_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    frame = table()
    write_biom(tmp_path / "table.biom", frame.to_numpy(), list(frame.index), SEQUENCES)
    sheet = {"age": numbers(frame), "subject": [f"p{number // 3}" for number in range(len(frame))]}
    pd.DataFrame(sheet, index=pd.Index(frame.index, name="sample-id")).to_csv(tmp_path / "metadata.tsv", sep="\t")
    (tmp_path / "tree.nwk").write_text(caterpillar(SEQUENCES, np.random.default_rng(0)) + "\n")
    code = re.sub(r"(AAMRegressor|AAMEncoder)\(", r"\1(**TINY, ", "\n".join(BLOCKS))
    names: dict[str, Any] = {"TINY": TINY}
    exec(compile(code, str(PAGE), "exec"), names)
    assert names["model"].predict(names["study"]).shape == (len(frame),)
    assert len(BLOCKS) == 5
