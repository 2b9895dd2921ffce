"""Write a software bill of materials (CycloneDX 1.6, JSON) from the lock files.

Run as ``python tools/sbom.py OUTPUT``. What `aam` needs at run time is ``required``, what only extras, tests and
building need is ``optional``. The same locks give the same bytes.
"""

from __future__ import annotations

import json
import re
import sys
import tomllib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
LOCKS = ("requirements-torch.lock", "requirements.lock")
ENTRY = re.compile(r"^(?P<name>[\w.-]+)==(?P<version>\S+)(?: ; (?P<marker>.+?))? \\$", re.MULTILINE)
HASH = re.compile(r"--hash=sha256:([0-9a-f]{64})")
VIA = re.compile(r"^    # via (.+)$", re.MULTILINE)
VERSION = re.compile(r'^__version__ = "(.+)"$', re.MULTILINE)
PROJECT = "aam (pyproject.toml)"


@dataclass(frozen=True)
class Locked:
    """A distribution of a lock file, with the hashes of its files and the names of what needs it."""

    name: str
    version: str
    marker: str | None
    hashes: tuple[str, ...]
    needed_by: frozenset[str]

    @property
    def purl(self) -> str:
        """Its package URL."""
        return f"pkg:pypi/{self.name}@{self.version}"


def normal(name: str) -> str:
    """The name of a distribution as indexes spell it."""
    return re.sub(r"[-_.]+", "-", name).lower()


def version() -> str:
    """The version of this checkout."""
    found = VERSION.search((ROOT / "aam" / "version.py").read_text())
    assert found is not None
    return found[1]


def read_lock(text: str) -> Iterator[Locked]:
    """The distributions of a lock file."""
    starts = [*ENTRY.finditer(text)]
    ends = [*(start.start() for start in starts[1:]), len(text)]
    for start, end in zip(starts, ends, strict=True):
        body = text[start.end() : end]
        via = VIA.search(body)
        needed_by = () if via is None else (name for name in via[1].split(", ") if not name.startswith("-"))
        name, marker = normal(start["name"]), start["marker"]
        yield Locked(name, start["version"], marker, tuple(HASH.findall(body)), frozenset(needed_by))


def locked() -> list[Locked]:
    """What both lock files name, each once."""
    found = {entry.purl: entry for lock in reversed(LOCKS) for entry in read_lock((ROOT / lock).read_text())}
    return sorted(found.values(), key=lambda entry: entry.purl)


def direct(requirements: Iterable[str]) -> set[str]:
    """The names that requirements begin with."""
    return {normal(re.split(r"[<>=!~\[; ]", requirement, maxsplit=1)[0]) for requirement in requirements}


def needs(entries: Iterable[Locked]) -> dict[str, set[str]]:
    """For each name the names of what it needs."""
    found: dict[str, set[str]] = {entry.name: set() for entry in entries}
    for entry in entries:
        for other in entry.needed_by - {PROJECT}:
            found.setdefault(normal(other), set()).add(entry.name)
    return found


def reached(names: set[str], graph: dict[str, set[str]]) -> set[str]:
    """Names and all that they need."""
    found: set[str] = set()
    waiting = list(names)
    while waiting:
        name = waiting.pop()
        if name not in found:
            found.add(name)
            waiting.extend(graph.get(name, ()))
    return found


def component(entry: Locked, is_required: bool) -> dict[str, Any]:
    """What the bill says of a distribution."""
    hashes = [{"alg": "SHA-256", "content": digest} for digest in entry.hashes]
    marker = [] if entry.marker is None else [{"name": "aam:environment-marker", "value": entry.marker}]
    return {
        "type": "library",
        "bom-ref": entry.purl,
        "name": entry.name,
        "version": entry.version,
        "scope": "required" if is_required else "optional",
        "purl": entry.purl,
        "externalReferences": [
            {"type": "distribution", "url": f"https://pypi.org/project/{entry.name}/{entry.version}/", "hashes": hashes}
        ],
        **({"properties": marker} if marker else {}),
    }


def bill() -> dict[str, Any]:
    """The bill of materials of this checkout."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    entries, core = locked(), direct(project["dependencies"])
    graph = needs(entries)
    required = reached(core, graph)
    purls: dict[str, list[str]] = {}
    for entry in entries:
        purls.setdefault(entry.name, []).append(entry.purl)
    root = f"pkg:pypi/aam@{version()}"
    declared = {entry.name for entry in entries if PROJECT in entry.needed_by} | (core & purls.keys())
    edges = {root: declared} | {entry.purl: graph[entry.name] for entry in entries}
    return {
        "$schema": "http://cyclonedx.org/schema/bom-1.6.schema.json",
        "bomFormat": "CycloneDX",
        "specVersion": "1.6",
        "version": 1,
        "metadata": {
            "component": {
                "type": "application",
                "bom-ref": root,
                "name": "aam",
                "version": version(),
                "purl": root,
                "description": project["description"],
                "licenses": [{"license": {"id": project["license"]}}],
            }
        },
        "components": [component(entry, entry.name in required) for entry in entries],
        "dependencies": [
            {"ref": ref, "dependsOn": sorted(purl for name in names for purl in purls[name])}
            for ref, names in edges.items()
        ],
    }


def main(arguments: list[str]) -> int:
    """Write the bill to the file that is named."""
    if len(arguments) != 1:
        print("usage: python tools/sbom.py OUTPUT", file=sys.stderr)
        return 2
    content = bill()
    path = Path(arguments[0])
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(content, indent=1) + "\n")
    required = sum(part["scope"] == "required" for part in content["components"])
    print(f"{path}: {len(content['components'])} components, {required} needed at run time")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
