from __future__ import annotations

import re
import tracemalloc
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
from scipy.sparse import csr_array

from aam.config import TableOptions
from aam.data.readers.sharing import LOUD, Turning, percent, sharing_notes
from aam.data.readers.strand import SequenceSet, reverse_complement
from aam.data.readers.table import Table, read_table
from aam.files.limits import VARIABLE
from tests.factories import random_sequences, related_sequences, write_fasta, write_tsv

ASVS = random_sequences(12, length=60)
OURS = ["ACGTACGTAGGT", "CCGTACGTACGA", "GGGTACGTACTT", "TTGTACCTACGG"]
OTHERS = random_sequences(12, length=60, seed=4)


def write(path: Path, asvs: Sequence[str], counts: np.ndarray | None = None) -> Path:
    """A table of two samples, named by the file."""
    counts = np.arange(1, 2 * len(asvs) + 1).reshape(2, -1) if counts is None else counts
    return write_tsv(path, counts, [f"{path.stem}{row}" for row in range(len(counts))], list(asvs))


def merged(folder: Path, *tables: Sequence[str], **options: object) -> Table:
    """Tables a.tsv, b.tsv, ..., read together."""
    paths = [write(folder / f"{'abcdefghij'[row]}.tsv", asvs) for row, asvs in enumerate(tables)]
    return read_table(TableOptions(table=tuple(paths), **options))  # type: ignore[arg-type]


def warnings(table: Table) -> list[str]:
    return [note.removeprefix(LOUD) for note in table.notes if note.startswith(LOUD)]


def test_tables_that_agree_say_only_what_they_share(tmp_path: Path) -> None:
    table = merged(tmp_path, ASVS, ASVS[6:])
    assert table.notes == ("a.tsv and b.tsv share 6 of 12 ASVs (62.0% and 100% of their reads)",)


def test_the_other_strand(tmp_path: Path) -> None:
    turned = [reverse_complement(asv) for asv in OURS]
    table = merged(tmp_path, OURS, turned)
    assert table.notes[0] == "a.tsv and b.tsv share 0 of 8 ASVs (0% and 0% of their reads)"
    assert warnings(table) == [
        "b.tsv is on the other strand, compared with a.tsv: 4 of its 4 ASVs would be shared "
        "(100% of its reads and 100% of those of a.tsv) with --reverse-complement auto"
    ]
    auto = merged(tmp_path, OURS, turned, reverse_complement="auto")
    assert auto.sequences.tolist() == sorted(OURS)
    assert auto.notes == (
        "b.tsv: read as reverse complements, which fit a.tsv (100% of its reads are then of shared ASVs, 0% as they "
        "were)",
        "a.tsv and b.tsv share 4 of 4 ASVs (100% and 100% of their reads)",
    )
    counts = auto.counts.toarray()[:, [auto.sequences.tolist().index(asv) for asv in OURS]]
    assert counts.tolist() == [[1, 2, 3, 4], [5, 6, 7, 8]] * 2


def test_shorter_sequences(tmp_path: Path) -> None:
    short = [asv[:10] for asv in OURS]
    assert warnings(merged(tmp_path, OURS, short)) == [
        "b.tsv has sequences of 10 bases instead of 12, compared with a.tsv: 4 of its 4 ASVs would be shared "
        "(100% of its reads and 100% of those of a.tsv) with --trim-length 10"
    ]
    trimmed = merged(tmp_path, OURS, short, trim_length=10)
    assert trimmed.notes == ("a.tsv and b.tsv share 4 of 4 ASVs (100% and 100% of their reads)",)
    assert merged(tmp_path, ASVS, [asv[:45] for asv in ASVS], trim_length=50).notes[-1].endswith("--trim-length 45")


