from __future__ import annotations

from pathlib import Path

from aam import config
from aam.config.option import fields, flag
from aam.config.reference import reference_page

PAGE = Path(__file__).resolve().parents[2] / "docs" / "reference.md"


def test_committed_page_is_up_to_date() -> None:
    assert PAGE.read_text(encoding="utf-8") == reference_page(), "run `make docs`"


def test_every_option_is_there() -> None:
    page = reference_page()
    commands = [getattr(config, name) for name in config.__all__ if name.endswith("Config")]
    flags = {flag(field.name) for command in commands for _, field, _ in fields(command)}
    assert sorted(name for name in flags if name not in page) == []
