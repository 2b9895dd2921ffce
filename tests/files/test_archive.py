"""What a good archive gives; the many ways to be a bad one are in tests/badinputs."""

from __future__ import annotations

from pathlib import Path

import pytest

from aam.errors import InputError
from aam.files.archive import is_archive, read_content, read_member
from tests.factories import UUID, qza_members, write_qza, write_zip

KIND = "FeatureData[Taxonomy]"
CONTENT = b"Feature ID\tTaxon\nACGT\td__Bacteria\n"


def test_the_data_file_of_an_archive(tmp_path: Path) -> None:
    path = write_qza(tmp_path / "a.qza", KIND, CONTENT)
    assert is_archive(path)
    assert read_member(path, (KIND,), (".tsv",)) == CONTENT
    assert read_member(path, ("Other", KIND), (".txt", ".tsv")) == CONTENT
    assert [p.name for p in tmp_path.iterdir()] == ["a.qza"], "nothing is extracted"


def test_a_plain_file_and_an_archive_give_the_same(tmp_path: Path) -> None:
    plain = tmp_path / "a.tsv"
    plain.write_bytes(CONTENT)
    packed = write_qza(tmp_path / "a.qza", KIND, CONTENT)
    assert not is_archive(plain)
    assert read_content(plain, (KIND,), (".tsv",)) == read_content(packed, (KIND,), (".tsv",)) == CONTENT


def test_the_name_of_the_file_does_not_matter(tmp_path: Path) -> None:
    path = write_qza(tmp_path / "taxonomy.txt", KIND, CONTENT)
    assert read_content(path, (KIND,), (".tsv",)) == CONTENT


@pytest.mark.parametrize("written", [KIND, f"'{KIND}'", f'"{KIND}"', f"{KIND} % Properties('x')"])
def test_ways_to_write_the_type(tmp_path: Path, written: str) -> None:
    members = qza_members(KIND, CONTENT)
    members[f"{UUID}/metadata.yaml"] = f"uuid: {UUID}\r\ntype:   {written}\nformat: X\n".replace("\r", "").encode()
    del members[f"{UUID}/checksums.md5"]
    assert read_member(write_zip(tmp_path / "a.qza", members), (KIND,), (".tsv",)) == CONTENT


def test_an_old_archive_and_one_with_provenance(tmp_path: Path) -> None:
    members = qza_members(KIND, CONTENT)
    del members[f"{UUID}/checksums.md5"]
    members[f"{UUID}/provenance/metadata.yaml"] = b"type: Other\n"
    members[f"{UUID}/provenance/data/other.tsv"] = b"not this"
    assert read_member(write_zip(tmp_path / "a.qza", members), (KIND,), (".tsv",)) == CONTENT


def test_another_type_is_named(tmp_path: Path) -> None:
    path = write_qza(tmp_path / "a.qza", KIND, CONTENT)
    with pytest.raises(InputError, match=r"holds FeatureData\[Taxonomy\], a DistanceMatrix is needed"):
        read_member(path, ("DistanceMatrix",), (".tsv",))
    with pytest.raises(InputError, match="one of A, B is needed"):
        read_member(path, ("A", "B"), (".tsv",))


def test_a_changed_byte_is_found(tmp_path: Path) -> None:
    members = qza_members(KIND, CONTENT)
    members[f"{UUID}/data/taxonomy.tsv"] = CONTENT.replace(b"ACGT", b"ACGA")
    with pytest.raises(InputError, match=r"checksum of taxonomy\.tsv differs"):
        read_member(write_zip(tmp_path / "a.qza", members), (KIND,), (".tsv",))
