"""`aam info` of what `aam embed` writes."""

from __future__ import annotations

import json
from pathlib import Path

from aam.cli.describe.embedding import embedding_folder
from tests.program import run_command

CONTENT = {"vectors": {"kind": "network"}, "samples": 9, "ordinated": 5, "files": ["report.html", "embedding.json"]}


def test_the_folder_and_its_record_are_named(tmp_path: Path, capsys) -> None:
    (tmp_path / "embedding.json").write_text(json.dumps(CONTENT))
    assert run_command("info", tmp_path) == 0
    assert run_command("info", tmp_path / "embedding.json") == 0
    said = capsys.readouterr().out
    assert said.count("9, 5 of them ordinated") == 2
    assert "an embedding" in said
    assert "the record of an embedding" in said


def test_another_folder_is_none(tmp_path: Path) -> None:
    assert embedding_folder(tmp_path) is None
    (tmp_path / "embedding.json").write_text("[]")
    assert embedding_folder(tmp_path) is None
