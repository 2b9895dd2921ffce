"""The conda recipe asks for what pyproject.toml asks for, and CITATION.cff says what it has to."""

from __future__ import annotations

import re
import tomllib
from typing import Any

import pytest
import yaml

import aam
from tests.release.environment import ROOT
from tools import release

CONDA_NAMES = {"torch": "pytorch", "matplotlib": "matplotlib-base"}
"""Where conda-forge's name is another."""
PYPROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())
PROJECT = PYPROJECT["project"]
REQUIREMENT = re.compile(r"(?P<name>[\w.-]+)(?P<bounds>.*)")


@pytest.fixture(scope="module")
def recipe() -> dict[str, Any]:
    found: dict[str, Any] = yaml.safe_load((ROOT / "conda" / "recipe.yaml").read_text())
    return found


def of_conda(requirement: str) -> str:
    found = REQUIREMENT.fullmatch(requirement)
    assert found is not None
    return f"{CONDA_NAMES.get(found['name'], found['name'])} {found['bounds']}"


def test_the_recipe_is_of_this_version(recipe: dict[str, Any]) -> None:
    assert recipe["context"]["version"] == aam.__version__
    assert recipe["package"]["name"] == PROJECT["name"]
    assert recipe["about"]["license"] == PROJECT["license"]
    assert recipe["about"]["license_file"] in PROJECT["license-files"]
    assert recipe["about"]["summary"] == PROJECT["description"]


def test_the_recipe_needs_what_the_wheel_needs(recipe: dict[str, Any]) -> None:
    needs = recipe["requirements"]
    python = f"python {PROJECT['requires-python']}"
    assert sorted(needs["run"]) == sorted([python, *map(of_conda, PROJECT["dependencies"])])
    assert sorted(needs["host"]) == sorted([python, "pip", *map(of_conda, PYPROJECT["build-system"]["requires"])])
    scripts = [f"{name} = {place}" for name, place in PROJECT["scripts"].items()]
    assert recipe["build"]["python"]["entry_points"] == scripts


def test_the_recipe_renders() -> None:
    pytest.importorskip("rattler_build")
    assert list(release.wrong_in_recipe(aam.__version__)) == []
    assert list(release.wrong_in_recipe("99.0.0")) == [
        f"conda/recipe.yaml: is of {{'name': 'aam', 'version': '{aam.__version__}'}}, not of aam 99.0.0"
    ]


def test_the_citation_is_complete() -> None:
    """`make citation` holds it against the schema."""
    citation = yaml.safe_load((ROOT / "CITATION.cff").read_text())
    assert citation["cff-version"] == "1.2.0"
    assert citation["version"] == aam.__version__
    assert citation["license"] == PROJECT["license"]
    assert [author["name"] for author in citation["authors"]] == [author["name"] for author in PROJECT["authors"]]
    assert {"message", "title", "type", "keywords", "date-released", "abstract"} <= citation.keys()
    released = f"## [{aam.__version__}] - {citation['date-released']}"
    assert released in (ROOT / "CHANGELOG.md").read_text().splitlines()


def test_python_versions_are_named_once_more() -> None:
    classified = {line.rsplit(" ", 1)[1] for line in PROJECT["classifiers"] if re.search(r":: 3\.\d+$", line)}
    assert classified == {"3.11", "3.12", "3.13", "3.14"}
    assert PROJECT["requires-python"] == f">={min(classified, key=lambda text: int(text[2:]))}"
    assert PYPROJECT["tool"]["ruff"]["target-version"] == "py311"


def test_every_extra_stands_among_the_sizes() -> None:
    """Those of developers are no choice of a user."""
    rows = re.findall(r"^\| `([\w-]+)` \| .+ \| \d+ \|$", (ROOT / "docs" / "install.md").read_text(), re.MULTILINE)
    extras = PROJECT["optional-dependencies"].keys() - {"dev", "docs", "test"}
    assert sorted(rows) == sorted(extras)
