"""What a search works on: the study, the parts that judge it, and the folds within what a trial may see."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from aam.config import SplitOptions, TrainConfig
from aam.config import replace as replace_options
from aam.config.commands.tune import TEST_SHARE, TuneConfig
from aam.config.tuning.space import Space, check_space, read_space
from aam.config.tuning.usual import usual_space
from aam.data.study.folds import Fold, FoldOptions, make_folds
from aam.data.study.split import Split, make_split, sample_groups
from aam.data.study.study import Study, load_study
from aam.data.targets.kinds import Kind
from aam.errors import ConfigError, InputError
from aam.evaluation.catalogue import metric
from aam.training.plan.supervision import needs_dna, needs_validation, split_options, target_request

GIVEN_PARTS = ("train_samples", "val_samples", "test_samples", "split_column")
"""Options that name the samples of parts."""
SEARCH = "search"
"""The search whose choice is recommended."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Part:
    """One search: what it may learn from, and the samples that judge its choice.

    Attributes
    ----------
    name
        ``search``, or ``outer-1`` and so on.
    study
        All that its trials see: the study without the samples that judge.
    folds
        Folds within these samples, whose test parts judge a trial.
    outer
        The split of the whole study whose test part judges its choice; that is empty where the outer folds judge.
    """

    name: str
    study: Study
    folds: tuple[Split, ...]
    outer: Split


@dataclass(frozen=True, kw_only=True, eq=False)
class TunePlan:
    """All that is to be searched.

    Attributes
    ----------
    config
        The options of the search.
    training
        The untuned default.
    study
        All samples.
    kind
        Of the targets.
    parts
        The searches; the last one recommends.
    space
        What varies.
    units
        Groups, or samples that stand alone, that the recommending search learns from.
    """

    config: TuneConfig
    training: TrainConfig
    study: Study
    kind: Kind
    parts: tuple[Part, ...]
    space: Space
    units: int

    @property
    def metric(self) -> str:
        """What trials are judged by: of several targets, its mean."""
        several = len(self.training.target.metadata_column) > 1
        name = self.kind.mean_metric if several else self.kind.main_metric
        assert name is not None
        return name

    @property
    def sign(self) -> int:
        """1 where a larger metric is better, else -1."""
        return 1 if metric(self.metric).higher_is_better else -1


def plan_search(config: TuneConfig) -> TunePlan:
    """Read the study, set aside what judges, and deal the folds of each search.

    Raises
    ------
    ConfigError, InputError
        If an input cannot be used, or there is too little of it for the folds.
    """
    training = config.training
    request = target_request(training)
    study = load_study(training.table, training.study, training.drawing, request, needs_dna=needs_dna(training))
    parts = tuple(_part(config, study, request.kind, *one) for one in _outer_splits(config, study, request.kind))
    last = parts[-1]
    groups = sample_groups(drawn(training), last.study)
    units = len(last.study) if groups is None else len(np.unique(groups.astype(str)))
    space = _space(config, training, units, has_dna=study.has_dna)
    return TunePlan(
        config=config, training=training, study=study, kind=request.kind, parts=parts, space=space, units=units
    )


def drawn(config: TrainConfig) -> SplitOptions:
    """How folds are drawn, whatever the test part is: where studies are to stay whole, they are the groups."""
    return split_options(replace_options(config, **dict.fromkeys(GIVEN_PARTS)))


def _space(config: TuneConfig, training: TrainConfig, units: int, *, has_dna: bool) -> Space:
    if config.search.space is not None:
        return read_space(config.search.space, training)
    space = usual_space(training, units, has_dna=has_dna)
    if not space:
        raise ConfigError(
            f"nothing to search with --learners {','.join(training.learners.learners)}: none of the options that vary "
            "by default concerns it; add learners, or give --space"
        )
    check_space(space, training)
    return space


def _outer_splits(config: TuneConfig, study: Study, kind: Kind) -> list[tuple[str, Split]]:
    """Name of each search, and the split of the whole study that judges it."""
    every, split, seed = np.arange(len(study)), split_options(config.training), config.run.seed
    assert study.target is not None
    if config.tested_by == "folds":
        assert config.search.outer_folds is not None
        wanted = FoldOptions(number=config.search.outer_folds, repeats=1, seed=seed, validated=False)
        folds = _folds(split, wanted, study, kind, "--outer-folds")
        found = [(f"outer-{fold.number}", fold.split) for fold in folds]
        return [*found, (SEARCH, Split(every, every[:0], every[:0]))]
    own = split if config.tested_by == "given" else _set_aside(split)
    parts = make_split(own, study, study.target, kind, seed, validated=needs_validation(config.training))
    if not len(parts.test):
        problem = "no sample is left to judge the choice"
        raise InputError("split", problem, "name test samples, or leave the split to --test-size or --outer-folds")
    return [(SEARCH, parts)]


def _set_aside(split: SplitOptions) -> SplitOptions:
    """The same with a test part, which needs room beside the validation part."""
    return replace(split, test_size=min(TEST_SHARE, (1 - split.validation_size) / 2))


def _part(config: TuneConfig, study: Study, kind: Kind, name: str, outer: Split) -> Part:
    own = study.take(outer.joined().train)
    wanted = FoldOptions(
        number=config.search.folds,
        repeats=1,
        seed=config.run.seed,
        validated=needs_validation(config.training),
    )
    folds = _folds(drawn(config.training), wanted, own, kind, "--folds")
    return Part(name=name, study=own, folds=tuple(fold.split for fold in folds), outer=outer)


def _folds(split: SplitOptions, wanted: FoldOptions, study: Study, kind: Kind, option: str) -> list[Fold]:
    """The folds; what is wrong with them is said of the option that asks for them."""
    assert study.target is not None
    try:
        return make_folds(split, wanted, study, study.target, kind)
    except InputError as error:
        problems = tuple(problem.replace("--cv", option) for problem in error.problems)
        raise InputError.of(problems, is_checked=False) from None
