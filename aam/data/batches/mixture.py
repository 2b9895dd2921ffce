"""What is known of the samples of a batch beside their reads, and of mixtures of two of them.

Legend: ``N`` samples of the study, ``B`` of the batch, ``T`` numbers, ``C`` classes.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from aam.data.batches.sample import Sample
from aam.data.study.covariates import Covariates


@dataclass(frozen=True)
class Mixture:
    """How the targets of two samples are mixed.

    Attributes
    ----------
    num_classes
        Classes, whose shares are then given for each sample; 0 for numbers, of which the weighted mean is taken (a
        number that either sample lacks is missing).
    """

    num_classes: int = 0

    def targets(self, target_NT: np.ndarray, both_2B: np.ndarray, share_B: np.ndarray) -> np.ndarray:
        """The targets of mixtures (float32): ``B x T`` numbers, or shares of the classes, ``B x C``."""
        if not self.num_classes:
            return mean(target_NT, both_2B, share_B)
        of_class_2BC = np.eye(self.num_classes, dtype=np.float32)[target_NT[:, 0][both_2B]]
        return np.asarray(share_B[:, None] * of_class_2BC[0] + (1 - share_B[:, None]) * of_class_2BC[1])


def mean(values: np.ndarray, both_2B: np.ndarray, share_B: np.ndarray) -> np.ndarray:
    """The mean of the values of two samples each, weighted by the share of the first."""
    share = share_B.reshape(-1, *(1,) * (values.ndim - 1))
    first, second = values[both_2B]
    is_whole = share == 1  # what the second lacks is not missing from a sample that is not mixed
    return np.where(is_whole, first, share * first + (1 - share) * second).astype(values.dtype)


@dataclass(frozen=True)
class Known:
    """Targets, weights and covariates of all samples of a study, where there are any."""

    target_NT: np.ndarray | None
    weight_N: np.ndarray | None
    covariates: Covariates | None

    def of(self, samples: list[Sample], mixture: Mixture | None) -> dict[str, np.ndarray]:
        """The same of the samples of a batch, by the batch's parts.

        Mixtures have the weighted mean of the weights and of numeric covariates; both samples have the same levels.
        """
        rows_B = np.array([sample.row for sample in samples])
        found: dict[str, np.ndarray | None] = {"target_BT": self.target_NT, "weight_B": self.weight_N}
        if self.covariates is not None:
            found |= {"category_BC": self.covariates.category_NC, "number_BM": self.covariates.number_NM}
        present = {name: values for name, values in found.items() if values is not None}
        if mixture is None:
            return {name: values[rows_B] for name, values in present.items()}
        partners = [sample.partner for sample in samples]
        pairs = zip(rows_B.tolist(), partners, strict=True)
        both_2B = np.stack([rows_B, [row if one is None else one.row for row, one in pairs]])
        share_B = np.array([1.0 if one is None else one.share for one in partners], dtype=np.float32)
        mixed = {name: mean(values, both_2B, share_B) for name, values in present.items() if name != "category_BC"}
        if self.target_NT is not None:
            mixed["target_BT"] = mixture.targets(self.target_NT, both_2B, share_B)
        return {name: values[rows_B] for name, values in present.items() if name == "category_BC"} | mixed
