"""Prediction intervals and sets, calibrated once after training from the errors on the validation samples."""

from __future__ import annotations

import dataclasses

import numpy as np

from aam.config import EvaluationOptions
from aam.data.targets.kinds import Samples
from aam.models.folder.description import ModelDescription


def calibrated(
    description: ModelDescription, options: EvaluationOptions, learned: np.ndarray, validation: Samples
) -> ModelDescription:
    """The description of a model, with all that is needed to make the same intervals again.

    Parameters
    ----------
    description
        The model, or an ensemble.
    options
        The level of the intervals, and the rarefied draws of each sample.
    learned
        Predictions of the validation samples in the space that was learned; the rarefied draws are the first axis.
    validation
        The validation samples.
    """
    decoder = description.decoder(options.interval_level)
    return dataclasses.replace(
        description,
        calibrations=decoder.calibrate(learned.mean(axis=0), validation),
        interval_level=options.interval_level,
        prediction_passes=options.val_prediction_passes,
    )
