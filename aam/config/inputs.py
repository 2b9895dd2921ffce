"""What a run is told to read."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from aam.config.option import fields

NO_INPUTS = ("output_dir", "resume_from")


def input_paths(config: Any) -> Iterator[Path]:
    """All files and folders that a run is told to read."""
    for section, field, _ in fields(type(config)):
        value = getattr(getattr(config, section), field.name)
        if field.name not in NO_INPUTS:
            yield from (path for path in (value if isinstance(value, tuple) else (value,)) if isinstance(path, Path))
