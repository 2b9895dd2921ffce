"""What a run found, judged and shown: metrics with intervals, baselines, figures and the page that holds them."""

from aam.errors import ConfigError
from aam.text import shorten

try:
    import matplotlib  # noqa: F401
except ValueError as error:  # of what the environment tells it; it would end a run as it begins to draw
    problem = "matplotlib, which draws the report, cannot start"
    raise ConfigError(f"{problem} ({shorten(str(error), 60)}); unset MPLBACKEND") from None
