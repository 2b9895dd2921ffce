"""How a mixture of experts is used, measured on the validation samples.

Legend of shapes: ``B`` samples, ``N`` experts.
"""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from aam.training.distributed.collectives import sum_over_processes


class ExpertUsage:
    """The mean weight of each expert, and how many of them serve a sample.

    Parameters
    ----------
    number
        Experts ``N``.
    """

    def __init__(self, number: int) -> None:
        self.number = number
        self.reset()

    def reset(self) -> None:
        """Forget what was fed."""
        self.sums = np.zeros(self.number + 2)

    def update(self, gate_BN: Tensor) -> None:
        """Feed the weights of a batch's samples."""
        gate_BN = gate_BN.detach().double().cpu()
        serving_B = torch.special.entr(gate_BN).sum(dim=1).exp()
        self.sums += np.concatenate([gate_BN.sum(dim=0).numpy(), [float(serving_B.sum()), len(gate_BN)]])

    def compute(self) -> dict[str, float]:
        """Mean weights (``expert_1``, ...), and ``experts_per_sample``: the mean of the exponential of the entropy.

        That number is 1 where each sample has an expert of its own, and ``N`` where all serve every sample alike.
        """
        sums = sum_over_processes(torch.from_numpy(self.sums.copy())).numpy()
        names = [*(f"expert_{place}" for place in range(1, self.number + 1)), "experts_per_sample"]
        with np.errstate(invalid="ignore", divide="ignore"):
            return dict(zip(names, (sums[:-1] / sums[-1]).tolist(), strict=True))
