from __future__ import annotations

import os

import pytest

from aam.report import check_drawing

INLINE = "module://matplotlib_inline.backend_inline"


@pytest.mark.parametrize("is_there", [True, False])
def test_a_notebook_elsewhere_does_not_stop_a_run(monkeypatch: pytest.MonkeyPatch, is_there: bool) -> None:
    """Its shell hands its own backend on, which the environment of the program may lack."""
    monkeypatch.setenv("MPLBACKEND", INLINE)
    monkeypatch.setattr("aam.report.find_spec", lambda name: object() if is_there else None)
    check_drawing()
    assert os.environ["MPLBACKEND"] == (INLINE if is_there else "agg")
