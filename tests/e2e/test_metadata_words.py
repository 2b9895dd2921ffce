"""Classes and levels called NA, and ids that were changed, from training to prediction."""

from __future__ import annotations

from functools import partial
from pathlib import Path

import pytest

from aam.evaluation.prediction_table import read_columns
from aam.learners import members
from aam.learners.trees import forest
from tests.program import run_command


def write(path: Path, columns: dict[str, list[str]]) -> Path:
    lines = ["\t".join(row) for row in zip(*columns.values(), strict=True)]
    path.write_text("\n".join(["\t".join(columns), *lines]) + "\n")
    return path


def test_a_level_called_na_and_changed_ids(
    study: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(forest, "NUM_TREES_OF_FOLD", 6)
    monkeypatch.setattr(members, "ForestSettings", partial(forest.ForestSettings, n_estimators=12))
    given = read_columns(study / "metadata.tsv")
    columns = {name: list(map(str, given[name])) for name in ("sample-id", "gradient")}
    columns["continent"] = [("NA", "EU", "AS")[row % 3] for row in range(len(given["gradient"]))]
    columns["class"] = ["NA" if float(value) > 0.5 else "low" for value in columns["gradient"]]
    sheet = write(tmp_path / "m.tsv", columns)
    inputs = {"table": study / "table.biom", "metadata": sheet, "output_dir": tmp_path / "run", "learners": "forest"}
    words = ("--classifier", "--not-missing", "NA", "--categorical-columns", "continent", "--no-report")
    assert run_command("train", *words, **inputs, metadata_column="class", group_column="continent", small=False) == 0
    assert "continent: 3 levels (AS, EU, NA)" in capsys.readouterr().out
    assert (tmp_path / "run" / "config.yaml").read_text().count("not_missing") == 1

    ids = [name.lower() if row % 2 else name for row, name in enumerate(columns["sample-id"])]
    changed = write(tmp_path / "changed.tsv", columns | {"sample-id": ids})
    found = {}
    for name, metadata, how in (("a", sheet, "exact"), ("b", changed, "loose"), ("c", changed, "exact")):
        files = {"model": tmp_path / "run", "table": study / "table.biom", "output": tmp_path / f"{name}.tsv"}
        assert run_command("predict", **files, metadata=metadata, match_ids=how) == 0
        found[name] = (tmp_path / f"{name}.tsv").read_text(), capsys.readouterr().out
    assert "continent" not in found["a"][1]
    assert found["a"][0] == found["b"][0] != found["c"][0]
    assert f"'{ids[1]}' is '{columns['sample-id'][1]}'" in found["b"][1]
    assert f"30 samples of the table not in changed.tsv (first: {columns['sample-id'][1]})" in found["c"][1]
    assert "--match-ids loose takes them for the same" in found["c"][1]

    other = write(tmp_path / "other.tsv", {"id": ["x1", "x2"], "continent": ["NA", "EU"]})
    files = {"model": tmp_path / "run", "table": study / "table.biom", "output": tmp_path / "d.tsv"}
    assert run_command("predict", **files, metadata=other) == 2
    assert "other.tsv: no sample of the table is in it (table: 'S00000001', metadata: 'x1')" in capsys.readouterr().err
    assert not (tmp_path / "d.tsv").exists()
