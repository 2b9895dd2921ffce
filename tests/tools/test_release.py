"""What `make release` refuses."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

import pytest

from tools import release

INFO = "aam-1.2.3.dist-info/"
WHEEL = {*release.NEEDED_IN_WHEEL, f"{INFO}METADATA", f"{INFO}entry_points.txt", f"{INFO}licenses/LICENSE"}
FILES = {*release.NEEDED_IN_WHEEL, "README.md", "tests/test_text.py"}


@pytest.mark.parametrize(
    ("more", "less", "words"),
    [
        (set(), set(), []),
        ({"tests/test_text.py"}, set(), ["wheel: holds tests/test_text.py, which is no file of aam/ that git knows"]),
        ({"aam/forgotten.py"}, set(), ["wheel: holds aam/forgotten.py, which is no file of aam/ that git knows"]),
        (set(), {f"{INFO}licenses/LICENSE"}, [f"wheel: lacks {INFO}licenses/LICENSE"]),
        (set(), {"aam/py.typed"}, ["wheel: lacks aam/py.typed"] * 2),
    ],
)
def test_members_of_a_wheel(more: set[str], less: set[str], words: list[str]) -> None:
    assert list(release.wrong_in_wheel((WHEEL | more) - less, FILES, "1.2.3")) == words


def test_members_of_an_sdist() -> None:
    names = {f"aam-1.2.3/{name}" for name in FILES | {"PKG-INFO"}}
    assert list(release.wrong_in_sdist(names, FILES, "1.2.3")) == []
    wrong = release.wrong_in_sdist((names - {"aam-1.2.3/README.md"}) | {"aam-1.2.3/.env", "other"}, FILES, "1.2.3")
    assert list(wrong) == [
        "sdist: holds other outside of aam-1.2.3/",
        "sdist: lacks README.md",
        "sdist: holds .env, which git does not know",
        "sdist: holds other, which git does not know",
    ]


def test_a_changelog_and_a_citation_of_another_version() -> None:
    assert list(release.wrong_in_words(release.version())) == []
    assert list(release.wrong_in_words("99.0.0")) == [
        "CHANGELOG.md: no heading '## [99.0.0] - YEAR-MONTH-DAY'",
        "CITATION.cff: the version is not 99.0.0",
    ]


def test_a_folder_that_lacks_parts(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    number = release.version()
    (tmp_path / "aam-0.0.1.tar.gz").touch()
    if (release.ROOT / ".git").exists():
        assert release.main([str(tmp_path)]) == 1
        told = capsys.readouterr().err.splitlines()
        assert told[0] == "aam-0.0.1.tar.gz: not of this release"
        assert f"aam-{number}.tar.gz: was not built" in told
    assert not (tmp_path / release.SUMS).exists()


def test_a_bill_must_be_cyclonedx(tmp_path: Path) -> None:
    pytest.importorskip("cyclonedx.validation.json")
    from tools import sbom

    path = tmp_path / "bill.json"
    path.write_text(json.dumps(sbom.bill()))
    assert list(release.wrong_in_bill(path, release.version())) == []
    assert list(release.wrong_in_bill(path, "99.0.0")) == ["bill.json: not of version 99.0.0"]
    path.write_text(json.dumps(sbom.bill() | {"components": [{"name": "nothing"}]}))
    assert "not CycloneDX 1.6" in next(iter(release.wrong_in_bill(path, release.version())))


def test_checksums_are_those_of_the_files(tmp_path: Path) -> None:
    (tmp_path / "b").write_bytes(b"second")
    (tmp_path / "a").write_bytes(b"first")
    release.write_sums(tmp_path)
    release.write_sums(tmp_path)
    lines = (tmp_path / release.SUMS).read_text().splitlines()
    assert lines == [
        f"{hashlib.sha256(text).hexdigest()}  {name}" for name, text in (("a", b"first"), ("b", b"second"))
    ]
