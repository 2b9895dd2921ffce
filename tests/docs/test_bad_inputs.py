from __future__ import annotations

import importlib.util
from pathlib import Path
from types import ModuleType

import pytest

from tests.badinputs.every import BAD, BAD_COMMANDS, ODD

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module")
def tool() -> ModuleType:
    spec = importlib.util.spec_from_file_location("bad_inputs", ROOT / "tools" / "bad_inputs.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_committed_page_is_up_to_date(tool: ModuleType) -> None:
    assert (ROOT / "docs" / "bad-inputs.md").read_text(encoding="utf-8") == tool.current_page(), "run `make docs`"


def test_every_case_is_on_the_page(tool: ModuleType) -> None:
    rows = [line for line in tool.current_page().splitlines() if line.startswith("| ") and line[2:3] in tool.TITLES]
    numbered = [line for line in rows if line[3:4].isdigit()]
    assert len(numbered) == len(BAD) + len(BAD_COMMANDS)
    assert all(tool.ROW.fullmatch(case.name) for case in ODD)


def test_a_line_is_shown_as_it_is(tool: ModuleType) -> None:
    page = tool.bad_inputs_page(
        [("B2 pipe", "t: 'a|b' <any>; `aam check`"), ("B1 none", "t: empty")], ["B3 odd", "P1 x"]
    )
    table = page[page.index("## Feature tables") : page.index("## Sequences")]
    assert table.splitlines()[4:] == [
        "| B1 | none | `t: empty` |",
        "| B2 | pipe | `` t: 'a\\|b' ...; `aam check` `` |",
        "",
        "Accepted: odd.",
        "",
    ]
