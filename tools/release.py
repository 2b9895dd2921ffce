"""Check what `make release` built in a folder, and write the checksums of its files.

Run as ``python tools/release.py FOLDER``; exits with 1 and a line for each thing that is wrong.
"""

from __future__ import annotations

import hashlib
import json
import re
import subprocess
import sys
import tarfile
import tomllib
import zipfile
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
SUMS = "SHA256SUMS"
SHIPPED = "aam/models/shipped/small"
NEEDED_IN_WHEEL = (
    "aam/py.typed",
    f"{SHIPPED}/config.json",
    f"{SHIPPED}/known_sequences.safetensors",
    f"{SHIPPED}/model.safetensors",
    f"{SHIPPED}/provenance.json",
    "aam/report/templates/report.html.j2",
)
VERSION = re.compile(r'^__version__ = "(.+)"$', re.MULTILINE)


def version() -> str:
    """The version of this checkout."""
    found = VERSION.search((ROOT / "aam" / "version.py").read_text())
    assert found is not None
    return found[1]


def tracked() -> set[str]:
    """The files of the checkout that git knows."""
    command = ["git", "-C", str(ROOT), "ls-files", "-z"]
    listed = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    return {name for name in listed.split("\0") if name}


def wrong_in_wheel(names: set[str], files: set[str], number: str) -> Iterator[str]:
    """What is wrong with the members of a wheel.

    Parameters
    ----------
    names
        The members.
    files
        The files of the checkout.
    number
        The version.
    """
    info = f"aam-{number}.dist-info/"
    own = {name for name in names if not name.startswith(info)}
    package = {name for name in files if name.startswith("aam/")}
    yield from (f"wheel: lacks {name}" for name in sorted(package - own))
    yield from (f"wheel: holds {name}, which is no file of aam/ that git knows" for name in sorted(own - package))
    needed = (*NEEDED_IN_WHEEL, f"{info}licenses/LICENSE", f"{info}METADATA", f"{info}entry_points.txt")
    yield from (f"wheel: lacks {name}" for name in needed if name not in names)


def wrong_in_sdist(names: set[str], files: set[str], number: str) -> Iterator[str]:
    """What is wrong with the members of a source distribution, which is to build and test as the checkout does.

    Parameters
    ----------
    names, files, number
        As for :func:`wrong_in_wheel`.
    """
    top = f"aam-{number}/"
    yield from (f"sdist: holds {name} outside of {top}" for name in sorted(names) if not name.startswith(top))
    own = {name.removeprefix(top) for name in names}
    yield from (f"sdist: lacks {name}" for name in sorted((files | {"PKG-INFO"}) - own))
    yield from (f"sdist: holds {name}, which git does not know" for name in sorted(own - files - {"PKG-INFO"}))


def wrong_in_metadata(text: str, number: str) -> Iterator[str]:
    """What the metadata of the wheel say other than pyproject.toml and the version."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    header = text.split("\n\n", 1)[0].splitlines()
    wanted = (f"Version: {number}", f"License-Expression: {project['license']}")
    yield from (f"metadata: lacks '{line}'" for line in wanted if line not in header)
    needs = [line for line in header if line.startswith("Requires-Dist: ") and "extra ==" not in line]
    if len(needs) != len(project["dependencies"]):
        yield f"metadata: {len(needs)} dependencies, {len(project['dependencies'])} in pyproject.toml"


def wrong_in_words(number: str) -> Iterator[str]:
    """Where the checkout does not speak of this version as released."""
    heading = re.compile(rf"^## \[{re.escape(number)}\] - \d{{4}}-\d\d-\d\d$", re.MULTILINE)
    if not heading.search((ROOT / "CHANGELOG.md").read_text()):
        yield f"CHANGELOG.md: no heading '## [{number}] - YEAR-MONTH-DAY'"
    if f"\nversion: {number}\n" not in (ROOT / "CITATION.cff").read_text():
        yield f"CITATION.cff: the version is not {number}"


def wrong_in_bill(path: Path, number: str) -> Iterator[str]:
    """What is wrong with the bill of materials."""
    from cyclonedx.schema import SchemaVersion
    from cyclonedx.validation.json import JsonStrictValidator

    text = path.read_text()
    fault = JsonStrictValidator(SchemaVersion.V1_6).validate_str(text)
    if fault is not None:
        yield f"{path.name}: not CycloneDX 1.6 ({str(fault).splitlines()[0]})"
    elif json.loads(text)["metadata"]["component"]["version"] != number:
        yield f"{path.name}: not of version {number}"


def wrong_in_recipe(number: str) -> Iterator[str]:
    """What is wrong with the conda recipe; it is rendered, not built: that needs conda's channels."""
    from rattler_build import RattlerBuildError
    from rattler_build.stage0 import Stage0Recipe

    try:
        [rendered] = Stage0Recipe.from_file(ROOT / "conda" / "recipe.yaml").render()
    except RattlerBuildError as fault:
        yield f"conda/recipe.yaml: {str(fault).splitlines()[0]}"
        return
    found = rendered.recipe.to_dict()["package"]
    if found != {"name": "aam", "version": number}:
        yield f"conda/recipe.yaml: is of {found}, not of aam {number}"


def wrong(folder: Path, number: str) -> Iterator[str]:
    """Everything that is wrong with a release."""
    files = tracked()
    wheel, sdist = folder / f"aam-{number}-py3-none-any.whl", folder / f"aam-{number}.tar.gz"
    bill = folder / f"aam-{number}.cdx.json"
    others = {path.name for path in folder.iterdir()} - {wheel.name, sdist.name, bill.name, SUMS}
    yield from (f"{name}: not of this release" for name in sorted(others))
    missing = [path.name for path in (wheel, sdist, bill) if not path.exists()]
    if missing:
        yield from (f"{name}: was not built" for name in missing)
        return
    with zipfile.ZipFile(wheel) as archive:
        yield from wrong_in_wheel(set(archive.namelist()), files, number)
        yield from wrong_in_metadata(archive.read(f"aam-{number}.dist-info/METADATA").decode(), number)
    with tarfile.open(sdist) as archive_of_sources:
        yield from wrong_in_sdist(set(archive_of_sources.getnames()), files, number)
    yield from wrong_in_words(number)
    yield from wrong_in_bill(bill, number)
    yield from wrong_in_recipe(number)


def write_sums(folder: Path) -> None:
    """Write the SHA-256 of each file, as ``sha256sum --check`` reads them."""
    paths = sorted(path for path in folder.iterdir() if path.name != SUMS)
    lines = [f"{hashlib.sha256(path.read_bytes()).hexdigest()}  {path.name}\n" for path in paths]
    (folder / SUMS).write_text("".join(lines))


def main(arguments: list[str]) -> int:
    """Check the folder that is named."""
    if len(arguments) != 1:
        print("usage: python tools/release.py FOLDER", file=sys.stderr)
        return 2
    folder, number = Path(arguments[0]), version()
    found = list(wrong(folder, number))
    for line in found:
        print(line, file=sys.stderr)
    if not found:
        write_sums(folder)
        sizes = ", ".join(f"{path.name} ({path.stat().st_size / 1e6:.1f} MB)" for path in sorted(folder.iterdir()))
        print(f"Checked: {sizes}")
    return int(bool(found))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
