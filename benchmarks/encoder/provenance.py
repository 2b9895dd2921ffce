"""Where the encoder of the package comes from, as a machine reads it: data with licence and checksum, code, figures."""

from __future__ import annotations

import argparse
import hashlib
import json
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from aam.data.study.study import Study
from aam.files.atomic import write_json
from aam.models.folder.paths import CARD, CONFIG, WEIGHTS
from aam.models.shipped import KNOWN, NAMES, folder_of
from benchmarks.encoder.recipes import BASE, RECIPES
from benchmarks.encoder.studies import BASES, CC, EVALUATIONS, POOL, read_tables, tables_of
from benchmarks.encoder.studies import folder_of as folder_of_study

SHIPPED, EPOCHS = "unifrac", 1
"""Recipe and epochs of the encoder that is shipped."""
KEPT_OUT = tuple(name for name in POOL if name in EVALUATIONS)
"""Studies that it is not trained on, so that the encoder of the package is the one that is judged."""
LICENCES = {CC: "Creative Commons, version not stated"}
PROVENANCE = "provenance.json"
ORIGIN = re.compile(r"^- origin: github (?P<repository>\S+) @ (?P<commit>[0-9a-f]+)$", re.MULTILINE)
FILES = re.compile(r"^- files: (?P<files>.+)$", re.MULTILINE)
COMMANDS = (
    f"python -m benchmarks.encoder compare --data DATA --recipes {SHIPPED} untrained --epochs {EPOCHS}",
    "python -m benchmarks.encoder ship --data DATA",
)


class Share(NamedTuple):
    """What a study gives to the pool."""

    name: str
    samples: int
    asvs: int
    licence: str


def shares(study: Study) -> Iterator[Share]:
    """What each study of the pool gives."""
    for name, licence in POOL.items():
        rows = np.flatnonzero(study.table.studies == f"{name}/table")
        if len(rows):
            found = len(np.unique(study.table.counts[rows].indices))
            yield Share(name, len(rows), found, LICENCES.get(licence, licence))


def provenance(options: argparse.Namespace) -> None:
    """Write the file beside the encoder that is in the package.

    The folder of each study has a README.md that names the repository that its table comes from.
    """
    folder = folder_of(NAMES[0])
    studies = [name for name in POOL if name not in KEPT_OUT]
    description = json.loads((folder / CONFIG).read_text(encoding="utf-8"))
    judged = json.loads((options.output / "encoder.json").read_text(encoding="utf-8"))
    weights = (folder / WEIGHTS).relative_to(Path.cwd())
    commit, date = _git("log", "-1", "--format=%H %cs", "--", str(weights)).split()
    content = {
        "name": NAMES[0],
        "aam": description["aam"],
        "format": description["format"],
        "commit": commit,
        "date": date,
        "licence": "BSD-3-Clause",
        "commands": list(COMMANDS),
        "seed": description["record"]["seed"],
        "options": {"epochs": EPOCHS, "trim_length": BASES, **BASE, **RECIPES[SHIPPED]},
        "files": {name: _file(folder / name) for name in (WEIGHTS, KNOWN)},
        "data": [_source(share, options.data) for share in shares(read_tables(studies, options.data))],
        "figures": description["record"],
        "judged": {"record": "benchmarks/results/encoder.json", "conditions": judged["conditions"]},
        "card": CARD,
    }
    write_json(folder / PROVENANCE, content)


def _git(*words: str) -> str:
    return subprocess.run(["git", *words], capture_output=True, text=True, check=True).stdout.strip()


def _file(path: Path) -> dict[str, Any]:
    return {"bytes": path.stat().st_size, "sha256": _sha256(path)}


def _sha256(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def _source(share: Share, data: Path) -> dict[str, Any]:
    """Where a study's table comes from; its checksum is of the file that was read, filtered as the card says."""
    text = (folder_of_study(share.name, data) / "README.md").read_text(encoding="utf-8")
    origin, files = ORIGIN.search(text), FILES.search(text)
    assert origin is not None
    assert files is not None
    return {
        "study": share.name,
        "samples": share.samples,
        "asvs": share.asvs,
        "repository": f"https://github.com/{origin['repository']}",
        "commit": origin["commit"],
        "files": files["files"],
        "licence": share.licence,
        "table_sha256": _sha256(tables_of([share.name], data)[0]),
    }
