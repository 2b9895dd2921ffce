"""From the inputs of a run to a blend that predicts: members, weights, and intervals from out-of-fold errors."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np

from aam.config import TrainConfig, replace
from aam.data.study.study import Study
from aam.data.targets.kinds import Predictions, Samples
from aam.errors import ConfigError, Problems
from aam.evaluation.blend_record import BlendRecord, LeftOut, MemberRecord
from aam.evaluation.decode_predictions import PredictionDecoder
from aam.evaluation.metrics import score
from aam.learners.blend import FittedBlend, fit_blend
from aam.learners.catalogue import FOREST, LABELS, NETWORK
from aam.learners.familiarity import Familiarity
from aam.learners.folds import deal_folds
from aam.learners.held_out import samples_of
from aam.learners.members import Unable, new_member, possible_members
from aam.learners.network import NetworkLearner
from aam.learners.predictor import Combination
from aam.learners.protocol import Computing, Labelled, Task
from aam.learners.reference import Encode, Reference
from aam.log import say, warn
from aam.models.folder.weights import load_model
from aam.models.sequence_predictor import encoder_of
from aam.models.shipped import NAMES, familiar_reads
from aam.models.vector_cache import encode_asvs
from aam.text import format_duration, listed, plural, shorten
from aam.training.hardware.device import choose_device
from aam.training.plan.supervision import Inputs
from aam.training.run.transfer import encoder_folder

LEAST_FAMILIAR = 0.05
"""Share of reads below which an encoder's sequences are others altogether."""
MIN_FOLDS = 2
MIN_KNOWN = 2
"""Values of a target to learn from, in each fold."""


@dataclass(frozen=True, kw_only=True, eq=False)
class BlendModel:
    """A fitted blend and what is known of it.

    Attributes
    ----------
    blend
        The members and their weights.
    rows
        The training samples, in the order of their ids: the order of all out-of-fold predictions.
    samples
        The same with their truths.
    combination
        How the members are combined, with the intervals.
    left_out
        Learners that were asked for and cannot be members.
    """

    blend: FittedBlend
    rows: np.ndarray
    samples: Samples
    combination: Combination
    left_out: tuple[LeftOut, ...]

    @property
    def decoder(self) -> PredictionDecoder:
        """Makes predictions of what the members compute, with intervals."""
        return self.decoder_of(self.combination.calibrations)

    def decoder_of(self, calibrations: Any) -> PredictionDecoder:
        """The same with other intervals."""
        own, targets = self.combination, self.blend.learners[0].targets
        return PredictionDecoder(targets=targets, calibrations=calibrations, level=own.interval_level, head=own.head)

    def out_of_fold(self, learned: np.ndarray) -> list[Predictions]:
        """Out-of-fold predictions of the training samples, for each target."""
        return self.decoder.predictions(learned[None], self.samples)

    @property
    def record(self) -> BlendRecord:
        """Its members with their weights, and metrics of their own out-of-fold predictions."""
        targets, blend = self.blend.learners[0].targets, self.blend
        decoder = self.decoder_of(())
        members = []
        for place, name in enumerate(blend.names):
            tables = decoder.predictions(blend.out_of_fold_M[place][None], self.samples)
            weights = np.broadcast_to(blend.weights_MT[place], len(targets))
            members.append(
                MemberRecord(
                    name=name,
                    label=LABELS[name],
                    seconds=round(blend.seconds[place], 3),
                    weights=dict(zip(targets.columns, map(float, weights), strict=True)),
                    figures={c: score(t.known()) for c, t in zip(targets.columns, tables, strict=True)},
                )
            )
        groups = self.samples.groups
        return BlendRecord(
            members=tuple(members),
            left_out=self.left_out,
            num_folds=len(np.unique(blend.fold_B)),
            num_groups=len(self.rows) if groups is None else len(np.unique(groups.astype(str))),
        )

    @property
    def forest(self) -> int | None:
        """Place of the random forest among the members."""
        return self.blend.names.index(FOREST) if FOREST in self.blend.names else None


def fit_blend_model(config: TrainConfig, inputs: Inputs, on_member: Callable[[str], object]) -> BlendModel:
    """Fit the members of a blend, weigh them, and calibrate its intervals.

    Parameters
    ----------
    config
        What was asked for.
    inputs
        The data; its training part is learned from.
    on_member
        Called with the name of each member before it is fitted.

    Raises
    ------
    ConfigError
        If none of the learners that were asked for can be a member.
    """
    study, targets = inputs.study, inputs.targets
    assert targets is not None
    names, unable = _members(config, study)
    rows = inputs.split.train
    rows = rows[np.argsort(study.sample_ids[rows].astype(str), kind="stable")]
    samples = labelled(inputs, rows)
    fold_B = deal_folds(targets.kind, samples, config.run.seed)
    _check_learnable(config, inputs, samples, fold_B)
    task = _task(config, inputs, names, rows)
    members = [new_member(name, task, config.run.seed, partial(_network, config)) for name in names]
    if NETWORK in names:
        _say_estimate(config, task, study, samples, len(np.unique(fold_B)) + 1)
    blend = fit_blend(members, names, study, samples, fold_B, on_member)
    known = samples_of(targets, study, rows, inputs.groups)
    head, level = config.head, config.evaluation.interval_level
    calibrations = PredictionDecoder(targets=targets, level=level, head=head).calibrate(blend.blended, known)
    combination = Combination(
        weights=tuple(tuple(map(float, row)) for row in blend.weights_MT),
        head=head,
        calibrations=calibrations,
        interval_level=level,
    )
    left_out = tuple(LeftOut(name=one.name, reason=one.reason) for one in unable)
    return BlendModel(blend=blend, rows=rows, samples=known, combination=combination, left_out=left_out)


