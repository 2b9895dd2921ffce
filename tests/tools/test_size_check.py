from __future__ import annotations

import importlib.util
import sys
from pathlib import Path
from types import ModuleType

import pytest

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module")
def size_check() -> ModuleType:
    spec = importlib.util.spec_from_file_location("size_check", ROOT / "tools" / "size_check.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules["size_check"] = module
    spec.loader.exec_module(module)
    return module


def write(folder: Path, text: str, name: str = "part.py") -> Path:
    package = folder / "package"
    package.mkdir(exist_ok=True)
    (package / name).write_text(text)
    return package


def function(body_lines: int, parameters: str = "") -> str:
    return f"def work({parameters}):\n" + "    x = 1\n" * body_lines


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("x = 1\n" * 401, "package/part.py: 401 lines (at most 400)"),
        (function(60), "package/part.py:1 work: 61 lines (at most 60)"),
        (function(1, "a, b, c, d, e, f, g, h, i"), "work: 9 parameters (at most 8)"),
        (function(1, "a, b, c, d, e, *f, g, h, **i"), "work: 9 parameters (at most 8)"),
        (
            "def work(a):\n for b in a:\n  if b:\n   with b:\n    while b:\n     b = 0\n",
            "work: 4 levels of nesting (at most 3)",
        ),
        (
            "def work(a):\n try:\n  pass\n except ValueError:\n  for b in a:\n   if b:\n    if a:\n     b = 0\n",
            "work: 4 levels of nesting (at most 3)",
        ),
        (
            "def work(a):\n match a:\n  case 1:\n   for b in a:\n    if b:\n     if a:\n      b = 0\n",
            "work: 4 levels of nesting (at most 3)",
        ),
    ],
)
def test_what_is_over_is_reported(size_check: ModuleType, tmp_path: Path, text: str, words: str) -> None:
    problems, _ = size_check.check_folder(write(tmp_path, text), {})
    assert len(problems) == 1
    assert words in problems[0]


@pytest.mark.parametrize(
    "text",
    [
        "x = 1\n" * 400,
        function(39),
        "class A:\n    def work(self, a, b, c, d, e, f, g, h): ...\n",
        "def work(a):\n if a == 1:\n  pass\n elif a == 2:\n  pass\n elif a == 3:\n  pass\n elif a == 4:\n  pass\n",
        "def work(a):\n for b in a:\n  if b:\n   def inner(c):\n    for d in c:\n     if d:\n      pass\n",
    ],
)
def test_what_is_within_passes(size_check: ModuleType, tmp_path: Path, text: str) -> None:
    assert size_check.check_folder(write(tmp_path, text), {}) == ([], [])


def test_long_functions_are_only_counted(size_check: ModuleType, tmp_path: Path) -> None:
    problems, notes = size_check.check_folder(write(tmp_path, function(50)), {})
    assert problems == []
    assert notes == ["1 functions have 41 to 60 lines"]


def test_exception_needs_a_finding(size_check: ModuleType, tmp_path: Path) -> None:
    package = write(tmp_path, function(70))
    problems, notes = size_check.check_folder(package, {"package/part.py:work": "a table of formats"})
    assert problems == []
    assert notes[0].endswith("(at most 60): a table of formats")
    problems, _ = size_check.check_folder(write(tmp_path, function(5)), {"package/part.py:work": "a table of formats"})
    assert problems == ["package/part.py:work: the exception is not needed any more, remove it"]


def test_exit_code(
    size_check: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(size_check, "EXCEPTIONS", {})  # those of the package name nothing here
    assert size_check.main([str(write(tmp_path, function(5)))]) == 0
    assert "passed" in capsys.readouterr().out
    assert size_check.main([str(write(tmp_path, function(70)))]) == 1
    assert "1 problems" in capsys.readouterr().out
