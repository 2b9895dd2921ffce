from __future__ import annotations

import subprocess
import sys
import time
from pathlib import Path

import h5py
import numpy as np
import pytest
from scipy.sparse import csr_array, random_array

from aam.config import TableOptions
from aam.data.readers.table import Table, read_table, study_names
from aam.errors import InputError
from tests.factories import TABLE_WRITERS, random_counts, random_sequences, write_biom, write_fasta, write_tsv

ROOT = Path(__file__).resolve().parents[2]
REAL = ROOT.parent / "shared" / "data"
SAMPLES = ["s1", "0012", "1E5", "NA", "10.10"]
SEQUENCES = random_sequences(8)
COUNTS = random_counts(len(SAMPLES), len(SEQUENCES))


def read(*paths: Path, **options: object) -> Table:
    return read_table(TableOptions(table=paths, **options))


def dense(table: Table) -> dict[str, dict[str, int]]:
    """Sample id -> sequence -> count, zeros left out."""
    rows = table.counts.toarray()
    return {
        sample: {s: int(n) for s, n in zip(table.sequences, row, strict=True) if n}
        for sample, row in zip(table.sample_ids, rows, strict=True)
    }


@pytest.mark.parametrize("kind", TABLE_WRITERS)
def test_every_format_gives_the_same_table(tmp_path: Path, kind: str) -> None:
    path = TABLE_WRITERS[kind](tmp_path / "gut.table", COUNTS, SAMPLES, SEQUENCES)
    table = read(path)
    order = np.argsort(SEQUENCES)
    assert table.sample_ids.tolist() == SAMPLES
    assert table.sequences.tolist() == table.asv_ids.tolist() == sorted(SEQUENCES)
    assert table.studies.tolist() == ["gut"] * len(SAMPLES)
    assert table.notes == ()
    assert isinstance(table.counts, csr_array)
    assert table.counts.dtype == np.int64
    assert table.counts.toarray().tolist() == COUNTS[:, order].tolist()
    assert table.counts.has_canonical_format
    assert table.counts.data.min() > 0


def test_select(tmp_path: Path) -> None:
    table = read(write_biom(tmp_path / "t.biom", COUNTS, SAMPLES, SEQUENCES))
    chosen = table.select([3, 0])
    assert chosen.sample_ids.tolist() == ["NA", "s1"]
    assert chosen.studies.tolist() == ["t", "t"]
    assert chosen.counts.toarray().tolist() == table.counts.toarray()[[3, 0]].tolist()
    assert chosen.sequences is table.sequences


def test_tables_are_merged_by_sequence(tmp_path: Path) -> None:
    first = write_biom(tmp_path / "a.biom", COUNTS[:3], SAMPLES[:3], SEQUENCES)
    other = list(reversed(SEQUENCES[2:])) + random_sequences(2, seed=9)
    counts = random_counts(2, len(other), seed=4)
    second = write_tsv(tmp_path / "b.tsv", counts, SAMPLES[3:], other)
    table = read(first, second)
    expected = {
        name: {s: int(n) for s, n in zip(columns, row, strict=True) if n}
        for columns, rows, names in ((SEQUENCES, COUNTS[:3], SAMPLES[:3]), (other, counts, SAMPLES[3:]))
        for name, row in zip(names, rows, strict=True)
    }
    assert dense(table) == expected
    assert table.sequences.tolist() == sorted({*SEQUENCES, *other})
    assert table.studies.tolist() == ["a"] * 3 + ["b"] * 2
    assert table.counts.has_canonical_format


def test_a_sample_in_two_tables_is_refused(tmp_path: Path) -> None:
    first = write_biom(tmp_path / "a.biom", COUNTS, SAMPLES, SEQUENCES)
    second = write_biom(tmp_path / "b.biom", COUNTS[:2], SAMPLES[:2], SEQUENCES)
    with pytest.raises(InputError, match=r"b.biom: 2 samples also in a.biom \(first: s1\); rename them"):
        read(first, second)


