"""From the inputs of a run to a blend that predicts: members, weights, and intervals from out-of-fold errors."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from aam.config import TrainConfig
from aam.data.study.study import Study
from aam.data.targets.kinds import Predictions, Samples
from aam.evaluation.blend_record import BlendRecord, LeftOut, MemberRecord
from aam.evaluation.decode_predictions import PredictionDecoder
from aam.evaluation.metrics import score
from aam.learners.blend import FittedBlend, fit_blend
from aam.learners.catalogue import FOREST, LABELS
from aam.learners.earlier.learner import WithEarlier
from aam.learners.held_out import samples_of
from aam.learners.predictor import Combination
from aam.learners.protocol import Labelled, Learner
from aam.log import say, say_detail, warn
from aam.models.folder.paths import unfinished_notes
from aam.models.shipped import NAMES, familiar_reads
from aam.processes import on_scheduler
from aam.text import format_duration, plural
from aam.training.plan.supervision import Inputs
from aam.training.run.transfer import encoder_folder
from aam.workflows.runs.blend.checks import check_learnable, members_of
from aam.workflows.runs.blend.inputs import encoding, inner_folds, labelled, new_members, ordered_rows, shared_task
from aam.workflows.runs.blend.time import BlendBar, Durations, duration_details, duration_words, measured_durations

LEAST_FAMILIAR = 0.05
"""Share of reads below which an encoder's sequences are others altogether."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Baseline:
    """The random forest that a blend is compared with: a member of it, or one that was fitted beside it.

    Attributes
    ----------
    learner
        Fitted on all training samples.
    out_of_fold
        Its predictions of each of them without its fold: ``B x T``, or ``B x C``.
    seconds
        Time that it took beside the blend; 0 for a member.
    """

    learner: Learner
    out_of_fold: np.ndarray
    seconds: float = 0.0


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
    forest
        The random forest to compare with; None where it is no member and not asked for.
    """

    blend: FittedBlend
    rows: np.ndarray
    samples: Samples
    combination: Combination
    left_out: tuple[LeftOut, ...]
    forest: Baseline | None = None

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
            learner = blend.learners[place]
            weights = np.broadcast_to(blend.weights_MT[place], len(targets))
            members.append(
                MemberRecord(
                    name=name,
                    label=LABELS[name],
                    seconds=round(blend.seconds[place], 3),
                    weights=dict(zip(targets.columns, map(float, weights), strict=True)),
                    figures={c: score(t.known()) for c, t in zip(targets.columns, tables, strict=True)},
                    earlier=learner.carried_columns if isinstance(learner, WithEarlier) else None,
                )
            )
        groups = self.samples.groups
        return BlendRecord(
            members=tuple(members),
            left_out=self.left_out,
            num_folds=len(np.unique(blend.fold_B)),
            num_groups=len(self.rows) if groups is None else len(np.unique(groups.astype(str))),
        )


def fit_blend_model(config: TrainConfig, inputs: Inputs, *, announced: bool = True) -> BlendModel:
    """Fit the members of a blend, weigh them, and calibrate its intervals.

    Parameters
    ----------
    config
        What was asked for.
    inputs
        The data; its training part is learned from.
    announced
        Whether to measure and say how long it will take.

    Raises
    ------
    ConfigError
        If none of the learners that were asked for can be a member.
    """
    study, targets = inputs.study, inputs.targets
    assert targets is not None
    names, unable = members_of(config, study)
    rows = ordered_rows(inputs)
    samples = labelled(inputs, rows)
    fold_B = inner_folds(config, inputs, samples)
    check_learnable(config, inputs, samples, fold_B)
    task = shared_task(config, inputs, names, encoding(config))
    members = new_members(config, task, names, inputs)
    beside = [FOREST] if config.evaluation.forest_baseline and FOREST not in names else []
    forests = new_members(config, task, beside, inputs)
    expected = _expected([*members, *forests], [*names, *beside], study, samples, fold_B) if announced else {}
    with (
        on_scheduler(config.jobs.dask_scheduler),
        BlendBar([*names, *beside], len(np.unique(fold_B)), expected, wanted=config.run.progress) as bar,
    ):
        blend = fit_blend(members, names, study, samples, fold_B, bar, config.jobs.number)
        forest = _forest(blend, forests, study, samples, bar)
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
    return BlendModel(blend=blend, rows=rows, samples=known, combination=combination, left_out=left_out, forest=forest)


def _forest(
    blend: FittedBlend, beside: Sequence[Learner], study: Study, samples: Labelled, bar: BlendBar
) -> Baseline | None:
    """The random forest to compare with, on the same samples and folds: a member, or the one beside the blend."""
    if FOREST in blend.names:
        place = blend.names.index(FOREST)
        return Baseline(learner=blend.learners[place], out_of_fold=blend.out_of_fold_M[place])
    if not beside:
        return None
    bar.begin(FOREST)
    started = time.monotonic()
    out_of_fold = beside[0].cross_fit(study, samples, blend.fold_B)
    return Baseline(learner=beside[0], out_of_fold=out_of_fold, seconds=time.monotonic() - started)


def _expected(
    members: list[Learner], names: list[str], study: Study, samples: Labelled, fold_B: np.ndarray
) -> Durations:
    """About how long each member takes, which is said; nothing where that is not worth measuring."""
    found = measured_durations(members, names, study, samples, fold_B)
    if found:
        say(f"time: {duration_words(found)}")
        say_detail(*duration_details(found))
    return found


def _say_familiar(config: TrainConfig, inputs: Inputs) -> None:
    """Say how well an encoder of the package knows the study, and if a run has not finished another."""
    folder = encoder_folder(config.transfer)
    for line in () if folder is None else unfinished_notes(folder):
        warn(line)
    name = config.transfer.pretrained_encoder
    if not isinstance(name, str) or name not in NAMES or not inputs.study.has_dna:
        return
    share = float(familiar_reads(name, inputs.study)[inputs.split.train].mean())
    say(f"encoder {name}: trained on {share:.0%} of a sample's reads, on average")
    if share < LEAST_FAMILIAR:
        warn(f"encoder {name} was trained on V4 reads from primer 515F: these are of another region, start or strand")


def say_plan(config: TrainConfig, inputs: Inputs) -> None:
    """Say which learners are to be fitted, on what; refuse a blend of none as :func:`fit_blend_model` does."""
    names, _ = members_of(config, inputs.study)
    _say_familiar(config, inputs)
    rows = inputs.split.train
    whole = inputs.units(rows, whole_studies=config.studies.whole_studies)
    units = len(rows) if whole is None else len(np.unique(whole.astype(str)))
    folds = plural(min(config.settings.blend_folds, units), "fold")
    say(f"blend: {plural(len(names), 'learner')}, weighted by predictions of {plural(len(rows), 'sample')} in {folds}")
    say_detail(f"learners: {', '.join(names)}")


def finished_words(seconds: float, number: int) -> str:
    """How long the members took."""
    return f"fitted {plural(number, 'learner')} in {format_duration(seconds)}"
