"""A configuration becomes a run with nothing left open, and the same one each time."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch

from aam.models.sequence_predictor import SequencePredictor
from tests.training.small_runs import prepare_small


def test_a_run_is_prepared_with_nothing_left_open(study: Path) -> None:
    found = prepare_small(study, batch_size=12)
    config = found.plan.config
    assert isinstance(found.model, SequencePredictor)
    assert found.frozen_vectors_AD is None
    assert config.optim.best_metric == "mae"
    assert None not in (config.optim.patience, config.optim.lr, config.optim.warmup_steps)
    assert len(found.split.train) + len(found.split.validation) == len(found.study.sample_ids)
    batches = list(found.data.train_dataloader())
    rows = np.concatenate([batch.rows_B.numpy() for batch in batches])
    assert sorted(rows) == sorted(found.split.train)
    assert max(len(batch.rows_B) for batch in batches) == 12


def test_the_same_configuration_prepares_the_same_weights(study: Path) -> None:
    one, other = prepare_small(study).model.state_dict(), prepare_small(study).model.state_dict()
    changed = prepare_small(study, seed=43).model.state_dict()
    assert all(torch.equal(one[name], other[name]) for name in one)
    assert not all(torch.equal(one[name], changed[name]) for name in one)
