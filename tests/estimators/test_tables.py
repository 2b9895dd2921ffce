from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from scipy.sparse import csr_array, csr_matrix

from aam.config import TableOptions
from aam.errors import InputError
from aam.estimators.tables import study_of_array, study_of_frame
from tests.factories import random_sequences

OPTIONS = TableOptions(table=(Path("X"),))
SEQUENCES = random_sequences(3)


@pytest.mark.parametrize("kind", [np.uint8, np.int64, np.float32])
@pytest.mark.parametrize("make", [csr_array, csr_matrix])
def test_entries_of_one_place_are_summed(kind: type, make: type) -> None:
    values = np.array([200, 1, 100, 3, 4], dtype=kind)
    given = make((values, [1, 0, 1, 2, 2], [0, 3, 5]), shape=(2, 3))
    before = given.toarray().tolist()
    study = study_of_array(given, SEQUENCES, OPTIONS)
    order = np.argsort(SEQUENCES)
    expected = np.array([[1, 300, 0], [0, 0, 7]])[:, order]
    assert study.table.counts.toarray().tolist() == expected.tolist()
    assert given.toarray().tolist() == before
    plain = study_of_array(np.array([[1, 300, 0], [0, 0, 7]]), SEQUENCES, OPTIONS)
    assert study.sample_ids.tolist() == plain.sample_ids.tolist()


@pytest.mark.parametrize("asvs", [SEQUENCES, [f"{number:032x}" for number in range(3)]])
def test_a_transposed_frame(asvs: list[str]) -> None:
    frame = pd.DataFrame(np.ones((2, 3), dtype=int), index=["s1", "s2"], columns=asvs).T
    sequences = None if asvs is SEQUENCES else dict(zip(asvs, SEQUENCES, strict=True))
    with pytest.raises(InputError, match=r"X: sample ids look like .*: the table seems transposed"):
        study_of_frame(frame, frame.to_numpy(), sequences, OPTIONS)
