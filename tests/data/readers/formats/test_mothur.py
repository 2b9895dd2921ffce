"""Tables of mothur."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from aam.config import TableOptions
from aam.data.readers.table import read_raw_table, read_table
from tests.factories import random_counts, random_sequences
from tests.foreign_files import write_count_table, write_shared

SEQUENCES = random_sequences(5)
SAMPLES = ["F3D0", "F3D1", "F3D141"]
COUNTS = random_counts(3, 5)
OTUS = [f"Otu{number:03d}" for number in range(1, 6)]


def test_a_shared_file_gives_samples_and_otus(tmp_path: Path) -> None:
    found = read_raw_table(write_shared(tmp_path / "t.shared", COUNTS, SAMPLES, OTUS))
    np.testing.assert_array_equal(found.counts.toarray(), COUNTS)
    assert (found.sample_ids, found.asv_ids, found.notes, found.layer) == (SAMPLES, OTUS, (), "0.03")


def test_one_of_several_labels_is_taken(tmp_path: Path) -> None:
    path = write_shared(tmp_path / "t.shared", COUNTS, SAMPLES, OTUS, "unique", "0.03")
    found = read_raw_table(path, "0.03")
    np.testing.assert_array_equal(found.counts.toarray(), COUNTS * 2)
    assert found.notes == ("label 0.03 of 2",)


@pytest.mark.parametrize("compressed", [False, True])
def test_both_forms_of_a_count_table_agree(tmp_path: Path, compressed: bool) -> None:
    names = [f"M00967_43_{number}" for number in range(5)]
    found = read_raw_table(write_count_table(tmp_path / "t", COUNTS, SAMPLES, names, compressed=compressed))
    np.testing.assert_array_equal(found.counts.toarray(), COUNTS)
    assert (found.sample_ids, found.asv_ids) == (SAMPLES, names)


def test_the_example_of_the_manual_is_read(tmp_path: Path) -> None:
    """Numbers of samples need not be their places: here the second column has the number 1."""
    lines = ["#Compressed Format: groupIndex,abundance. For example ...", "#2,F003D002\t1,F003D000\t"]
    lines += ["Representative_Sequence\ttotal\tF003D002\tF003D000", "C296C\t467\t1,325\t2,142", "EI480\t8\t1,8"]
    (tmp_path / "t").write_text("\n".join(lines) + "\n")
    found = read_raw_table(tmp_path / "t")
    assert dict(zip(found.sample_ids, found.counts.toarray().tolist(), strict=True)) == {
        "F003D002": [142, 0],
        "F003D000": [325, 8],
    }


def test_oturep_gives_the_sequences_of_otus(tmp_path: Path) -> None:
    """Headers of get.oturep: the sequence's name, a tab, the OTU's, its size and its groups."""
    path = write_shared(tmp_path / "t.shared", COUNTS, SAMPLES, OTUS)
    fasta = tmp_path / "rep.fasta"
    records = (f">M0_{n}\t{otu}|{n + 9}|F3D0-F3D1\n{SEQUENCES[n]}\n" for n, otu in enumerate(OTUS))
    fasta.write_text("".join(records))
    found = read_table(TableOptions(table=(path,), sequences=(fasta,)))
    assert dict(zip(found.asv_ids, found.sequences, strict=True)) == dict(zip(OTUS, SEQUENCES, strict=True))


def test_a_fasta_by_name_goes_with_a_count_table(tmp_path: Path) -> None:
    names = [f"M00967_43_{number}" for number in range(5)]
    path = write_count_table(tmp_path / "t.count_table", COUNTS, SAMPLES, names, compressed=True)
    (tmp_path / "t.fasta").write_text("".join(f">{n}\n{s}\n" for n, s in zip(names, SEQUENCES, strict=True)))
    found = read_table(TableOptions(table=(path,), sequences=(tmp_path / "t.fasta",)))
    order = np.argsort(SEQUENCES)
    np.testing.assert_array_equal(found.counts.toarray(), COUNTS[:, order])
