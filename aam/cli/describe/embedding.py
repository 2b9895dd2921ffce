"""What `aam info` says of the results of `aam embed`."""

from __future__ import annotations

import shlex
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from aam.files.atomic import read_json
from aam.runs.layout import REPORT
from aam.text import listed, shorten
from aam.workflows.embedding import RECORD

Described = tuple[str, list[tuple[str, str]]]

MEMBERS = {"vectors", "samples", "ordinated", "files"}
"""What the record of an embedding has."""


def embedding_folder(path: Path) -> Described | None:
    """Title and facts of the folder of an embedding; None where it is another one."""
    content = read_json(path / RECORD) if (path / RECORD).is_file() else None
    if not isinstance(content, dict) or not set(content) >= MEMBERS:
        return None
    title, facts = embedding_record(content)
    page = shlex.quote(str(path / REPORT))
    return title.removeprefix("the record of "), [*facts, ("files", listed(content["files"], 12)), ("report", page)]


def embedding_record(content: Mapping[str, Any]) -> Described:
    """Title and facts of the record of an embedding."""
    vectors = content["vectors"]
    kind = vectors.get("kind") if isinstance(vectors, dict) else vectors
    facts = [("samples", f"{content['samples']}, {content['ordinated']} of them ordinated")]
    return "the record of an embedding", [*facts, ("vectors", shorten(str(kind), 60))]