@pytest.mark.parametrize(
    ("tables", "words"),
    [
        ((ASVS, [asv[7:] for asv in ASVS]), "b.tsv begins 7 bases later, .* without the first 7 bases of a.tsv, which"),
        (([asv[1:] for asv in ASVS], ASVS), "b.tsv begins 1 base earlier, .* without the first 1 base of b.tsv, which"),
        ((ASVS, [asv[19:] for asv in ASVS]), "19 bases of a.tsv, which no option cuts; was a primer left on"),
        (([asv[5:] for asv in ASVS], [reverse_complement(asv) for asv in ASVS]), "the last 5 bases of b.tsv"),
        (
            (ASVS, [reverse_complement(asv[4:44]) for asv in ASVS]),
            "b.tsv is on the other strand, begins 4 bases later and has sequences of 40 bases instead of 60, compared "
            ".* with --reverse-complement auto --trim-length 40 and without the first 4 bases of a.tsv, which no",
        ),
        ((ASVS, OTHERS), "b.tsv has nothing in common with a.tsv on either strand: is it another region of the gene?"),
    ],
)
def test_other_starts_and_regions(tmp_path: Path, tables: tuple[list[str], list[str]], words: str) -> None:
    (warning,) = warnings(merged(tmp_path, *tables))
    assert re.search(words, warning)


def test_reads_on_both_strands(tmp_path: Path) -> None:
    words = "the reads of {} lie on both strands: orient them before ASVs are made of them"
    strangers = [reverse_complement(asv) if row % 2 else asv for row, asv in enumerate(ASVS)]
    assert warnings(merged(tmp_path, ASVS, strangers)) == [words.format("b.tsv or a.tsv")]
    ours, theirs = related_sequences(40, seed=1), related_sequences(40, seed=2)
    mixed = [reverse_complement(asv) if row % 2 else asv for row, asv in enumerate(theirs)]
    assert warnings(merged(tmp_path, ours, mixed)) == [words.format("b.tsv")]
    assert warnings(merged(tmp_path, mixed, ours, ours[:30])) == [words.format("a.tsv")]
    assert warnings(merged(tmp_path, mixed)) == [words.format("a.tsv")]
    assert merged(tmp_path, ours).notes == ()


def test_relatives_tell_what_keeps_tables_apart(tmp_path: Path) -> None:
    ours, theirs = related_sequences(40, seed=1), related_sequences(40, seed=2)
    assert warnings(merged(tmp_path, ours, theirs)) == []
    assert warnings(merged(tmp_path, ours, [reverse_complement(asv[:90]) for asv in theirs])) == [
        "b.tsv is on the other strand and has sequences of 90 bases instead of 120, compared with a.tsv: no ASV would "
        "be shared, but their sequences could be compared with --reverse-complement auto --trim-length 90"
    ]


def test_several_findings_are_summed_up(tmp_path: Path) -> None:
    turned, short = [reverse_complement(asv) for asv in ASVS], [asv[:50] for asv in ASVS]
    lines = warnings(merged(tmp_path, ASVS, turned, short, [asv[:40] for asv in ASVS]))
    assert len(lines) == 4
    assert lines[-1] == "all of these together: --reverse-complement auto --trim-length 40"
    fixed = merged(tmp_path, ASVS, turned, short, reverse_complement="auto", trim_length=50)
    assert warnings(fixed) == []
    assert len(fixed.sequences) == len(ASVS)


def test_of_many_tables_the_worst_pairs_are_told(tmp_path: Path) -> None:
    table = merged(tmp_path, *[ASVS[row : row + 5] for row in range(8)])
    pairs = [note for note in table.notes if " share " in note]
    assert pairs[0].startswith("a.tsv and f.tsv share 0 of 10 ASVs")
    assert len(pairs) == 7
    assert pairs[-1] == "22 other pairs of tables share as much or more"


def test_files_of_one_name_are_told_by_their_folders(tmp_path: Path) -> None:
    for name in ("gut", "skin"):
        (tmp_path / name).mkdir()
    counts = np.array([[1] * 12])
    paths = [write_tsv(tmp_path / name / "t.tsv", counts, [name], ASVS) for name in ("gut", "skin")]
    assert read_table(TableOptions(table=tuple(paths))).notes == (
        "gut/t and skin/t share 12 of 12 ASVs (100% and 100% of their reads)",
    )


