"""What a run found, judged and shown: metrics with intervals, baselines, figures and the page that holds them."""

from __future__ import annotations

import os
from importlib.util import find_spec

from aam.errors import ConfigError
from aam.text import shorten


def check_drawing() -> None:
    """Find out before a run whether its figures can be drawn at the end.

    A notebook tells the programs that it starts to draw into its cells. Where they are installed apart from it, they
    cannot, and need not: figures are files.

    Raises
    ------
    ConfigError
        If the environment tells matplotlib something that it does not understand.
    """
    backend = os.environ.get("MPLBACKEND", "")
    if backend.startswith("module://matplotlib_inline") and find_spec("matplotlib_inline") is None:
        os.environ["MPLBACKEND"] = "agg"
    try:
        import matplotlib  # noqa: F401
    except ValueError as error:
        problem = "matplotlib, which draws the report, cannot start"
        raise ConfigError(f"{problem} ({shorten(str(error), 60)}); unset MPLBACKEND") from None
