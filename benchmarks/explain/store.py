"""Where results are kept, so that an interrupted benchmark goes on."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from aam.files.atomic import write_text


class MissingError(LookupError):
    """What was not computed yet."""


@dataclass(frozen=True)
class Store:
    """A folder of JSON files.

    Attributes
    ----------
    folder
        Where they lie.
    computes
        Whether what is missing is computed; else it is a :class:`MissingError`.
    """

    folder: Path
    computes: bool = True

    def get(self, name: str, compute: Callable[[], list[dict[str, Any]]]) -> list[dict[str, Any]]:
        """The rows that a file holds, which is written where it is missing."""
        path = self.folder / f"{name}.json"
        if not path.exists():
            if not self.computes:
                raise MissingError(name)
            rows = compute()
            path.parent.mkdir(parents=True, exist_ok=True)
            write_text(path, json.dumps(rows, indent=1) + "\n")
            print(f"{name}: done", flush=True)
        found: list[dict[str, Any]] = json.loads(path.read_text(encoding="utf-8"))
        return found
