"""The wheel and the source distribution hold what they should, and the wheel serves where there is no checkout."""

from __future__ import annotations

import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path

import pytest

import aam
from tests.release.environment import ROOT, Environment, build, use
from tools import release


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("dist")


@pytest.fixture(scope="module")
def wheel(built: Path) -> Path:
    return build("build_wheel", built)


@pytest.fixture(scope="module")
def sdist(built: Path) -> Path:
    return build("build_sdist", built)


@pytest.fixture(scope="module")
def checkout() -> set[str]:
    """The files of the checkout, those that git does not know yet among them."""
    if not (ROOT / ".git").exists():
        pytest.skip("not a checkout")
    command = ["git", "-C", str(ROOT), "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    listed = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    return {name for name in listed.split("\0") if name and (ROOT / name).exists()}


def members(path: Path) -> set[str]:
    if path.suffix == ".whl":
        with zipfile.ZipFile(path) as archive:
            return set(archive.namelist())
    with tarfile.open(path) as archive_of_sources:
        return set(archive_of_sources.getnames())


def test_the_wheel_holds_the_package_and_nothing_else(wheel: Path, checkout: set[str]) -> None:
    assert wheel.name == f"aam-{aam.__version__}-py3-none-any.whl"
    assert list(release.wrong_in_wheel(members(wheel), checkout, aam.__version__)) == []
    with zipfile.ZipFile(wheel) as archive:
        metadata = archive.read(f"aam-{aam.__version__}.dist-info/METADATA").decode()
    assert list(release.wrong_in_metadata(metadata, aam.__version__)) == []
    assert wheel.stat().st_size < 4_000_000


def test_the_sdist_holds_the_checkout(sdist: Path, checkout: set[str]) -> None:
    assert list(release.wrong_in_sdist(members(sdist), checkout, aam.__version__)) == []


def test_the_sdist_builds_the_same_wheel(sdist: Path, wheel: Path, tmp_path: Path) -> None:
    with tarfile.open(sdist) as archive:
        archive.extractall(tmp_path)  # ours; the first releases of Python 3.11 know no filter
    again = build("build_wheel", tmp_path, tmp_path / f"aam-{aam.__version__}")
    with zipfile.ZipFile(again) as new, zipfile.ZipFile(wheel) as old:
        found, expected = ({(one.filename, one.CRC) for one in archive.infolist()} for archive in (new, old))
    assert found == expected


def test_an_installed_wheel_is_used_outside(wheel: Path, tmp_path: Path) -> None:
    """It is installed alone; what it needs is seen where these tests have it."""
    installed = Environment(tmp_path / "env", tmp_path / "work")
    installed.work.mkdir()
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", installed.folder], check=True, timeout=60)
    pip = [sys.executable, "-m", "pip", "--python", installed.python, "install", "--quiet", "--no-deps", "--no-index"]
    subprocess.run([*pip, wheel], check=True, timeout=60, capture_output=True)
    [packages] = installed.folder.glob("lib/python*/site-packages")
    others = [place for place in sys.path if Path(place).name in ("site-packages", "dist-packages")]
    (packages / "others.pth").write_text("\n".join(others))
    assert aam.__version__ in installed.run("aam", "--version")
    use(installed, "--learners", "jaccard", "--no-forest-baseline")
