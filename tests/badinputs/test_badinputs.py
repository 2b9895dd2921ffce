from __future__ import annotations

import re
from pathlib import Path

import pytest

from aam.errors import InputError
from tests.badinputs import archives, distances, sheets, tables, taxonomies, trees
from tests.badinputs.cases import BAD, ODD, Case

LONGEST = 200
ANY = "<any>"  # words of a library, which change with its version
assert all((archives, distances, sheets, tables, taxonomies, trees))


@pytest.mark.parametrize("case", BAD, ids=lambda case: case.name)
def test_a_bad_file_is_one_line(case: Case, tmp_path: Path) -> None:
    read = case.make(tmp_path)
    before = sorted(tmp_path.iterdir())
    with pytest.raises(InputError) as caught:
        read()
    line, whatever = str(caught.value), re.escape(ANY)
    if ANY not in case.expected:
        assert line == case.expected
    assert re.fullmatch(re.escape(case.expected).replace(whatever, ".+"), line), line
    for problem in caught.value.problems:
        assert len(problem) < LONGEST
        assert problem.isprintable()
        assert "Traceback" not in problem
    assert caught.value.exit_code == 2
    assert sorted(tmp_path.iterdir()) == before


@pytest.mark.parametrize("case", ODD, ids=lambda case: case.name)
def test_an_odd_file_is_read(case: Case, tmp_path: Path) -> None:
    assert case.make(tmp_path)() is not None
