"""The trainings of a learning curve: each fits the blend and the forest as `aam train` does, and predicts its fold."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from aam.data.study.study import Study
from aam.data.targets.kinds import Predictions
from aam.errors import InputError
from aam.evaluation.learning_curve import SizeResult
from aam.evaluation.prediction_table import concatenate
from aam.learners.catalogue import FOREST
from aam.learners.held_out import samples_of
from aam.learners.members import possible_members
from aam.log import say
from aam.progress import Bar
from aam.text import format_duration, plural
from aam.workflows.learning_curve.plan import CurvePlan, Job
from aam.workflows.runs.blend.model import BlendModel, fit_blend_model
from aam.workflows.runs.blend.time import expected_durations

BLEND, GUESS = "blend", "guess"
LONG, FEW_FOLDS = 300.0, 3
"""Seconds from which it is said what is shorter, and a number of folds that still judges."""
LEAST_WORK = 0.15
"""Share of the time of the largest training that the smallest takes, at least."""

Found = dict[tuple[str, str], list[SizeResult]]
"""Target and learner -> what was predicted by size."""


def compute(plan: CurvePlan, *, progress: bool) -> Found:
    """Train on all subsets; says before how long that takes about.

    Parameters
    ----------
    plan
        The subsets.
    progress
        Whether to show a bar.

    Raises
    ------
    InputError
        If a subset cannot teach a target.
    """
    works = np.array([_work(plan, job) for job in plan.jobs])
    seconds = _seconds(plan) * works.sum()
    about = f"time: about {format_duration(max(seconds, 1))} on this machine, measured on first steps"
    say(f"{about}{_shorter(plan, seconds)}")
    predicted: dict[tuple[str, str, int, int], list[Predictions]] = {}
    with Bar("fitting", "blends", len(plan.jobs), seconds=float(seconds) or None, wanted=progress) as bar:
        for job, work in zip(plan.jobs, works / works.sum(), strict=True):
            bar.say(f"fitting {job.units:,} {'samples' if plan.groups is None else 'groups'}")
            for (column, learner), table in _predict(plan, job).items():
                predicted.setdefault((column, learner, job.size, job.repeat), []).append(table)
            bar.advance(1, float(work * seconds) if seconds else None)
    return _by_size(plan, predicted)


def _work(plan: CurvePlan, job: Job) -> float:
    """Of a training, as a share of one on all training samples of the first fold."""
    return max(LEAST_WORK, len(job.split.train) / len(plan.jobs[0].split.train))


def _seconds(plan: CurvePlan) -> float:
    """About how long the first training takes, which is one of the largest."""
    inputs = plan.inputs(plan.jobs[0])
    names, _ = possible_members(plan.training.members, plan.study, has_encoder=False)
    fitted = list(dict.fromkeys([*names, FOREST]))  # the forest is fitted beside, where it is no member
    return sum(expected_durations(plan.training, inputs, fitted).values())


def _shorter(plan: CurvePlan, seconds: float) -> str:
    """What would take less time, where that is worth a word and was not asked for."""
    if seconds < LONG:
        return ""
    largest = [job for job in plan.jobs if job.size == len(plan.sizes) - 1]
    hints = {
        "--repeats 1": any(job.repeat for job in plan.jobs),
        f"--folds {FEW_FOLDS}": len(largest) > FEW_FOLDS,
        "--learners forest,kernels": any(name.startswith("trees") for name in plan.training.members),
        "fewer --sizes": True,
    }
    return f"; shorter with {', '.join(hint for hint, helps in hints.items() if helps)}"


def _predict(plan: CurvePlan, job: Job) -> Mapping[tuple[str, str], Predictions]:
    """Target and learner -> predictions of the held-out samples that have the target."""
    try:
        inputs = plan.inputs(job)
        model = fit_blend_model(plan.training, inputs, announced=False)
    except InputError as error:
        noun = plural(job.units, "sample" if plan.groups is None else "group")
        raise InputError("learning curve", f"{noun} cannot be learned from ({error})", "larger --sizes") from None
    targets = inputs.targets
    assert targets is not None
    rows = job.split.test
    samples = samples_of(targets, inputs.study, rows, plan.groups)
    found = {}
    for learner, learned in _learned(model, inputs.study, rows).items():
        tables = model.decoder_of(()).predictions(learned[None], samples)
        for spec, table in zip(targets.specs, tables, strict=True):
            found[spec.column, learner] = table.known()
            found[spec.column, GUESS] = spec.kind.constant(spec, table.known())
    return found


def _learned(model: BlendModel, study: Study, rows: np.ndarray) -> dict[str, np.ndarray]:
    """Predictions in the learned space of the blend, and of the forest where it is another."""
    of_members = [learner.predict(study, rows) for learner in model.blend.learners]
    names = list(model.blend.names)
    found = {BLEND: model.blend.combined(np.stack(of_members))}
    if names == [FOREST]:
        return {FOREST: found[BLEND]}
    if FOREST in names:
        return found | {FOREST: of_members[names.index(FOREST)]}
    return found | ({} if model.forest is None else {FOREST: model.forest.learner.predict(study, rows)})


def _by_size(plan: CurvePlan, predicted: Mapping[tuple[str, str, int, int], list[Predictions]]) -> Found:
    """The predictions of all folds of a size and repeat together, in the order of the samples' ids."""
    found: Found = {}
    for column, learner in dict.fromkeys((key[0], key[1]) for key in predicted):
        sizes = []
        for size, units in enumerate(plan.sizes):
            jobs = [job for job in plan.jobs if job.size == size]
            repeats = sorted({job.repeat for job in jobs})
            pooled = [_pooled(predicted[column, learner, size, repeat]) for repeat in repeats]
            samples = float(np.mean([len(job.split.train) for job in jobs]))
            sizes.append(SizeResult(units=units, samples=samples, repeats=tuple(pooled)))
        found[column, learner] = sizes
    return found


def _pooled(folds: list[Predictions]) -> Predictions:
    table = concatenate(folds)
    return table.select(np.argsort(table.sample_ids.astype(str), kind="stable"))