def test_names_of_tables() -> None:
    assert study_names([Path("x/gut.biom"), Path("y/soil.biom")]) == ["gut", "soil"]
    assert study_names([Path("/x/gut/table.biom"), Path("/x/soil/table.qza")]) == ["gut/table", "soil/table"]
    same = [Path("/x/a/table.biom"), Path("/y/a/table.biom")]
    assert study_names(same) == [str(path) for path in same]


def test_trimming_sums_what_becomes_equal(tmp_path: Path) -> None:
    sequences = ["ACGTACGTACGG", "ACGTACGTACTT", "ACGTACGTAC", "TTTTTTTTTTTTT"]
    counts = np.array([[1, 2, 4, 8], [0, 3, 0, 1]])
    path = write_biom(tmp_path / "t.biom", counts, ["s1", "s2"], sequences)
    table = read(path, trim_length=10)
    assert dense(table) == {"s1": {"ACGTACGTAC": 7, "TTTTTTTTTT": 8}, "s2": {"ACGTACGTAC": 3, "TTTTTTTTTT": 1}}
    assert table.asv_ids.tolist() == ["ACGTACGTACGG", "TTTTTTTTTTTTT"]
    assert table.notes == ("t.biom: 2 ASVs summed with others of the same sequence",)
    longer = read(path, trim_length=12)
    assert longer.counts.shape == (2, 4)
    assert longer.notes == ("t.biom: 1 ASV shorter than --trim-length 12 stay as they are",)


@pytest.mark.parametrize("packed", [False, True])
def test_hashes_with_sequences(tmp_path: Path, packed: bool) -> None:
    hashes = [f"{i:032x}" for i in range(len(SEQUENCES))]
    plain = read(write_biom(tmp_path / "plain.biom", COUNTS, SAMPLES, SEQUENCES))
    path = write_biom(tmp_path / "t.biom", COUNTS, SAMPLES, hashes)
    known = dict(zip(hashes, (s.lower() for s in SEQUENCES), strict=True)) | {"not in the table": "ACGT"}
    fasta = write_fasta(tmp_path / "seqs.fasta", {name.replace(" ", "_"): s for name, s in known.items()})
    if packed:
        from tests.factories import write_qza

        fasta = write_qza(tmp_path / "seqs.qza", "FeatureData[Sequence]", fasta.read_bytes())
    table = read(path, sequences=(fasta,))
    assert table.sequences.tolist() == plain.sequences.tolist()
    assert (table.counts != plain.counts).nnz == 0
    assert [SEQUENCES[int(name, 16)] for name in table.asv_ids] == table.sequences.tolist()


def test_hashes_and_dna_merge_and_equal_sequences_add_up(tmp_path: Path) -> None:
    one = write_biom(tmp_path / "one.biom", np.array([[1, 2, 4]]), ["a"], ["h1", "h2", "h3"])
    two = write_biom(tmp_path / "two.biom", np.array([[5, 6]]), ["b"], SEQUENCES[:2])
    known = {"h1": SEQUENCES[0], "h2": SEQUENCES[0], "h3": SEQUENCES[2]}
    table = read(one, two, sequences=(write_fasta(tmp_path / "s.fasta", known),))
    assert dense(table) == {
        "a": {SEQUENCES[0]: 3, SEQUENCES[2]: 4},
        "b": {SEQUENCES[0]: 5, SEQUENCES[1]: 6},
    }
    ids = dict(zip(table.sequences, table.asv_ids, strict=True))
    assert ids == {SEQUENCES[0]: "h1", SEQUENCES[1]: SEQUENCES[1], SEQUENCES[2]: "h3"}
    assert table.notes == (
        "one.biom: 1 ASV summed with others of the same sequence",
        "one.biom and two.biom share 1 of 3 ASVs (42.9% and 45.5% of their reads)",
    )


