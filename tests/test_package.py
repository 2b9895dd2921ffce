"""What holds for the whole package: its version, what it depends on, what its lower floors never import."""

from __future__ import annotations

import ast
import importlib
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

import aam
from tests.code_rules import NOT_PINNED, imported_modules

ROOT = Path(__file__).resolve().parents[1]
PACKAGE = ROOT / "aam"
SOURCES = sorted(PACKAGE.rglob("*.py"))

# Where a distribution's name is not that of its module.
MODULE_OF = {
    "huggingface-hub": "huggingface_hub",
    "mlflow-skinny": "mlflow",
    "onnxscript": "onnx",  # torch imports it, to trace into onnx
    "pyyaml": "yaml",
    "scikit-bio": "skbio",
    "scikit-learn": "sklearn",
    "umap-learn": "umap",
}

LIGHT_MODULES = (
    "aam",
    "aam.cli.main",
    "aam.runs.directory",
    "aam.phylogeny.unifrac",
    "aam.data.readers.table",
    "aam.data.readers.distance_matrix",
    "aam.data.readers.taxonomy",
    "aam.data.targets.fitting",
    "aam.data.distances.dissimilarity",
    "aam.data.study.split",
    "aam.simulation.study",
)
HEAVY_MODULES = ("torch", "lightning", "torchmetrics")
READER_MODULES = ("aam.data.study.study", "aam.phylogeny.unifrac", "aam.cli.main")
SLOW_TO_START = ("pandas", "skbio", "biom", "matplotlib", "sklearn")


def test_version_is_declared_once() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    assert "version" in project["project"]["dynamic"]
    assert project["tool"]["hatch"]["version"]["path"] == "aam/version.py"
    assert f"[{aam.__version__}]" in (ROOT / "CHANGELOG.md").read_text()


def test_installed_version_is_the_packages() -> None:
    metadata = importlib.import_module("importlib.metadata")
    try:
        installed = metadata.version("aam")
    except metadata.PackageNotFoundError:
        pytest.skip("aam is not installed, the tests run from the source tree")
    assert installed == aam.__version__


def distribution(requirement: str) -> str:
    """Name of a requirement, without its versions and extras."""
    return re.split(r"[<>=!~\[; ]", requirement, maxsplit=1)[0].lower().replace("_", "-")


def test_dependencies_are_what_the_code_imports() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    tools = ("test", "dev", "docs")
    extras = {name: needs for name, needs in project["optional-dependencies"].items() if name not in tools}
    declared = [*project["dependencies"], *(one for needs in extras.values() for one in needs)]
    modules = {MODULE_OF.get(name, name) for name in map(distribution, declared)}
    nodes = (node for path in SOURCES for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))))
    imported = {module for node in nodes for module in imported_modules(node)}
    third_party = imported - set(sys.stdlib_module_names) - {"aam", "__future__"}
    assert third_party - modules == set(), "imported but not declared"
    assert modules - third_party == set(), "declared but never imported"


def test_constraints_pin_every_dependency() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    lines = [line for line in (ROOT / "constraints.txt").read_text().splitlines() if not line.startswith("#")]
    pinned = {line.split("==")[0].lower().replace("_", "-") for line in lines}
    extras = {name: needs for name, needs in project["optional-dependencies"].items() if name not in NOT_PINNED}
    wanted = [*project["dependencies"], *(r for extra in extras.values() for r in extra)]
    assert {distribution(requirement) for requirement in wanted} - pinned == set()
    assert "torch==2.13.0" in lines
    assert all(line.count("==") == 1 and "+" not in line and "://" not in line for line in lines)


def imported_by(modules: tuple[str, ...], heavy: tuple[str, ...]) -> str:
    program = (
        f"import importlib, sys\nfor name in {modules!r}: importlib.import_module(name)\n"
        f"print(' '.join(name for name in {heavy!r} if name in sys.modules))"
    )
    run = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=False, cwd=ROOT, timeout=120
    )
    assert run.returncode == 0, run.stderr
    return run.stdout.strip()


def test_lower_floors_do_not_import_torch() -> None:
    assert imported_by(LIGHT_MODULES, HEAVY_MODULES) == ""


def test_readers_start_without_slow_libraries() -> None:
    assert imported_by(READER_MODULES, SLOW_TO_START) == ""


def test_names_of_tests_are_short() -> None:
    names = [
        node.name
        for path in (ROOT / "tests").rglob("test_*.py")
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.FunctionDef) and node.name.startswith("test_")
    ]
    assert len(names) > 1000
    assert [name for name in names if len(name) >= 60] == []
