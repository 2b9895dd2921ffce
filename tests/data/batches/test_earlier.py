"""Earlier samples in batches: drawn as they would be themselves, each once, the same in any process."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from aam.config import SamplingOptions
from aam.data.batches.batch import Batch
from aam.data.batches.dataset import Collate, SampleDataset
from aam.data.batches.loaders import LoaderOptions, StudyDataModule
from aam.data.study.earlier import EarlierSpec, with_earlier
from aam.data.study.split import Split
from aam.data.study.study import Study
from tests.data.study_files import make_study, random_counts

SPEC = EarlierSpec(number=2, subject_column="who", time_column="day", typical=2.0)
SIZE = 9


def longitudinal() -> Study:
    """Three subjects; the last sample of the third has no time."""
    columns = {
        "who": [f"p{row // 3}" for row in range(SIZE)],
        "day": [str(row % 3 * 3) for row in range(SIZE - 1)] + [""],
    }
    study = make_study(random_counts(SIZE, 30), rarefy_depth=100, columns=columns)
    return with_earlier(study, SPEC)


def batch_of(study: Study, rows: list[int], epoch: int = 3) -> Batch:
    data = SampleDataset(study, np.array(rows), SamplingOptions(), seed=1)
    return Collate.of(study)([data[epoch, place] for place in range(len(rows))])


def reads_of(batch: Batch, index: torch.Tensor, counts: torch.Tensor) -> list[dict[int, float]]:
    """ASV of the study -> reads, of each row."""
    found = []
    for places, values in zip(index, counts, strict=True):
        there = values > 0
        found.append(dict(zip(batch.asvs_U[places[there]].tolist(), values[there].tolist(), strict=True)))
    return found


def test_an_earlier_sample_is_drawn_as_it_would_be_itself() -> None:
    study = longitudinal()
    batch = batch_of(study, [2, 8, 5, 1])
    earlier = batch.earlier
    assert earlier is not None
    past = reads_of(batch, earlier.index_ES, earlier.counts_ES)
    alone = batch_of(study, [1, 0, 4, 3])
    own = reads_of(alone, alone.index_BS, alone.counts_BS)
    assert past == own  # 1 and 0 of sample 2, 4 and 3 of sample 5; 0 of sample 1 is there already
    assert earlier.place_BK.tolist() == [[0, 1], [0, 0], [2, 3], [1, 0]]
    assert earlier.has_BK.tolist() == [[True, True], [False, False], [True, True], [True, False]]
    assert earlier.gap_BK.tolist() == [[1.5, 3.0], [0.0, 0.0], [1.5, 3.0], [1.5, 0.0]]


def test_the_samples_themselves_stay_as_they_are() -> None:
    study, rows = longitudinal(), [0, 2, 5]
    with_them, without = batch_of(study, rows), batch_of(with_earlier(study, None).take(np.arange(SIZE)), rows)
    assert reads_of(with_them, with_them.index_BS, with_them.counts_BS) == reads_of(
        without, without.index_BS, without.counts_BS
    )
    assert batch_of(study, [0, 3]).earlier is None
    assert set(without.asvs_U.tolist()) <= set(with_them.asvs_U.tolist())


@pytest.mark.parametrize("workers", [1, 2])
def test_any_number_of_processes_prepares_the_same(workers: int) -> None:
    study, nobody = longitudinal(), np.empty(0, dtype=np.int64)
    split = Split(np.arange(SIZE), nobody, nobody)
    found = []
    for number in (0, workers):
        options = LoaderOptions(batch_size=4, num_workers=number)
        found.append(
            list(StudyDataModule(study, split, Collate.of(study), SamplingOptions(), options).train_dataloader())
        )
    for one, other in zip(*found, strict=True):
        assert one.rows_B.tolist() == other.rows_B.tolist()
        assert one.earlier is not None
        assert other.earlier is not None
        for name in ("index_ES", "counts_ES", "place_BK", "gap_BK", "has_BK"):
            assert torch.equal(getattr(one.earlier, name), getattr(other.earlier, name))
