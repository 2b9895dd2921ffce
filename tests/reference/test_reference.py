"""The program gives the numbers that it gave when they were stored, whatever lies where within it.

``numbers.json`` holds them: losses and metrics of every epoch, predictions, distances, coverage, the report's tables,
the tensors of the models, and the names of files and columns. They are computed anew through what survives a rebuild:
the command line, the files that it writes, and the estimators.

By default numbers may differ as far as another processor's rounding takes them. With ``AAM_REFERENCE_EXACT=1`` in the
environment every digit must be the stored one: run it so after each step of a rebuild, on one thread
(``OMP_NUM_THREADS=1``), on a machine like the one that ``numbers.json`` names. On another machine write the numbers
first, from the commit before the step, with ``python -m tests.reference.make``.

A change that is meant (a table of the report, an option that went) is stored with
``python -m tests.reference.make numbers CASE/SECTION``, section by section, never all at once.
"""

from __future__ import annotations

import os
from typing import Any

import pytest

from tests.reference.cases import CASES
from tests.reference.compare import differences
from tests.reference.make import machine, numbers_of, read_numbers

EXACT = os.environ.get("AAM_REFERENCE_EXACT") == "1"


@pytest.fixture(scope="module")
def stored() -> dict[str, Any]:
    """The stored numbers of each case; to the last digit only on a machine like theirs."""
    numbers = read_numbers()
    if EXACT and numbers["machine"] != machine():
        pytest.fail(f"the numbers were stored on {numbers['machine']}, this is {machine()}: write them here first")
    return numbers["cases"]


def test_every_case_is_stored(stored: dict[str, Any]) -> None:
    assert list(stored) == list(CASES)


@pytest.mark.parametrize("case", CASES)
def test_the_numbers_are_the_stored_ones(case: str, stored: dict[str, Any]) -> None:
    found = differences(case, stored[case], numbers_of(case), EXACT)
    assert not found, "\n".join([f"{len(found)} differences:", *found[:40]])
