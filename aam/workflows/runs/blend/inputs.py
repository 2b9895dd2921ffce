"""What the learners of a blend are given: labelled samples, and the task that they have in common."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import fields
from dataclasses import replace as replace_fields
from functools import partial
from typing import Any

import numpy as np

from aam.config import TrainConfig, replace
from aam.config.earlier import EarlierOptions
from aam.config.jobs import JobOptions
from aam.config.studies import CENTRE
from aam.config.tracking import TrackingOptions
from aam.config.tuning.settings import LearnerSettings
from aam.data.readers.feature_ids import of_ids
from aam.data.study.earlier import earlier_data
from aam.data.study.several.labels import level_weights
from aam.data.targets.kinds import TargetSpec
from aam.data.targets.targets import with_missing
from aam.learners.catalogue import FOREST, NETWORK
from aam.learners.centring.centre import Centring
from aam.learners.earlier.learner import WithEarlier
from aam.learners.folds import deal_folds
from aam.learners.members import new_member
from aam.learners.novelty.familiarity import Familiarity
from aam.learners.protocol import Computing, Labelled, Learner, Task
from aam.learners.reference import Encode, Reference, kept_samples
from aam.training.plan.supervision import Inputs

OF_THE_BLEND = (EarlierOptions, JobOptions, LearnerSettings, TrackingOptions)
"""Options that a network within a blend does not read."""


def ordered_rows(inputs: Inputs) -> np.ndarray:
    """The training samples in the order of their ids, so that no result depends on that of the table."""
    rows = inputs.split.train
    return rows[np.argsort(inputs.study.sample_ids[rows].astype(str), kind="stable")]


def labelled(inputs: Inputs, rows: np.ndarray) -> Labelled:
    """Samples with their truths in the learned space, groups, and weights, in which those of the classes are."""
    learned, targets = inputs.target_NT, inputs.targets
    assert learned is not None
    assert targets is not None
    known = with_missing(learned[rows])
    weights = None if inputs.weight_N is None else inputs.weight_N[rows]
    if targets.specs[0].class_weights:
        columns = [_class_weights(spec, known[:, place], weights) for place, spec in enumerate(targets.specs)]
        weights = columns[0] if len(columns) == 1 else np.stack(columns, axis=1)
    if inputs.balance_N is not None:
        of_level = level_weights(inputs.balance_N[rows])
        if weights is not None:
            product = (weights.T * of_level).T
            of_level = product / product.mean(axis=0)
        weights = of_level
    return Labelled(
        rows=rows,
        targets=known,
        groups=None if inputs.groups is None else inputs.groups[rows],
        weights=weights,
    )


def _class_weights(spec: TargetSpec, codes_B: np.ndarray, weights: np.ndarray | None) -> np.ndarray:
    """Weights of the classes times those of the samples, with a mean of 1 over the samples that have a class."""
    known = ~np.isnan(codes_B)
    found = np.ones(len(codes_B)) if weights is None else np.array(weights, dtype=np.float64)
    of_class = np.array(spec.class_weights)[codes_B[known].astype(np.int64)]
    found[known] = of_class if weights is None else found[known] * of_class
    found[known] /= found[known].mean()
    return found


def inner_folds(config: TrainConfig, inputs: Inputs, samples: Labelled) -> np.ndarray:
    """Fold of each training sample within a blend; whole groups together, or whole studies where that is asked for."""
    assert inputs.targets is not None
    units = inputs.units(samples.rows, whole_studies=config.studies.whole_studies)
    own = replace_fields(samples, groups=units)
    return deal_folds(inputs.targets.kind, own, config.run.seed, config.settings.blend_folds)


def shared_task(config: TrainConfig, inputs: Inputs, names: Sequence[str], encode: Encode | None) -> Task:
    """What the members have in common.

    Parameters
    ----------
    config, inputs
        What was asked for, and the data.
    names
        The members.
    encode
        Makes vectors of ASVs, where there is an encoder.
    """
    study, targets = inputs.study, inputs.targets
    assert targets is not None
    made = study.made_column(config.study.study_column)
    needs_reference, rows = bool(set(names) - {FOREST, NETWORK}), ordered_rows(inputs)
    reference = Reference.fit(study, rows, config.run.seed, encode) if needs_reference else None
    groups = None if inputs.groups is None else inputs.groups[rows]
    known = None if reference is None else reference.asvs
    centring = None
    if config.studies.study_effect == CENTRE:
        assert inputs.study_N is not None
        kept = kept_samples(len(rows), config.run.seed)
        centring = Centring(config.study.study_column, inputs.study_N[rows][kept].astype(str))
    return Task(
        targets=targets,
        covariate_spec=inputs.covariate_spec,
        data={
            "trim_length": config.table.trim_length,
            "reverse_complement": config.table.reverse_complement or "no",
            "rarefy_depth": study.rarefy_depth,
            "study_column": made,
            **of_ids(has_dna=study.has_dna),
            **earlier_data(inputs.earlier),
        },
        reference=reference,
        familiarity=Familiarity.fit(study, rows, groups, known, config.run.seed),
        settings=config.settings,
        centring=centring,
    )


def new_members(config: TrainConfig, task: Task, names: Sequence[str], inputs: Inputs) -> list[Learner]:
    """Learners of the catalogue, not fitted; where earlier samples are read, each takes in what it predicts of them."""
    made = [new_member(name, task, config.run.seed, partial(network_member, config)) for name in names]
    return made if inputs.earlier is None else [WithEarlier(one) for one in made]


def network_member(config: TrainConfig, task: Task) -> Learner:
    """The network as a member, which is trained within the run; it reads one sample at a time."""
    from aam.learners.network import NetworkLearner

    alone: dict[str, Any] = {"learners": (NETWORK,), "fine_tune": False, "cv": None, "cv_repeats": 1}
    alone |= {one.name: one.default for section in OF_THE_BLEND for one in fields(section)}
    own = replace(config, **alone, forest_baseline=False, report=False)
    return NetworkLearner(task, Computing(device=config.run.device, seed=config.run.seed), own)


def encoding(config: TrainConfig) -> Encode | None:
    """What makes vectors of ASVs, where there is a pre-trained encoder."""
    if not config.transfer.names_encoder:
        return None
    from aam.models.folder.weights import load_model
    from aam.models.sequence_predictor import encoder_of
    from aam.models.vector_cache import encode_asvs
    from aam.training.hardware.device import choose_device
    from aam.training.run.transfer import encoder_folder

    path = encoder_folder(config.transfer)
    assert path is not None
    model, description = load_model(path)
    device, longest = choose_device(config.run.device), description.data["max_bp"]
    encoder = encoder_of(model).asv_encoder.to(device)
    return lambda tokens: encode_asvs(encoder, tokens[:, :longest], device).float().cpu().numpy()
