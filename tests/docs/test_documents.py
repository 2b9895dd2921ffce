"""The documents agree with the program: links lead somewhere, flags exist, the reference page is up to date."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from aam import config
from aam.config.option import fields, flag, is_switch

ROOT = Path(__file__).resolve().parents[2]
DOCUMENTS = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").glob("*.md"))]
LINK = re.compile(r"\]\(([^)#]+)(?:#[^)]*)?\)")
FLAG = re.compile(r"(?<![\w-])--[a-z][a-z0-9-]*[a-z0-9](?![\w-]*\*)")
GENERAL_FLAGS = {"--help", "--version", "--config", "--print-config"}
COMMANDS = [getattr(config, name) for name in config.__all__ if name.endswith("Config")]


def name_of(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


def known_flags() -> set[str]:
    known = set(GENERAL_FLAGS)
    for command in COMMANDS:
        for _, field, hint in fields(command):
            names = [field.name, *([field.metadata["alias"]] if field.metadata["alias"] else [])]
            known |= {flag(name) for name in names}
            if is_switch(hint):
                known |= {flag(f"no_{name}") for name in names}
    return known


def written_flags(path: Path) -> set[str]:
    """Flags that a document uses; of the tables for those who come from elsewhere, only the second column."""
    text = path.read_text()
    if path.name == "migrating.md":
        rows = [line.split(" | ") for line in text.splitlines() if line.startswith("| ")]
        text = "\n".join(row[1] for row in rows if len(row) == 3)
    return set(FLAG.findall(text))


@pytest.mark.parametrize("path", DOCUMENTS, ids=name_of)
def test_links_lead_to_files(path: Path) -> None:
    targets = [target for target in LINK.findall(path.read_text()) if "://" not in target]
    assert [target for target in targets if not (path.parent / target).exists()] == []


@pytest.mark.parametrize("path", DOCUMENTS, ids=name_of)
def test_flags_exist(path: Path) -> None:
    other_programs = {"--to-tsv"}
    assert written_flags(path) - known_flags() - other_programs == set()
