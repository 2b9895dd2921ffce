from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from aam.config import StudyOptions, TableOptions
from aam.data.readers.feature_ids import are_sequences, hash_name, is_taxon, resolve, transposed
from aam.data.readers.table import read_cached_table, read_table
from aam.data.study.study import load_study
from aam.errors import InputError
from tests.factories import random_sequences, write_biom, write_tsv

TABLE = Path("t.biom")
TAXA = ["k__Bacteria;p__Firmicutes;g__G0", "k__Bacteria;p__Firmicutes;g__\u00e9", "Unassigned"]
COUNTS = np.array([[1, 2, 4], [0, 3, 0]])


def test_ids_are_looked_up_or_are_the_sequences() -> None:
    sequences, notes = resolve(TABLE, ["hash", "acgu", "GGGG"], {"hash": "TTTT"})
    assert sequences == ["TTTT", "ACGT", "GGGG"]
    assert notes == ["1 ASV in lower case or with U, read as upper case and T"]


def test_what_an_id_looks_like() -> None:
    assert [hash_name(text) for text in ("0" * 32, "a" * 40, "f" * 64, "g" * 32, "0" * 31)] == [
        "md5",
        "sha1",
        "sha256",
        "",
        "",
    ]
    taxa = ("k__Bacteria", "d__Bacteria;__;__", "Bacteria;Firmicutes", "k__Bacteria|p__Firmicutes")
    assert all(map(is_taxon, taxa))
    assert not any(map(is_taxon, ("OTU7;size=12;", "4479946", "sample_1__b", "ACGTACGTACGT")))
    assert are_sequences(["ACGTACGTAC", "acguacguacgn"])
    assert not are_sequences(["A", "B", "C", "D"])


def test_dna_that_a_fasta_contradicts() -> None:
    own = ["ACGTACGTAAAA", "acguacguacgu", "CCCCCCCCCCCC"]
    said = {own[0]: "TTTTACGTACGT", own[1]: "ACGTACGTACGT", own[2]: "CCCCCCCCCCCC"}
    with pytest.raises(InputError, match=r"1 of 3 ASV ids are DNA, but .* 'ACGTACGTAAAA' has its reverse complement"):
        resolve(TABLE, own, said)
    own[0] = "ACGT" * 30 + "A"
    with pytest.raises(InputError, match=r"'ACGTACGTACGTACGTACGTA...' has another from base 121 on"):
        resolve(TABLE, own, {**said, own[0]: "ACGT" * 30 + "C"})
    assert resolve(TABLE, own[1:], said)[0] == ["ACGTACGTACGT", "CCCCCCCCCCCC"]


def test_columns_that_are_features() -> None:
    hashes = [f"{number:032x}" for number in range(3)]
    for columns in (hashes, TAXA[:2], random_sequences(3)):
        assert transposed(TABLE, columns, ["s1", "s2"]) is not None
        assert transposed(TABLE, ["s1", "s2"], columns) is None
    assert transposed(TABLE, ["a", "b", "c"], ["s1", "s2"], ["a", "b", "z"]) is not None
    assert transposed(TABLE, ["a", "b", "c"], ["s1", "s2"]) is None
    # samples may be named by hashes, too, beside rows that are ASVs
    assert transposed(TABLE, hashes, random_sequences(2)) is None


def test_names_instead_of_dna(tmp_path: Path) -> None:
    options = TableOptions(table=(write_biom(tmp_path / "t.biom", COUNTS, ["a", "b"], TAXA),))
    with pytest.raises(InputError, match="give the table before it was collapsed"):
        read_table(options)
    table = read_table(options, needs_dna=False)
    assert not table.has_dna
    assert table.sequences.tolist() == table.asv_ids.tolist() == sorted(TAXA)
    assert table.counts.toarray().tolist() == COUNTS[:, np.argsort(TAXA)].tolist()
    assert table.notes == (f"t.biom: the ASV ids are not DNA and are taken as names (first: {TAXA[0][:21]}...)",)
    assert read_cached_table(options, needs_dna=False).sequences.tolist() == sorted(TAXA)
    study = load_study(options, StudyOptions(), None, None, needs_dna=False)
    assert not study.has_dna
    assert [bytes(row).rstrip(b"\0").decode() for row in study.tokens] == sorted(TAXA)


def test_dna_is_dna_for_those_who_do_not_need_it(tmp_path: Path) -> None:
    options = TableOptions(table=(write_biom(tmp_path / "t.biom", COUNTS, ["a", "b"], random_sequences(3)),))
    assert read_table(options, needs_dna=False).has_dna
    short = TableOptions(table=(write_tsv(tmp_path / "s.tsv", COUNTS, ["a", "b"], ["A", "C", "G"]),))
    assert not read_table(short, needs_dna=False).has_dna


def test_tables_of_names_are_merged_by_name(tmp_path: Path) -> None:
    one = write_tsv(tmp_path / "one.tsv", COUNTS, ["a", "b"], ["x", "y", "z"])
    two = write_tsv(tmp_path / "two.tsv", COUNTS[:1, :2], ["c"], ["z", "w"])
    table = read_table(TableOptions(table=(one, two)), needs_dna=False)
    assert table.sequences.tolist() == ["w", "x", "y", "z"]
    assert table.counts.toarray().tolist() == [[0, 1, 2, 4], [0, 0, 3, 0], [2, 0, 0, 1]]
    dna = write_tsv(tmp_path / "dna.tsv", COUNTS, ["d", "e"], random_sequences(3))
    with pytest.raises(InputError, match=r"one.tsv: the ASV ids are not DNA \(first: x\), those of dna.tsv are"):
        read_table(TableOptions(table=(dna, one)), needs_dna=False)


@pytest.mark.parametrize("option", ["trim_length", "max_bp"])
def test_names_cannot_be_cut(tmp_path: Path, option: str) -> None:
    path = write_tsv(tmp_path / "t.tsv", COUNTS, ["a", "b"], ["x", "y", "z"])
    with pytest.raises(InputError, match=f"leave out --{option.replace('_', '-')}"):
        read_table(TableOptions(table=(path,), **{option: 20}), needs_dna=False)
