"""What a run found, judged and shown: metrics with intervals, baselines, figures and the page that holds them."""

from __future__ import annotations

from aam.errors import ConfigError
from aam.text import shorten


def check_drawing() -> None:
    """Find out before a run whether its figures can be drawn at the end.

    Raises
    ------
    ConfigError
        If the environment tells matplotlib something that it does not understand.
    """
    try:
        import matplotlib  # noqa: F401
    except ValueError as error:
        problem = "matplotlib, which draws the report, cannot start"
        raise ConfigError(f"{problem} ({shorten(str(error), 60)}); unset MPLBACKEND") from None