def _check_learnable(config: TrainConfig, inputs: Inputs, samples: Labelled, fold_B: np.ndarray) -> None:
    """Refuse samples that leave a fold without truths to learn a target from."""
    targets, sheet = inputs.targets, inputs.study.metadata
    assert targets is not None
    problems = Problems("" if sheet is None else sheet.source)
    number = len(np.unique(fold_B))
    if number < MIN_FOLDS:
        column = shorten(config.split.group_column or "")
        problem = f"column '{column}' has one group; a blend needs {MIN_FOLDS} to weigh its learners by"
        problems.add(problem, "leave out --group-column, or take --learners forest")
    for place, column in enumerate(targets.columns if number >= MIN_FOLDS else ()):
        known = ~np.isnan(samples.targets[:, place])
        least = min(int((known & (fold_B != fold)).sum()) for fold in range(number))
        if least < MIN_KNOWN:
            problem = f"column '{shorten(column)}' has {plural(int(known.sum()), 'value')}, too few for {number} folds"
            problems.add(problem, "more samples, or another column")
    problems.raise_if_any()


def _members(config: TrainConfig, study: Study) -> tuple[list[str], list[Unable]]:
    """The learners that take part, at least one, and those that cannot."""
    names, unable = possible_members(config.members, study, has_encoder=config.transfer.names_encoder)
    if not names:
        reasons = "; ".join(f"{one.name} {one.reason}" for one in unable)
        raise ConfigError(f"--learners: no learner is left ({reasons})")
    return names, unable


def labelled(inputs: Inputs, rows: np.ndarray) -> Labelled:
    """Samples with their truths in the learned space, groups, and weights, in which those of the classes are."""
    learned, targets = inputs.target_NT, inputs.targets
    assert learned is not None
    assert targets is not None
    weights = None if inputs.weight_N is None else inputs.weight_N[rows]
    if targets.specs[0].class_weights:
        of_class = np.array(targets.specs[0].class_weights)[learned[rows, 0].astype(np.int64)]
        weights = of_class if weights is None else weights * of_class
        weights = weights / weights.mean()
    return Labelled(
        rows=rows,
        targets=np.asarray(learned[rows], dtype=np.float64),
        groups=None if inputs.groups is None else inputs.groups[rows],
        weights=weights,
    )


def _network(config: TrainConfig, task: Task) -> NetworkLearner:
    """The network as a member, which is trained within the run."""
    alone: dict[str, Any] = {"learners": (NETWORK,), "fine_tune": False, "cv": None, "cv_repeats": 1}
    own = replace(config, **alone, forest_baseline=False, report=False)
    return NetworkLearner(task, Computing(device=config.run.device, seed=config.run.seed), own)


def _say_estimate(config: TrainConfig, task: Task, study: Study, samples: Labelled, fits: int) -> None:
    """Say how long so many trainings of the network take at most, from an epoch of it."""
    started = time.monotonic()
    once = replace(config, epochs=1, gradual_unfreezing=0)
    _network(once, task).without_fold().fit(study, samples.rows, samples.targets, samples.groups)
    each = time.monotonic() - started
    say(
        f"network: at most {format_duration(each * config.optim.epochs * fits)} ({plural(fits, 'training')} of up to "
        f"{plural(config.optim.epochs, 'epoch')}; the first took {format_duration(each)}); most stop earlier"
    )


def _task(config: TrainConfig, inputs: Inputs, names: list[str], rows: np.ndarray) -> Task:
    """What the members have in common."""
    study, targets = inputs.study, inputs.targets
    assert targets is not None
    made = study.made_column(config.study.study_column)
    needs_reference = bool(set(names) - {FOREST, NETWORK})
    reference = Reference.fit(study, rows, config.run.seed, _encoding(config)) if needs_reference else None
    groups = None if inputs.groups is None else inputs.groups[rows]
    known = None if reference is None else reference.asvs
    return Task(
        targets=targets,
        covariate_spec=inputs.covariate_spec,
        data={"trim_length": config.table.trim_length, "rarefy_depth": study.rarefy_depth, "study_column": made},
        reference=reference,
        familiarity=Familiarity.fit(study, rows, groups, known, config.run.seed),
    )


def _encoding(config: TrainConfig) -> Encode | None:
    """What makes vectors of ASVs, where there is a pre-trained encoder."""
    path = encoder_folder(config.transfer)
    if path is None:
        return None
    model, description = load_model(path)
    device, longest = choose_device(config.run.device), description.data["max_bp"]
    encoder = encoder_of(model).asv_encoder.to(device)
    return lambda tokens: encode_asvs(encoder, tokens[:, :longest], device).float().cpu().numpy()


def _say_familiar(config: TrainConfig, inputs: Inputs) -> None:
    """Say how well an encoder of the package knows the study."""
    name = config.transfer.pretrained_encoder
    if not isinstance(name, str) or name not in NAMES:
        return
    share = float(familiar_reads(name, inputs.study)[inputs.split.train].mean())
    say(f"encoder {name}: trained on {share:.0%} of a sample's reads, on average")
    if share < LEAST_FAMILIAR:
        warn(f"encoder {name} was trained on V4 reads from primer 515F: these are of another region, start or strand")


def say_plan(config: TrainConfig, inputs: Inputs) -> None:
    """Say which learners are to be fitted, on what; refuse a blend of none as :func:`fit_blend_model` does."""
    names, _ = _members(config, inputs.study)
    _say_familiar(config, inputs)
    number = len(inputs.split.train)
    say(f"blend: {plural(len(names), 'learner')} on {plural(number, 'sample')}: {listed(names, len(names))}")


def finished_words(seconds: float, number: int) -> str:
    """How long the members took."""
    return f"fitted {plural(number, 'learner')} in {format_duration(seconds)}"
