from __future__ import annotations

import torch

from aam.training.prepare import default_workers


def test_batches_are_prepared_beside_the_computation_of_a_gpu_alone() -> None:
    assert default_workers(torch.device("cpu")) == 0
    assert 1 <= default_workers(torch.device("cuda")) <= 4
