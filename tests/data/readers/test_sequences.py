from __future__ import annotations

from pathlib import Path

import pytest

from aam.data.readers.sequences import finish, is_dna, read_sequences
from aam.errors import InputError
from tests.factories import write_qza

TABLE = Path("t.biom")


def test_fasta_is_read_over_lines_and_files(tmp_path: Path) -> None:
    plain = tmp_path / "a.fasta"
    plain.write_text(">a first\nacgu\nRYac\n\n>b\r\nTTTT\r\n")
    archive = write_qza(tmp_path / "b.qza", "FeatureData[Sequence]", b">b\nTTTT\n>c\nGGGG\n")
    assert read_sequences([plain, archive]) == {"a": "ACGTRYAC", "b": "TTTT", "c": "GGGG"}


def test_sequences_are_cut_and_ambiguous_letters_are_n() -> None:
    long = "ACGTA" * 8
    sequences, notes = finish(TABLE, [long + "R", "ACGTACGTACGT", f"{long[:-1]}R"], trim_length=40, max_bp=None)
    assert sequences == [long, "ACGTACGTACGT", f"{long[:-1]}N"]
    assert notes == [
        "1 ASV shorter than --trim-length 40 stay as they are",
        "1 ASV with ambiguous bases (1 in all), read as N",
    ]
    assert not any(is_dna([letter]) for letter in "LEFPQ-. ")


def test_all_problems_of_sequences_are_listed_at_once() -> None:
    with pytest.raises(InputError) as caught:
        finish(TABLE, ["A", "ACGTACGTACGTACGT", "ACGTRYSWACGT"], trim_length=None, max_bp=12)
    assert len(caught.value.problems) == 3
