"""Whether the validation samples can measure the metric that chooses the best model, before anything is trained."""

from __future__ import annotations

import numpy as np

from aam.config import TrainConfig
from aam.data.study import Study
from aam.data.targets import Targets, metric_endings
from aam.errors import Problems
from aam.files.text import plural, shorten
from aam.training.metric_names import default_metric

NEED_TWO_VALUES = ("r2", "spearman", "auroc")
NEED_A_VALUE = ("mae", "rmse")


def check_measurable(config: TrainConfig, targets: Targets, study: Study, validation_rows: np.ndarray) -> None:
    """Refuse validation samples on which the best model's metric has no value, whatever the model predicts.

    R2, rank correlation and the area under the ROC curve need two different truths, errors need one. Of several
    targets, a plain name is the mean over all of them, so each must have its own.

    Parameters
    ----------
    config
        With ``best_metric``, or without where it is left open.
    targets, study
        The targets and the samples' truths.
    validation_rows
        The validation samples.

    Raises
    ------
    InputError
        With each column that has too few values.
    """
    metric = config.optim.best_metric or default_metric(config)
    problems = Problems(study.metadata.source if study.metadata is not None else "split")
    for column, ending in zip(targets.columns, metric_endings(targets.columns), strict=True):
        needed = _values_needed(metric, ending)
        found = _different(study.targets[column][validation_rows])
        if found < needed:
            have = "one value" if found else "no value"
            problem = f"column '{shorten(column)}' has {have} in {plural(len(validation_rows), 'validation sample')}"
            problems.add(
                f"{problem}: {metric} cannot be measured",
                "more of them are needed: --validation-size, or another --best-metric",
            )
    problems.raise_if_any()


def _values_needed(metric: str, ending: str) -> int:
    """How many different values of a target a metric needs; 0 where it is not about that target."""
    if metric in {name + end for name in NEED_TWO_VALUES for end in ("", ending)}:
        return 2
    return 1 if metric in {name + ending for name in NEED_A_VALUE} else 0


def _different(values: np.ndarray) -> int:
    known = values[~np.isnan(values)] if values.dtype.kind == "f" else values.astype(str)
    return len(np.unique(known))
