"""What a learning curve learns from: the study, folds that judge, and nested subsets of the training groups of each."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from aam.config import TrainConfig
from aam.config.commands.learning_curve import CurveConfig
from aam.data.study.folds import FoldOptions, make_folds
from aam.data.study.split import Split, sample_groups
from aam.data.study.study import Study, load_study
from aam.data.study.subsets import ladder, nested_ranks
from aam.errors import ConfigError, InputError
from aam.text import plural, shorten
from aam.training.plan.supervision import Inputs, fit_inputs, learned_split, needs_dna, target_request

LEAST_GROUPS, LEAST_SAMPLES = 6, 20
"""Of the smallest training set that is tried where nobody says: groups, or samples that stand alone."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Job:
    """One training: of a fold's subset.

    Attributes
    ----------
    size
        Place of its size in the plan.
    repeat
        Which choice of groups it is, from 0.
    units
        Groups in it, or samples that stand alone.
    split
        Its samples, and those of the fold that it predicts.
    """

    size: int
    repeat: int
    units: int
    split: Split


@dataclass(frozen=True, kw_only=True, eq=False)
class CurvePlan:
    """All that is to be computed.

    Attributes
    ----------
    training
        The options of each training.
    study, groups
        The samples, and the group of each (None where each stands alone).
    unit
        What is counted: the column of the groups, or ``sample``.
    total
        Groups of the study.
    sizes
        Groups of the training sets, ascending; the last are all that a fold has, in the mean.
    jobs
        All trainings, fold by fold, the largest of a fold first.
    """

    training: TrainConfig
    study: Study
    groups: np.ndarray | None
    unit: str
    total: int
    sizes: tuple[float, ...]
    jobs: tuple[Job, ...]

    def inputs(self, job: Job) -> Inputs:
        """What a training learns from."""
        return fit_inputs(self.training, self.study, job.split)


@dataclass(frozen=True, kw_only=True, eq=False)
class _FoldRanks:
    """A fold, its training rows, the rank of the group of each in every repeat, and how many groups there are."""

    split: Split
    rows: np.ndarray
    ranks: tuple[np.ndarray, ...]
    units: int
    least: int


def plan_curve(config: CurveConfig) -> CurvePlan:
    """Read the study, deal the folds, and choose subsets that can be learned from.

    Raises
    ------
    ConfigError, InputError
        If an input cannot be used, there are too few groups, or a size cannot be had.
    """
    training, options = config.training, config.curve
    study = load_study(training.table, training.study, None, target_request(training), needs_dna=needs_dna(training))
    request = target_request(training)
    assert study.target is not None
    groups = sample_groups(training.split, study)
    wanted = FoldOptions(number=options.folds, repeats=1, seed=options.seed, validated=False)
    folds = make_folds(training.split, wanted, study, study.target, request.kind)
    splits = [learned_split(training, fold.split) for fold in folds]
    strata = request.kind.strata(study.target)
    ranked = [
        _rank(
            study,
            groups,
            strata,
            split,
            [(options.seed, fold, repeat) for repeat in range(options.repeats)],
            cover=request.kind.covers_strata,
        )
        for fold, split in enumerate(splits)
    ]
    total = len(study) if groups is None else len(np.unique(groups.astype(str)))
    unit = "sample" if groups is None else str(options.group_column)
    plan = CurvePlan(training=training, study=study, groups=groups, unit=unit, total=total, sizes=(), jobs=())
    return _with_jobs(plan, ranked, options.sizes)


def _rank(
    study: Study,
    groups: np.ndarray | None,
    strata: np.ndarray,
    split: Split,
    seeds: Sequence[tuple[int, int, int]],
    *,
    cover: bool,
) -> _FoldRanks:
    """The training samples of a fold in the order of their ids, and their groups in one random order for each seed."""
    rows = split.train[np.argsort(study.sample_ids[split.train].astype(str), kind="stable")]
    own = None if groups is None else groups[rows]
    found = [nested_ranks(strata[rows], own, np.random.default_rng(seed), cover=cover) for seed in seeds]
    units = len(rows) if own is None else len(np.unique(own.astype(str)))
    least = max(number for _, number in found)
    return _FoldRanks(split=split, rows=rows, ranks=tuple(ranks for ranks, _ in found), units=units, least=least)


def _with_jobs(plan: CurvePlan, folds: Sequence[_FoldRanks], wanted: Sequence[int]) -> CurvePlan:
    """The plan with its sizes and trainings; of sizes that nobody asked for, those that can be learned from."""
    fewest, least = min(fold.units for fold in folds), max(fold.least for fold in folds)
    usual = LEAST_SAMPLES if plan.groups is None else LEAST_GROUPS
    all_units = float(np.mean([fold.units for fold in folds]))
    if wanted:
        _check_sizes(plan, wanted, fewest, least)
        below = sorted(size for size in wanted if size < all_units)
    else:
        below = [size for size in ladder(fewest, max(usual, least)) if size < fewest]
        below = [size for size in below if _can_learn(plan, folds, size)]
    if not below:
        problem = f"{plural(plan.total, _noun(plan))} leave one size of training sets"
        raise InputError("learning curve", problem, f"at least {2 * max(usual, least)} are needed, or name --sizes")
    sizes = (*map(float, below), all_units)
    jobs = tuple(job for fold in folds for job in _jobs(fold, below))
    return CurvePlan(
        training=plan.training,
        study=plan.study,
        groups=plan.groups,
        unit=plan.unit,
        total=plan.total,
        sizes=sizes,
        jobs=jobs,
    )


def _noun(plan: CurvePlan) -> str:
    return "sample" if plan.groups is None else "group"


def _check_sizes(plan: CurvePlan, wanted: Sequence[int], fewest: int, least: int) -> None:
    if max(wanted) > fewest:
        raise ConfigError(
            f"--sizes: {max(wanted)} is more than the {plural(fewest, _noun(plan))} that a fold learns from"
        )
    if min(wanted) < least:
        raise ConfigError(f"--sizes: {min(wanted)} is too few for a training set with every class; {least} are needed")


def _can_learn(plan: CurvePlan, folds: Sequence[_FoldRanks], size: int) -> bool:
    """Whether all training sets of a size teach the targets and covariates."""
    try:
        for fold in folds:
            for repeat in range(len(fold.ranks)):
                plan.inputs(_job(fold, 0, repeat, size))
    except InputError:
        return False
    return True


def _jobs(fold: _FoldRanks, below: Sequence[int]) -> Iterator[Job]:
    yield _job(fold, len(below), 0, fold.units)
    for place in reversed(range(len(below))):
        for repeat in range(len(fold.ranks)):
            yield _job(fold, place, repeat, below[place])


def _job(fold: _FoldRanks, size: int, repeat: int, units: int) -> Job:
    chosen = np.sort(fold.rows[fold.ranks[repeat] < units])
    split = Split(chosen, chosen[:0], fold.split.test)
    return Job(size=size, repeat=repeat, units=units, split=split)


def size_words(plan: CurvePlan) -> str:
    """The sizes in words."""
    shown = ", ".join(f"{size:,.0f}" for size in plan.sizes)
    what = "samples" if plan.groups is None else f"groups of '{shorten(plan.unit)}'"
    return f"training sets of {shown} {what}"
