"""``tracking.json``: where the entries of a run are."""

from __future__ import annotations

from pathlib import Path

import pytest

from aam.errors import InputError
from aam.runs.layout import TRACKING
from aam.runs.tracking.places import read_places, write_places
from aam.runs.tracking.tracker import Place


def test_entries_of_other_trackers_stay(tmp_path: Path) -> None:
    assert read_places(tmp_path) == {}
    write_places(tmp_path, {"wandb": Place("a", "aam")})
    write_places(tmp_path, {"mlflow": Place("b", "file:///runs")})
    assert read_places(tmp_path) == {"wandb": Place("a", "aam"), "mlflow": Place("b", "file:///runs")}


@pytest.mark.parametrize(
    "content",
    [
        "[]",
        '{"neptune": {"id": "a", "where": "b"}}',
        '{"wandb": "a"}',
        '{"wandb": {"id": "a"}}',
        '{"wandb": {"id": 1, "where": "b"}}',
        '{"wandb": {"id": "", "where": "b"}}',
        '{"wandb": {"id": "a\\u001b[31m", "where": "b"}}',
        '{"wandb": {"id": "' + "a" * 2_001 + '", "where": "b"}}',
        '{"wandb": {"id": "a", "where": "b", "more": 1}}',
        "{",
    ],
)
def test_a_damaged_file_is_named(content: str, tmp_path: Path) -> None:
    (tmp_path / TRACKING).write_text(content)
    with pytest.raises(InputError, match=rf"^{TRACKING}: (damaged|is not JSON).*"):
        read_places(tmp_path)
