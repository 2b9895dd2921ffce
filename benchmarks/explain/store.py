"""Rows of results, a JSON file each."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from aam.files.atomic import write_text
from benchmarks import store

Rows = list[dict[str, Any]]


class Store(store.Store[Rows]):
    """A folder of rows; it tells what was computed."""

    ending = ".json"

    def write(self, path: Path, computed: Rows) -> None:
        """Write the rows."""
        write_text(path, json.dumps(computed, indent=1) + "\n")
        print(f"{path.relative_to(self.folder).with_suffix('')}: done", flush=True)

    def read(self, path: Path) -> Rows:
        """The rows of a file."""
        found: Rows = json.loads(path.read_text(encoding="utf-8"))
        return found
