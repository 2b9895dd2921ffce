"""All that an evaluation of a model on labelled samples found."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np

from aam.data.targets.kinds import Predictions, TargetSpec
from aam.evaluation.baseline_comparison import Judgement
from aam.evaluation.coverage import CoverageRecord
from aam.evaluation.errors.columns import Skipped
from aam.evaluation.errors.facts import Facts
from aam.evaluation.errors.held_out import HeldOut
from aam.evaluation.result_table import ResultTable

NEW = "new"
"""The part of samples that are given to be judged by."""


@dataclass(frozen=True, kw_only=True, eq=False)
class TargetEvaluation:
    """One target.

    Attributes
    ----------
    spec
        The target.
    judgement
        The model and the constant prediction on the ``N`` samples whose truth is known.
    coverage
        How often intervals or sets hold the truth; None where there are none.
    held_out
        The results of the training run; None where they are not known.
    facts, warning_N
        What is known of these samples (``N``).
    num_trained
        Of how many of these samples the model is known to have learned.
    training_range
        Smallest and largest number in the training samples; None where they are not known.
    tables
        Name -> table: ``metrics``, ``by_study``, ``by_level``, ``gaps``, ``errors_by_column``, ``worst_samples``,
        ``confusion`` and ``robustness``; those without rows have no columns.
    skipped
        Columns of the metadata that errors could not be compared with.
    """

    spec: TargetSpec
    judgement: Judgement
    coverage: CoverageRecord | None
    held_out: HeldOut | None
    facts: Facts
    warning_N: np.ndarray
    num_trained: int = 0
    training_range: tuple[float, float] | None = None
    tables: Mapping[str, ResultTable] = field(default_factory=dict)
    skipped: tuple[Skipped, ...] = ()

    @property
    def predictions(self) -> Predictions:
        """The model's, with truths."""
        return self.judgement.predictions["model"]


@dataclass(frozen=True, kw_only=True, eq=False)
class Evaluation:
    """All targets.

    Attributes
    ----------
    model, table
        The model's folder and the table's files, as they were given.
    targets
        Column -> what was found.
    group_column, study_column, by
        The columns that were used; None, or none, where none were.
    num_samples, num_trained
        Samples with a truth, and those of them that the model learned from, as far as that is known (None).
    notes
        What else is worth saying.
    """

    model: str
    table: str
    targets: Mapping[str, TargetEvaluation]
    group_column: str | None
    study_column: str | None
    by: tuple[str, ...]
    num_samples: int
    num_trained: int | None
    notes: tuple[str, ...] = ()
