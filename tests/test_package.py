"""What holds for the whole package: its version, what its code never does, what its lower floors never import."""

from __future__ import annotations

import ast
import importlib
import re
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest

import aam

ROOT = Path(__file__).resolve().parents[1]
PACKAGE = ROOT / "aam"
SOURCES = sorted(PACKAGE.rglob("*.py"))

FORBIDDEN_IMPORTS = {"pickle", "cPickle", "dill", "joblib", "shelve", "marshal"}
FORBIDDEN_CALLS = {"eval", "exec", "os.system", "os.popen", "yaml.unsafe_load", "yaml.full_load"}
CHECKPOINT_FILES = {"aam/training/checkpoint.py"}

# Where a distribution's name is not that of its module.
MODULE_OF = {"pyyaml": "yaml", "scikit-bio": "skbio", "scikit-learn": "sklearn"}
USED_BY_OTHERS = {"tensorboard"}  # Lightning's logger writes with it

LIGHT_MODULES = (
    "aam",
    "aam.errors",
    "aam.config",
    "aam.files",
    "aam.phylogeny",
    "aam.cli.main",
    *(
        f"aam.data.{name}"
        for name in (
            "alphabet",
            "table",
            "sequences",
            "metadata",
            "targets",
            "taxonomy",
            "distances",
            "dissimilarity",
            "rarefaction",
            "study",
            "split",
            "simulate",
        )
    ),
)
HEAVY_MODULES = ("torch", "lightning", "torchmetrics")
READER_MODULES = ("aam.data.study", "aam.phylogeny", "aam.cli.main")
SLOW_TO_START = ("pandas", "skbio", "biom", "matplotlib", "sklearn")


def dotted(node: ast.expr) -> str:
    """``a.b.c`` of a name or attribute, else the empty string."""
    if isinstance(node, ast.Name):
        return node.id
    if isinstance(node, ast.Attribute) and (before := dotted(node.value)):
        return f"{before}.{node.attr}"
    return ""


def keyword(call: ast.Call, name: str) -> object:
    """The constant that a call gives to a keyword, else None."""
    values = [k.value for k in call.keywords if k.arg == name]
    return values[0].value if values and isinstance(values[0], ast.Constant) else None


def forbidden_in_call(call: ast.Call, name: str) -> Iterator[str]:
    called = dotted(call.func)
    if called in FORBIDDEN_CALLS:
        yield called
    if called in ("torch.load", "load_from_checkpoint") and name not in CHECKPOINT_FILES:
        yield "torch.load outside the checkpoint module"
    if called == "torch.load" and keyword(call, "weights_only") is not True:
        yield "torch.load without weights_only=True"
    if called in ("np.load", "numpy.load") and keyword(call, "allow_pickle") is not False:
        yield "np.load without allow_pickle=False"
    if called == "yaml.load" and not any("SafeLoader" in dotted(value) for value in arguments(call)):
        yield "yaml.load without a safe loader"
    if keyword(call, "shell") is True:
        yield "shell=True"


def arguments(call: ast.Call) -> list[ast.expr]:
    return [*call.args, *(k.value for k in call.keywords)]


def imported_modules(node: ast.AST) -> list[str]:
    """Top-level names of the modules that a statement imports."""
    if isinstance(node, ast.Import):
        return [alias.name.split(".")[0] for alias in node.names]
    return [(node.module or "").split(".")[0]] if isinstance(node, ast.ImportFrom) else []


def forbidden(path: Path) -> Iterator[str]:
    name = path.relative_to(ROOT).as_posix()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        yield from (f"{name}:{node.lineno} imports {m}" for m in imported_modules(node) if m in FORBIDDEN_IMPORTS)
        if isinstance(node, ast.Call):
            yield from (f"{name}:{node.lineno} {what}" for what in forbidden_in_call(node, name))


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
    declared = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["dependencies"]
    modules = {MODULE_OF.get(name, name) for name in map(distribution, declared)}
    nodes = (node for path in SOURCES for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))))
    imported = {module for node in nodes for module in imported_modules(node)}
    third_party = imported - set(sys.stdlib_module_names) - {"aam", "__future__"}
    assert third_party - modules == set(), "imported but not declared"
    assert modules - third_party - USED_BY_OTHERS == set(), "declared but never imported"


def test_constraints_pin_every_dependency() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    lines = [line for line in (ROOT / "constraints.txt").read_text().splitlines() if not line.startswith("#")]
    pinned = {line.split("==")[0].lower().replace("_", "-") for line in lines}
    wanted = [*project["dependencies"], *(r for extra in project["optional-dependencies"].values() for r in extra)]
    assert {distribution(requirement) for requirement in wanted} - pinned == set()
    assert "torch==2.13.0" in lines
    assert all(line.count("==") == 1 and "+" not in line and "://" not in line for line in lines)


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: path.relative_to(ROOT).as_posix())
def test_code_never_does(path: Path) -> None:
    assert list(forbidden(path)) == []


@pytest.mark.parametrize(
    "code",
    [
        "import pickle",
        "from joblib import load",
        "eval('1')",
        "torch.load('x')",
        "np.load('x')",
        "np.load('x', allow_pickle=True)",
        "yaml.load(text)",
        "yaml.load(text, yaml.Loader)",
        "subprocess.run('ls', shell=True)",
    ],
)
def test_the_check_sees(code: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys.modules[__name__], "ROOT", tmp_path)
    (tmp_path / "bad.py").write_text(code)
    assert list(forbidden(tmp_path / "bad.py"))


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
