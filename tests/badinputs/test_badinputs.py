from __future__ import annotations

import re
from pathlib import Path

import pytest

from aam.cli.main import main
from aam.errors import AamError
from tests.badinputs.cases import Case
from tests.badinputs.every import BAD, BAD_COMMANDS, ODD

LONGEST = 200
ANY = "<any>"  # words of a library, which change with its version
LOG = Path("run/log.txt")


def assert_said(line: str, expected: str) -> None:
    if ANY not in expected:
        assert line == expected
    assert re.fullmatch(re.escape(expected).replace(re.escape(ANY), ".+"), line), line
    assert len(line) < LONGEST
    assert line.isprintable()
    assert "Traceback" not in line


def files_of(folder: Path) -> dict[Path, bytes]:
    return {path.relative_to(folder): path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()}


@pytest.mark.parametrize("case", BAD, ids=lambda case: case.name)
def test_a_bad_file_is_one_line(case: Case, tmp_path: Path) -> None:
    read = case.make(tmp_path)
    before = sorted(tmp_path.iterdir())
    with pytest.raises(AamError) as caught:
        read()
    assert_said(str(caught.value).replace(f"{tmp_path}/", ""), case.expected)
    for problem in caught.value.problems:
        assert_said(problem.replace(f"{tmp_path}/", ""), ANY)
    assert caught.value.exit_code == 2
    assert sorted(tmp_path.iterdir()) == before


@pytest.mark.parametrize("case", ODD, ids=lambda case: case.name)
def test_an_odd_file_is_read(case: Case, tmp_path: Path) -> None:
    assert case.make(tmp_path)() is not None


@pytest.mark.parametrize("case", BAD_COMMANDS, ids=lambda case: case.name)
def test_a_command_is_refused_in_one_line_and_writes_nothing(
    case: Case, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    words = case.make(tmp_path)
    before = files_of(tmp_path)
    assert main(words) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert_said(line.replace(f"{tmp_path}/", ""), f"error: {case.expected}")
    after = files_of(tmp_path)
    after.pop(LOG, None)  # a run keeps its log, and nothing else
    assert after == before


def test_every_case_has_a_name_of_its_own() -> None:
    names = [case.name for case in (*BAD, *ODD, *BAD_COMMANDS)]
    assert sorted(names) == sorted(set(names))
