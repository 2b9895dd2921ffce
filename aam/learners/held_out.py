"""Learners and samples whose truths are known: what is learned, what is predicted, how far off that is."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Any

import numpy as np

from aam.data.targets.kinds import Predictions, Samples
from aam.data.targets.kinds.kind import kind_of_saved_name
from aam.data.targets.targets import Targets, with_missing
from aam.evaluation.decode_predictions import PredictionDecoder, values_of
from aam.learners.protocol import Learner

if TYPE_CHECKING:
    from aam.data.study.split import Split
    from aam.data.study.study import Study


def in_own_units(targets: Targets) -> Targets:
    """The same targets, learned on the scale of the metadata, whatever the variant of their kind."""
    as_it_is: dict[str, Any] = {"transform": "none", "parameters": (), "shift": 0.0, "scale": 1.0}
    as_it_is |= {"level_shift": (), "level_scale": (), "kind": kind_of_saved_name(targets.kind.saved_name)}
    specs = tuple(dataclasses.replace(spec, **as_it_is) for spec in targets.specs)
    return Targets(specs=specs, exposure_column=targets.exposure_column)


def true_values(study: Study, rows: np.ndarray, targets: Targets) -> np.ndarray:
    """True values in full precision on the scale of the metadata, or codes of classes, ``B x T``; NaN where missing.

    Counts are those of a unit of exposure.
    """
    if targets.exposure_column and study.metadata is not None:
        exposure_B = targets.level_codes(study.metadata)[rows]
        return np.column_stack([study.targets[column][rows] / exposure_B for column in targets.columns])
    if targets.specs[0].classes:
        return with_missing(targets.encode(values_of(study.targets, rows)))
    return np.column_stack([study.targets[column][rows] for column in targets.columns])


def samples_of(targets: Targets, study: Study, rows: np.ndarray, groups: np.ndarray | None = None) -> Samples:
    """Samples with their truths.

    Parameters
    ----------
    targets
        What is predicted.
    study, rows
        The study, and which of its samples.
    groups
        Group of each sample of the study.
    """
    level_B = np.zeros(len(rows), dtype=np.int64)
    if (targets.normalize_by or targets.exposure_column) and study.metadata is not None:
        level_B = targets.level_codes(study.metadata)[rows]
    return Samples(
        sample_ids=study.sample_ids[rows],
        observed=values_of(study.targets, rows),
        level_B=level_B,
        groups=None if groups is None else groups[rows],
    )


def held_out_predictions(
    learner: Learner, study: Study, split: Split, groups: np.ndarray | None = None
) -> dict[str, list[Predictions]]:
    """Predictions of a study's validation and test samples.

    Parameters
    ----------
    learner
        Fitted on the training samples.
    study, split
        The study and its parts.
    groups
        Group of each sample of the study.

    Returns
    -------
    dict
        Part -> predictions of each target, without intervals.
    """
    targets = learner.targets
    decoder = PredictionDecoder(targets=targets)
    return {
        part: decoder.predictions(learner.predict(study, rows)[None], samples_of(targets, study, rows, groups))
        for part, rows in split.parts().items()
        if part != "train"
    }
