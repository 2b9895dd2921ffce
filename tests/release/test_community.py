"""Forms and words for those who take part are files that a code host can read."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.release.environment import ROOT

FORMS = sorted((ROOT / ".github" / "ISSUE_TEMPLATE").glob("*.yml"))
TYPES = {"markdown", "textarea", "input", "dropdown", "checkboxes"}


def read(path: Path) -> dict[str, Any]:
    content: dict[str, Any] = yaml.safe_load(path.read_text())
    return content


@pytest.mark.parametrize("path", [path for path in FORMS if path.name != "config.yml"], ids=lambda path: path.stem)
def test_an_issue_form_is_one(path: Path) -> None:
    form = read(path)
    assert {"name", "description", "body"} <= form.keys() <= {"name", "description", "body", "labels", "title"}
    assert {part["type"] for part in form["body"]} <= TYPES
    asked = [part for part in form["body"] if part["type"] != "markdown"]
    assert len({part["id"] for part in asked}) == len(asked)
    assert all(part["attributes"]["label"] for part in asked)
    assert any(part.get("validations", {}).get("required") for part in asked)


def test_forms_are_there_for_faults_and_wishes() -> None:
    assert {"fault.yml", "wish.yml", "result.yml", "config.yml"} == {path.name for path in FORMS}
    assert read(ROOT / ".github" / "ISSUE_TEMPLATE" / "config.yml") == {"blank_issues_enabled": True}
    labels = [
        part["attributes"]["label"]
        for part in read(ROOT / ".github" / "ISSUE_TEMPLATE" / "fault.yml")["body"]
        if "label" in part["attributes"]
    ]
    assert {"What did you type?", "Version"} <= set(labels)


@pytest.mark.parametrize("name", ["CODE_OF_CONDUCT.md", "CONTRIBUTING.md", "SECURITY.md", "LICENSE"])
def test_what_a_newcomer_looks_for_is_there(name: str) -> None:
    text = (ROOT / name).read_text()
    assert len(text) > 500
    assert name in {"LICENSE", "SECURITY.md"} or name in (ROOT / "README.md").read_text()