def test_what_is_said_but_no_error(tmp_path: Path) -> None:
    counts = np.array([[1, 0], [0, 0], [2, 3], [0, 0]])
    sequences = ["acgtacgtacgtacgtacgtu", "ACGTACGTACGTACGTACGTRACGTACGTACGTACGTACGTY"]
    table = read(write_biom(tmp_path / "t.biom", counts, ["a", "b", "c", "d"], sequences))
    assert table.sequences.tolist() == ["ACGTACGTACGTACGTACGTNACGTACGTACGTACGTACGTN", "ACGTACGTACGTACGTACGTT"]
    assert table.asv_ids.tolist() == [sequences[1], sequences[0]]
    assert dense(table) == {"a": {table.sequences[1]: 1}, "c": {table.sequences[0]: 3, table.sequences[1]: 2}}
    assert table.notes == (
        "t.biom: 1 ASV in lower case or with U, read as upper case and T",
        "t.biom: 1 ASV with ambiguous bases (2 in all), read as N",
        "t.biom: 2 samples have no reads and are left out: b, d",
    )


def test_ambiguous_sequences_that_become_equal_are_summed(tmp_path: Path) -> None:
    sequences = [f"ACGTACGTACGTACGTACGT{letter}" for letter in "RYA"]
    table = read(write_biom(tmp_path / "t.biom", np.array([[1, 2, 4]]), ["a"], sequences))
    assert dense(table) == {"a": {"ACGTACGTACGTACGTACGTN": 3, "ACGTACGTACGTACGTACGTA": 4}}


def test_the_order_of_the_file_does_not_matter(tmp_path: Path) -> None:
    rng = np.random.default_rng(3)
    columns = rng.permutation(len(SEQUENCES))
    one = read(write_biom(tmp_path / "a.biom", COUNTS, SAMPLES, SEQUENCES))
    two = read(write_biom(tmp_path / "b.biom", COUNTS[:, columns], SAMPLES, [SEQUENCES[i] for i in columns]))
    assert one.sequences.tolist() == two.sequences.tolist()
    assert (one.counts != two.counts).nnz == 0
    for part in ("data", "indices", "indptr"):
        assert getattr(one.counts, part).tolist() == getattr(two.counts, part).tolist()


def test_reading_does_not_import_what_is_slow_to_start() -> None:
    readers = ", ".join(f"aam.data.readers.{name}" for name in ("table", "metadata", "distance_matrix", "taxonomy"))
    program = f"import {readers}, sys; print(*sys.modules)"
    run = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True, cwd=ROOT)
    assert {"pandas", "biom", "torch", "skbio", "matplotlib"}.isdisjoint(run.stdout.split())


@pytest.mark.slow
@pytest.mark.skipif(not REAL.exists(), reason="the real studies are not here")
def test_real_tables_are_those_of_the_biom_library() -> None:
    import biom

    paths = sorted(REAL.glob("*/table.biom"))
    assert paths
    for path in paths:
        table, truth = read(path), biom.load_table(str(path))
        order = np.argsort(truth.ids("observation"))
        assert table.sample_ids.tolist() == truth.ids().tolist()
        assert table.sequences.tolist() == truth.ids("observation")[order].tolist()
        assert (csr_array(truth.matrix_data.T.tocsr()[:, order]) != table.counts).nnz == 0
    merged = read(*paths)
    assert merged.counts.sum() == sum(read(path).counts.sum() for path in paths)
    assert set(merged.studies) == {f"{path.parent.name}/table" for path in paths}


@pytest.mark.slow
def test_a_large_table_is_read_in_time(tmp_path: Path) -> None:
    num_samples, num_asvs, num_values = 5_000, 100_000, 10_000_000
    matrix = random_array((num_samples, num_asvs), density=num_values / num_samples / num_asvs, format="csr", rng=0)
    sequences = ["".join("ACGT"[(i * 7919 % num_asvs >> 2 * b) & 3] for b in range(75)) for i in range(num_asvs)]
    with h5py.File(tmp_path / "t.biom", "w") as file:
        file.attrs["shape"] = (num_asvs, num_samples)
        file["observation/ids"] = np.array(sequences, dtype="S")
        file["sample/ids"] = np.array([f"s{i}" for i in range(num_samples)], dtype="S")
        file["sample/matrix/data"] = np.ceil(matrix.data * 100)
        file["sample/matrix/indices"], file["sample/matrix/indptr"] = matrix.indices, matrix.indptr
    start = time.monotonic()
    table = read(tmp_path / "t.biom")
    assert time.monotonic() - start < 30
    assert table.counts.nnz == matrix.nnz
