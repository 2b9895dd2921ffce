"""What all functions of AAM in Python have in common: messages in the words of Python."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from aam.config.keywords import in_python
from aam.errors import CheckpointError, ConfigError, InputError
from aam.progress import without_bars


@contextmanager
def python_words(options: Mapping[str, Any] | None = None) -> Iterator[None]:
    """Name options in messages as keyword arguments, not as flags; hide all progress where the options say so."""
    try:
        with without_bars((options or {}).get("progress") is False):
            yield
    except (CheckpointError, ConfigError, InputError) as error:
        raise type(error).of(tuple(map(in_python, error.problems))) from None
