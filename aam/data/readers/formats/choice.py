"""Which of several parts of a file is meant: matrices of AnnData, labels of mothur."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from aam.config.option import suggest
from aam.errors import InputError
from aam.text import listed, shorten


def chosen(source: Path, what: str, names: Sequence[str], wanted: str | None) -> str:
    """The part that is wanted, or the only one.

    Parameters
    ----------
    source
        The file.
    what
        What its parts are, in one word.
    names
        Those that it has.
    wanted
        The value of ``--table-layer``.

    Raises
    ------
    InputError
        If it has no such part, or several and none is wanted.
    """
    if wanted is None and len(names) == 1:
        return names[0]
    if wanted is None:
        many = "matrices" if what == "matrix" else f"{what}s"
        remedy = f"--table-layer {shorten(names[0])} takes the first"
        raise InputError(source, f"holds {len(names):,} {many} ({listed(names, 6)})", remedy)
    if wanted in names:
        return wanted
    problem = f"holds no {what} '{shorten(wanted)}'{suggest(wanted, list(names))}"
    raise InputError(source, problem, f"--table-layer is one of {listed(names, 6)}")
