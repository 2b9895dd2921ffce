"""Report files, functions, signatures and nesting under ``aam/`` that are larger than a person reads in one sitting.

Run as ``python tools/size_check.py [FOLDER]``; exits with 1 where a ceiling is passed without an exception below.
"""

from __future__ import annotations

import ast
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

MAX_FILE_LINES = 400
MAX_FUNCTION_LINES = 60
LONG_FUNCTION_LINES = 40
MAX_PARAMETERS = 8
MAX_NESTING = 3

# "path" for a file's lines, "path:function" for all that is over in one function -> the reason.
EXCEPTIONS: dict[str, str] = {
    "aam/config/option.py:option": "each parameter is one facet of a field; all but two have defaults",
}

Function = ast.FunctionDef | ast.AsyncFunctionDef
BLOCKS = (ast.If, ast.For, ast.AsyncFor, ast.While, ast.With, ast.AsyncWith, ast.Try, ast.TryStar, ast.Match)


@dataclass(frozen=True)
class Finding:
    """One thing that is over its ceiling: the key that an exception would name, and what to print."""

    key: str
    text: str


def check_file(path: Path, name: str) -> tuple[list[Finding], int]:
    """Findings of one file, and its number of functions that are long but allowed."""
    text = path.read_text(encoding="utf-8")
    findings = []
    if (lines := len(text.splitlines())) > MAX_FILE_LINES:
        findings.append(Finding(name, f"{name}: {lines} lines (at most {MAX_FILE_LINES})"))
    long = 0
    for function in (node for node in ast.walk(ast.parse(text)) if isinstance(node, Function)):
        findings.extend(check_function(function, name))
        long += LONG_FUNCTION_LINES < num_lines(function) <= MAX_FUNCTION_LINES
    return findings, long


def check_function(function: Function, name: str) -> Iterator[Finding]:
    """What is over a ceiling in one function."""
    key = f"{name}:{function.name}"
    place = f"{name}:{function.lineno} {function.name}"
    measured = (
        (num_lines(function), MAX_FUNCTION_LINES, "lines"),
        (num_parameters(function), MAX_PARAMETERS, "parameters"),
        (nesting(function.body), MAX_NESTING, "levels of nesting"),
    )
    for value, limit, what in measured:
        if value > limit:
            yield Finding(key, f"{place}: {value} {what} (at most {limit})")


def num_lines(function: Function) -> int:
    """Lines of a function with its docstring, without its decorators."""
    return (function.end_lineno or function.lineno) - function.lineno + 1


def num_parameters(function: Function) -> int:
    """Parameters of a function, ``self`` and ``cls`` not counted."""
    arguments = function.args
    names = [a.arg for a in (*arguments.posonlyargs, *arguments.args, *arguments.kwonlyargs)]
    names += [a.arg for a in (arguments.vararg, arguments.kwarg) if a is not None]
    return len(names) - (names[:1] in (["self"], ["cls"]))


def nesting(body: list[ast.stmt]) -> int:
    """Deepest nesting of blocks in a body; an ``elif`` is no deeper than its ``if``, an inner function starts anew."""
    return max((_depth(statement) for statement in body), default=0)


def _depth(statement: ast.stmt) -> int:
    if not isinstance(statement, BLOCKS):
        return 0
    inner = [item for field in ("body", "orelse", "finalbody") for item in getattr(statement, field, [])]
    for part in (*getattr(statement, "handlers", []), *getattr(statement, "cases", [])):
        inner.extend(part.body)
    if isinstance(statement, ast.If) and len(statement.orelse) == 1 and isinstance(statement.orelse[0], ast.If):
        return max(1 + nesting(statement.body), _depth(statement.orelse[0]))
    return 1 + nesting(inner)


def check_folder(folder: Path, exceptions: Mapping[str, str]) -> tuple[list[str], list[str]]:
    """Problems (what is over without an exception, and exceptions that nothing needs) and notes of a folder."""
    findings: list[Finding] = []
    long = 0
    for path in sorted(folder.rglob("*.py")):
        found, more = check_file(path, path.relative_to(folder.parent).as_posix())
        findings.extend(found)
        long += more
    used = {finding.key for finding in findings}
    problems = [finding.text for finding in findings if finding.key not in exceptions]
    problems += [f"{key}: the exception is not needed any more, remove it" for key in exceptions if key not in used]
    notes = [f"allowed: {finding.text}: {exceptions[finding.key]}" for finding in findings if finding.key in exceptions]
    if long:
        notes.append(f"{long} functions have {LONG_FUNCTION_LINES + 1} to {MAX_FUNCTION_LINES} lines")
    return problems, notes


def main(arguments: list[str]) -> int:
    """Check the folder named on the command line, or ``aam/`` beside this script's folder."""
    folder = Path(arguments[0]) if arguments else Path(__file__).resolve().parent.parent / "aam"
    problems, notes = check_folder(folder.resolve(), EXCEPTIONS)
    for line in (*notes, *problems):
        print(line)
    print(f"size check: {len(problems)} problems" if problems else "size check: passed")
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
