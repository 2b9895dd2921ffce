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


def test_every_problem_is_on_the_page(tool: ModuleType) -> None:
    shown = {tool.EXAMPLE.sub("...", line) for line in tool.current_page().splitlines()}
    for case in (*BAD, *BAD_COMMANDS):
        problem = tool.problem_of(case.expected).replace("<any>", "...")
        assert problem == "..." or any(tool.EXAMPLE.sub("...", problem) in line for line in shown), case.name
    assert all(tool.ROW.fullmatch(case.name) for case in ODD)


def test_a_message_is_shown_without_file_and_remedy(tool: ModuleType) -> None:
    refused = [
        ("B2 pipe", "t: 'a|b' <any>; `aam check`"),
        ("B1 none", "t: empty"),
        ("B3 again", "t.tsv: empty; fill it"),
    ]
    page = tool.bad_inputs_page([*refused, ("B4 code", "t: `x` is 3")], ["B3 odd", "P1 x"])
    table = page[page.index("## Feature tables") : page.index("## Sequences")]
    assert table.splitlines()[2:] == ["- `empty`", "- `'a|b' ...`", "- `` `x` is 3 ``", "", "Accepted: odd.", ""]
