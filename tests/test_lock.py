"""The lock files name every dependency with its version and hashes, and nothing of where they came from."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path
from typing import NamedTuple

import pytest
from packaging.markers import Marker
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from packaging.version import Version

from tests.code_rules import NOT_PINNED

ROOT = Path(__file__).resolve().parents[1]
LOCKS = ("requirements-torch.lock", "requirements.lock")
PYTHONS = ("3.11", "3.12", "3.13", "3.14")
ENTRY = re.compile(r"^([\w.-]+)==(\S+)(?: ; (.+?))? \\$", re.MULTILINE)
HASH = re.compile(r"    --hash=sha256:[0-9a-f]{64}(?: \\)?")
BANNED = {"lightning": {"2.6.2", "2.6.3"}, "pytorch-lightning": {"2.6.2", "2.6.3"}}
TORCH_FLOOR = Version("2.10")


class Entry(NamedTuple):
    """One distribution of a lock."""

    version: Version
    marker: Marker | None
    hashes: int

    def holds_for(self, python: str) -> bool:
        place = {"python_full_version": f"{python}.0", "python_version": python}
        return self.marker is None or self.marker.evaluate({**LINUX, **place})


LINUX = {"sys_platform": "linux", "platform_machine": "x86_64", "platform_python_implementation": "CPython"}


def read_lock(name: str) -> dict[str, Entry]:
    text = (ROOT / name).read_text()
    starts = [*ENTRY.finditer(text)]
    ends = [*(match.start() for match in starts[1:]), len(text)]
    return {
        canonicalize_name(match[1]): Entry(
            Version(match[2]), Marker(match[3]) if match[3] else None, len(HASH.findall(text[match.end() : end]))
        )
        for match, end in zip(starts, ends, strict=True)
    }


def both() -> dict[str, Entry]:
    return {name: entry for lock in LOCKS for name, entry in read_lock(lock).items()}


def declared() -> list[Requirement]:
    content = tomllib.loads((ROOT / "pyproject.toml").read_text())
    project = content["project"]
    pinned = [needs for name, needs in project["optional-dependencies"].items() if name not in NOT_PINNED]
    extras = [line for extra in pinned for line in extra]
    return [Requirement(line) for line in [*project["dependencies"], *extras, *content["build-system"]["requires"]]]


@pytest.mark.parametrize("python", PYTHONS)
def test_every_dependency_is_locked_within_its_bounds(python: str) -> None:
    locked = both()
    for requirement in declared():
        entry = locked[canonicalize_name(requirement.name)]
        assert entry.holds_for(python), requirement
        assert entry.version in requirement.specifier, (requirement, entry.version)


def test_make_lock_names_every_extra_that_is_pinned() -> None:
    line = re.search(r"^LOCKED_EXTRAS := (.+)$", (ROOT / "Makefile").read_text(), re.MULTILINE)
    extras = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["optional-dependencies"]
    assert line is not None
    assert sorted(line[1].split()) == sorted(extras.keys() - set(NOT_PINNED))


@pytest.mark.parametrize("lock", LOCKS)
def test_every_entry_has_hashes(lock: str) -> None:
    entries = read_lock(lock)
    assert len(entries) > 20
    assert [name for name, entry in entries.items() if entry.hashes == 0] == []


@pytest.mark.parametrize("lock", LOCKS)
def test_a_lock_holds_versions_hashes_and_comments_alone(lock: str) -> None:
    lines = (ROOT / lock).read_text().splitlines()
    other = [line for line in lines if not (ENTRY.match(line) or HASH.fullmatch(line) or line.lstrip().startswith("#"))]
    assert other == []
    assert [line for line in lines if "://" in line or "--index" in line or "--find-links" in line or "/" in line] == []


def test_banned_releases_are_in_no_lock() -> None:
    for lock in LOCKS:
        for name, entry in read_lock(lock).items():
            assert str(entry.version) not in BANNED.get(name, ())
            assert name != "torch" or entry.version >= TORCH_FLOOR
    torch = next(requirement for requirement in declared() if requirement.name == "torch")
    lightning = next(requirement for requirement in declared() if requirement.name == "lightning")
    assert "2.9.9" not in torch.specifier
    assert [version for version in BANNED["lightning"] if version in lightning.specifier] == []


def test_locks_and_constraints_agree() -> None:
    torch, rest = (read_lock(lock) for lock in LOCKS)
    assert "torch" in torch
    assert "torch" not in rest
    assert [name for name in torch.keys() & rest.keys() if torch[name].version != rest[name].version] == []
    pins = dict(line.split("==") for line in (ROOT / "constraints.txt").read_text().splitlines() if "==" in line)
    pinned = {canonicalize_name(name): Version(version) for name, version in pins.items()}
    locked = both()
    assert pinned.keys() - locked.keys() == set()
    assert [name for name, version in pinned.items() if locked[name].version != version] == []
