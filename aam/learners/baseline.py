"""A learner on its own as a model: with intervals and metrics of the validation samples."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from aam.data.study.study import Study
from aam.data.targets.targets import metric_endings
from aam.evaluation.decode_predictions import PredictionDecoder
from aam.evaluation.metrics import score
from aam.learners.held_out import samples_of
from aam.learners.predictor import Combination, save_predictor
from aam.learners.protocol import Learner


def save_with_intervals(
    folder: Path,
    learner: Learner,
    study: Study,
    validation: np.ndarray,
    *,
    groups: np.ndarray | None = None,
    level: float = 0.9,
    record: Mapping[str, Any] | None = None,
) -> None:
    """Write the folder of one learner that reads all reads of a sample, with intervals from validation samples.

    Parameters
    ----------
    folder
        Made where it is not there.
    learner
        Fitted on other samples of the study.
    study, validation
        The study, and its validation samples.
    groups
        Group of each sample of the study, where samples of one group are alike.
    level
        Nominal coverage of the intervals.
    record
        Human-readable provenance; the metrics of the validation samples are added.
    """
    targets = learner.targets
    samples, learned = samples_of(targets, study, validation, groups), learner.predict(study, validation)
    decoder = PredictionDecoder(targets=targets, level=level)
    tables = decoder.predictions(learned[None], samples)
    endings = metric_endings(targets.columns)
    measured = {
        f"validation {name}{ending}": round(value, 6)
        for table, ending in zip(tables, endings, strict=True)
        for name, value in (score(table.known()) if len(table.known()) else {}).items()
        if np.isfinite(value)
    }
    calibrations = decoder.calibrate(learned, samples)
    combination = Combination(record={**(record or {}), **measured}, calibrations=calibrations, interval_level=level)
    save_predictor(folder, [learner], combination)
