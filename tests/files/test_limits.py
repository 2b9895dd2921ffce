from __future__ import annotations

import dataclasses
import re
from pathlib import Path

import pytest

from aam.errors import ConfigError
from aam.files.limits import NAMES, Limits, limits

ROOT = Path(__file__).resolve().parents[2]


@pytest.mark.parametrize(
    ("written", "expected"),
    [
        ("", Limits()),
        ("  ", Limits()),
        ("tree_tips=30000000", Limits(tree_tips=30_000_000)),
        (" archive_ratio=7\n tree_tips=2", Limits(archive_ratio=7, tree_tips=2)),
    ],
)
def test_the_environment_changes_what_it_names(written: str, expected: Limits, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AAM_LIMITS", written)
    assert limits() == expected


@pytest.mark.parametrize(
    ("written", "problem"),
    [
        ("tips=3", r"AAM_LIMITS: unknown limit 'tips'; limits: archive_members, .*"),
        ("tree_tips", r"AAM_LIMITS: tree_tips must be a whole number above 0, got ''"),
        ("tree_tips=-1", r"AAM_LIMITS: tree_tips must be a whole number above 0, got '-1'"),
        ("tree_tips=0", r"AAM_LIMITS: tree_tips must be a whole number above 0, got '0'"),
        ("tree_tips=1e9", r"AAM_LIMITS: tree_tips must be a whole number above 0, got '1e9'"),
    ],
)
def test_mistakes_are_told(written: str, problem: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AAM_LIMITS", written)
    with pytest.raises(ConfigError) as caught:
        limits()
    assert re.fullmatch(problem, str(caught.value))


def test_every_limit_is_documented_with_its_value() -> None:
    rows = dict(re.findall(r"^\| `(\w+)` \| ([\d,]+) \|", (ROOT / "SECURITY.md").read_text(), re.MULTILINE))
    assert rows == {field.name: f"{field.default:,}" for field in dataclasses.fields(Limits)}
    described = (Limits.__doc__ or "").splitlines()  # Python 3.13 takes the indentation away
    assert set(NAMES) <= {line.strip() for line in described}
