"""Metadata as other programs write them."""

from __future__ import annotations

import gzip
from pathlib import Path

import pytest

from aam.data.readers.metadata import Metadata, read_metadata
from tests.factories import write_qza

HEADER_LESS = "the header has one cell less than the rows, as R writes it: the first column is taken as the sample ids"
NO_NAME = "the first column has no name: it is taken as the sample ids"


def read(folder: Path, content: str | bytes) -> Metadata:
    path = folder / "m.tsv"
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return read_metadata(path)


@pytest.mark.parametrize(
    ("content", "notes"),
    [
        ('"sample-id"\t"age"\t"site"\n"s1"\t"3"\t"gut"\n"s2"\tNA\t"skin"\n', ()),
        ('"sample-id\tage\tsite"\n"s1\t3\tgut"\ns2\tNA\tskin\n', ()),
        ('"age"\t"site"\n"s1"\t3\t"gut"\n"s2"\tNA\t"skin"\n', (HEADER_LESS,)),
        ('""\t"age"\t"site"\n"s1"\t3\t"gut"\n"s2"\tNA\t"skin"\n', (NO_NAME,)),
        ('\ufeff"#SampleID"\tage\tsite\t\t\ns1\t3\tgut\t\t\ns2\tNA\tskin\t\t\n', ()),
        ("\ufeffsample-id\tage\tsite\r\ns1\t3\tgut\r\ns2\tNA\tskin\r\n", ()),
        ("#SampleID\tage\tsite\t\n#q2:types\tnumeric\tcategorical\t\ns1\t3\tgut\t\ns2\tNA\tskin\t\n", ()),
        ("age\tsite\n#q2:types\tnumeric\tcategorical\ns1\t3\tgut\ns2\tNA\tskin\n", (HEADER_LESS,)),
    ],
)
def test_layouts_of_other_programs(tmp_path: Path, content: str, notes: tuple[str, ...]) -> None:
    found = read(tmp_path, content)
    assert found.sample_ids.tolist() == ["s1", "s2"]
    assert {name: list(cells) for name, cells in found.columns.items()} == {"age": ["3", "NA"], "site": ["gut", "skin"]}
    assert found.notes == notes


def test_gzipped_metadata(tmp_path: Path) -> None:
    found = read(tmp_path, gzip.compress(b"\xef\xbb\xbfsample-id\tage\ns1\t3\ns2\tNA\n"))
    assert found.numeric("age").tolist() == pytest.approx([3, float("nan")], nan_ok=True)


@pytest.mark.parametrize(
    ("kind", "member", "content"),
    [
        ("SampleData[AlphaDiversity]", "alpha-diversity.tsv", "\tshannon\ns1\t3.5\ns2\t2.25\n"),
        (
            "SampleData[AlphaDiversity] % Properties('phylogenetic')",
            "alpha-diversity.tsv",
            "\tshannon\ns1\t3.5\ns2\t2.25\n",
        ),
        ("ImmutableMetadata", "metadata.tsv", "id\tshannon\n#q2:types\tnumeric\ns1\t3.5\ns2\t2.25\n"),
        ("SampleData[RegressorPredictions]", "predictions.tsv", "SampleID\tshannon\ns1\t3.5\ns2\t2.25\n"),
        ("SampleData[DADA2Stats]", "stats.tsv", "sample-id\tshannon\n#q2:types\tnumeric\ns1\t3.5\ns2\t2.25\n"),
    ],
)
def test_artifacts_are_metadata(tmp_path: Path, kind: str, member: str, content: str) -> None:
    found = read_metadata(write_qza(tmp_path / "m.qza", kind, content.encode(), member))
    assert found.sample_ids.tolist() == ["s1", "s2"]
    assert found.numeric("shannon").tolist() == [3.5, 2.25]
    assert found.notes == ()
