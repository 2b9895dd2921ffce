"""`--overwrite`: a run gives way to the next of any kind, but not to one that cannot begin."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from tests.program import Run, run_command


def content(folder: Path) -> dict[str, bytes]:
    return {str(path): path.read_bytes() for path in folder.rglob("*") if path.is_file() and path.name != "log.txt"}


def test_every_kind_of_run_gives_way_to_the_next(
    train: Run, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = tmp_path / "run"
    kinds = (("--cv", "2", "--forest-baseline"), ("--ensemble", "2"), ("--forest-baseline",), ("--cv", "2"))
    only = {0: {"folds", "forests", "lists"}, 1: {"members"}, 2: {"forest_predictions.tsv"}, 3: {"folds", "lists"}}
    for place, words in enumerate(kinds):
        assert train("--overwrite", *words, epochs=1) == 0
        found = {path.name for path in folder.iterdir()}
        assert found & set.union(*only.values()) == only[place]
        assert yaml.safe_load((folder / "config.yaml").read_text())["overwrite"] is False
        before = content(folder)
        assert train("--overwrite", *words, metadata_column="gradiant") == 2
        assert content(folder) == before
    assert (folder / "log.txt").read_text().count("$ ") >= 2 * len(kinds), "what was said before is kept"
    capsys.readouterr()
    assert run_command("train", config=folder / "config.yaml", small=False) == 2
    assert "holds a finished run already; --overwrite or another --output-dir" in capsys.readouterr().err


def test_leftovers_of_a_killed_cross_validation_are_removed(train: Run, tmp_path: Path) -> None:
    folder = tmp_path / "run"
    assert train("--cv", "2", epochs=1) == 0
    (folder / "finished.json").unlink()
    (folder / "forests").mkdir()
    left = [folder / "forests" / ".a.tsv.tmp-1", folder / "lists" / "repeat1-fold2" / ".val_samples.txt.tmp-1"]
    for path in left:
        path.write_text("half")
    assert run_command("train", "--resume-from", folder, small=False) == 0
    assert not any(path.exists() for path in left)