def test_all_tables_are_turned_where_yes_is_said(tmp_path: Path) -> None:
    turned = [reverse_complement(asv) for asv in ASVS]
    table = merged(tmp_path, turned, turned[:5], reverse_complement="yes")
    assert table.sequences.tolist() == sorted(ASVS)
    assert set(table.asv_ids) == set(turned)
    assert table.notes[0] == "a.tsv: 12 ASVs read as reverse complements (--reverse-complement yes)"


def test_hashed_ids_are_turned_and_then_trimmed(tmp_path: Path) -> None:
    turned = {f"h{row}": reverse_complement(asv) for row, asv in enumerate(ASVS)}
    first = write(tmp_path / "a.tsv", [asv[:40] for asv in ASVS])
    second = write(tmp_path / "b.tsv", list(turned))
    fasta = write_fasta(tmp_path / "s.fasta", turned)
    options = TableOptions(table=(first, second), sequences=(fasta,), reverse_complement="auto", trim_length=30)
    table = read_table(options)
    assert table.sequences.tolist() == sorted(asv[:30] for asv in ASVS)
    assert set(table.asv_ids) == {asv[:40] for asv in ASVS}
    assert "a.tsv and b.tsv share 12 of 12 ASVs (100% and 100% of their reads)" in table.notes


def test_auto_with_a_single_table(tmp_path: Path) -> None:
    path = write(tmp_path / "a.tsv", [reverse_complement(asv) for asv in ASVS])
    alone = TableOptions(table=(path,), reverse_complement="auto")
    assert read_table(alone).notes == ("a.tsv: nothing to compare the only table with (--reverse-complement auto)",)
    table = read_table(alone, SequenceSet.of(ASVS))
    assert table.sequences.tolist() == sorted(ASVS)
    assert table.notes[0].startswith("a.tsv: read as reverse complements, which fit the model (100% of its reads")


def test_ambiguous_letters_are_turned(tmp_path: Path) -> None:
    path = write(tmp_path / "a.tsv", ["AACCGGTTAACCGGTTAACCGGTTAAR"])
    assert read_table(TableOptions(table=(path,), reverse_complement="yes")).sequences == [
        "NTTAACCGGTTAACCGGTTAACCGGTT"
    ]


def test_sequences_of_no_asv_are_not_compared(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(VARIABLE, "sequence_bases=50")
    turning = Turning("auto", SequenceSet.of(ASVS))
    counts = csr_array(np.ones((1, 2), dtype=np.int64))
    assert turning.apply(Path("t"), ["ACGT", "A" * 60], counts) == (["ACGT", "A" * 60], [])


def test_names_without_dna_are_counted() -> None:
    counts = csr_array(np.array([[1, 1, 0], [0, 1, 3]]))
    names = np.array(["g__A", "g__B", "g__C"], dtype=object)
    notes = sharing_notes(counts, np.array(["x", "y"], dtype=object), names, {"x": "x.tsv", "y": "y.tsv"})
    assert notes == ["x.tsv and y.tsv share 1 of 3 ASVs (50.0% and 25.0% of their reads)"]


def test_percentages_are_exact_at_their_ends() -> None:
    assert [percent(part) for part in (0, 1e-9, 0.0012, 0.5, 1 - 1e-9, 1)] == [
        "0%", "< 0.1%", "0.1%", "50.0%", "> 99.9%", "100%",
    ]  # fmt: skip


def test_a_large_table_is_not_copied_to_be_compared() -> None:
    """The places of the counts, which lie on the disk, stay there."""
    number, each, rng = 6_000, 100, np.random.default_rng(0)
    places = np.sort(rng.integers(len(ASVS), size=(number, 1)) + np.zeros((1, each)), axis=1).astype(np.int32).ravel()
    counts = csr_array((np.ones(number * each, dtype=np.int64), places, np.arange(number + 1, dtype=np.int32) * each))
    studies = np.repeat(np.array(["a", "b"], dtype=object), number // 2)
    tracemalloc.start()
    try:
        notes = sharing_notes(counts, studies, np.array(ASVS, dtype=object), {"a": "a", "b": "b"})
        assert tracemalloc.get_traced_memory()[1] < places.nbytes
    finally:
        tracemalloc.stop()
    assert "share 12 of 12 ASVs" in notes[0]
