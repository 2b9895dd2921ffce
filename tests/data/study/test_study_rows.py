"""Rows of a study, as scikit-learn takes them for its folds."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from sklearn.utils import _safe_indexing
from sklearn.utils.validation import check_consistent_length, indexable

from aam.config import TableOptions
from aam.data.readers.raw_table import make_raw_table
from aam.data.readers.table import read_table, table_of_counts
from aam.data.study.study import Study, TargetRequest, load_study, study_of_table
from aam.data.targets.kinds import NUMBERS
from tests.data.study_files import NUM_SAMPLES, Files, write_study


@pytest.fixture
def files(tmp_path: Path) -> Files:
    return write_study(tmp_path)


@pytest.fixture
def study(files: Files) -> Study:
    return load_study(
        files.table(), files.study(), None, TargetRequest(kind=NUMBERS, columns=("age",), weight_column="weight")
    )


def test_rows_take_all_that_belongs_to_them(study: Study) -> None:
    rows = [5, 2, 11]
    taken = study.take(rows)
    assert len(taken) == 3
    assert taken.sample_ids.tolist() == study.sample_ids[rows].tolist()
    assert taken.table.counts.toarray().tolist() == study.table.counts.toarray()[rows].tolist()
    assert taken.targets["age"].tolist() == study.targets["age"][rows].tolist()
    assert taken.keys.tolist() == study.keys[rows].tolist()
    assert taken.metadata is not None
    assert study.metadata is not None
    assert taken.metadata.column("site").tolist() == study.metadata.column("site")[rows].tolist()
    assert taken.weights is not None
    assert taken.phylogeny is not None
    assert study.phylogeny is not None
    distances = study.phylogeny.unweighted_unifrac(study.table.counts)
    np.testing.assert_allclose(taken.phylogeny.unweighted_unifrac(taken.table.counts), distances[np.ix_(rows, rows)])


def test_scikit_learn_indexes_a_study(study: Study) -> None:
    assert study.shape == (NUM_SAMPLES, study.table.counts.shape[1])
    check_consistent_length(*indexable(study, study.targets["age"]))
    half = np.arange(NUM_SAMPLES) < 6
    for key in (np.flatnonzero(half), half, slice(6), list(range(6))):
        assert _safe_indexing(study, key).sample_ids.tolist() == study.sample_ids[:6].tolist()
    assert study[-1].sample_ids.tolist() == [study.sample_ids[-1]]


def test_counts_in_memory_make_the_table_of_their_file(files: Files) -> None:
    options = TableOptions(table=(files.folder / "table.tsv",), trim_length=12)
    raw = make_raw_table(Path("X"), files.sample_ids, files.sequences, _sparse(files.counts))
    made, read = table_of_counts(raw, {}, options), read_table(options)
    assert made.sequences.tolist() == read.sequences.tolist()
    assert made.sample_ids.tolist() == read.sample_ids.tolist()
    assert made.counts.toarray().tolist() == read.counts.toarray().tolist()


def test_the_study_of_a_table_has_the_asvs_that_occur(files: Files) -> None:
    files.counts[:, 3] = 0
    raw = make_raw_table(Path("X"), files.sample_ids, files.sequences, _sparse(files.counts))
    study = study_of_table(table_of_counts(raw, {}, files.table()), "X")
    assert sorted([*study.table.sequences, files.sequences[3]]) == sorted(files.sequences)
    assert study.targets == {}
    assert study.metadata is None


def _sparse(counts: np.ndarray):  # type: ignore[no-untyped-def]
    from scipy.sparse import csr_array

    return csr_array(counts)
