"""`aam train --cv`: a model (or an ensemble) for each fold, in a run directory of its own, and one report for all.

The run directory holds ``folds/NAME/``, each an ordinary and complete run of ``aam train`` on the lists of samples in
``lists/NAME/``; the random forests' predictions in ``forests/NAME.tsv``; and the results of all folds together. A fold
of repeat ``r`` (from 1) has the seed of the run + (``r`` - 1) times the size of the ensemble: the folds of one repeat
differ in their samples alone, and no two repeats share a seed.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from aam.config import TrainConfig, replace
from aam.config.studies import STUDY
from aam.data.study.covariates import CovariateSpec
from aam.data.study.folds import Fold
from aam.data.study.several.folds import OPTION, in_turn_words
from aam.data.study.several.harmony import harmony_of
from aam.data.study.several.labels import balance_levels, balance_notes, study_labels
from aam.data.study.split import Split, sample_groups
from aam.data.study.study import Study, load_study
from aam.data.study.summary import describe
from aam.data.targets.targets import Targets
from aam.evaluation.prediction_table import copy_part, join_tables, write_predictions
from aam.files.atomic import remove_leftovers, write_text
from aam.log import say
from aam.runs.directory import RunDirectory
from aam.runs.layout import (
    CV_FOREST_PREDICTIONS,
    CV_METRICS,
    CV_PREDICTIONS,
    CV_STUDIES,
    DATA,
    FINAL_CONFIG,
    FOLD_LISTS,
    FOLDS,
    FOREST_PREDICTIONS,
    FORESTS,
    PREDICTIONS,
)
from aam.runs.saved_options import config_text
from aam.training.plan.folds import learnable_folds
from aam.training.plan.supervision import learned_split, target_request
from aam.workflows.runs.at_once import Training, at_once
from aam.workflows.runs.blend.checks import check_training
from aam.workflows.runs.child_runs import (
    ALONE,
    ChildRun,
    check_lists,
    in_turn,
    rollback_if_first_run_fails,
    stopped_within,
    train_child_run,
    write_lists,
)
from aam.workflows.runs.ensemble import train_one_or_several
from aam.workflows.runs.results import CrossValidationResult
from aam.workflows.runs.run_manifest import InputStates, notes_of_all, run_record, study_record
from aam.workflows.runs.single_run import make_room, options_to_repeat, taken_directory
from aam.workflows.runs.tracked import tracked

if TYPE_CHECKING:
    from aam.evaluation.cross_validation import CrossValidation

KIND = "cross-validation"
"""What trackers call it."""


@dataclass(frozen=True, kw_only=True, eq=False)
class FoldRun:
    """A fold and where it lies.

    Attributes
    ----------
    fold
        Its samples.
    child
        The run of its model.
    forest
        The table of its random forest's predictions.
    """

    fold: Fold
    child: ChildRun
    forest: Path

    @property
    def labels(self) -> tuple[str, str]:
        """Repeat, and number within the repeat, both from 1."""
        return str(self.fold.repeat), str(self.fold.number)

    def config(self, config: TrainConfig) -> TrainConfig:
        """The options of an ordinary run of this fold; a blend says itself what its random forest predicts."""
        own = config.evaluation.forest_baseline and brings_forest(config)
        whole = config.studies.whole_studies or self.fold.whole_studies
        return self.child.config(config, cv=None, cv_repeats=1, forest_baseline=own, whole_studies=whole)

    def training(self, whole: RunDirectory, config: TrainConfig) -> Training:
        """Its training in a process of its own."""
        return Training(whole=whole, config=self.config(config), child=self.child, train=train_one_or_several)


def brings_forest(config: TrainConfig) -> bool:
    """Whether the model of a fold has a random forest among its members, so that none is fitted beside it."""
    return config.is_blend and config.learners.with_forest


def fold_runs(folds: Sequence[Fold], study: Study, run: RunDirectory, config: TrainConfig) -> list[FoldRun]:
    """Where each fold of a cross-validation lies in its run directory; each repeat has seeds of its own."""
    return [
        FoldRun(
            fold=fold,
            child=ChildRun(
                name=fold.name,
                directory=RunDirectory(run.path / FOLDS / fold.name),
                lists=run.path / FOLD_LISTS / fold.name,
                ids={part: list(map(str, study.sample_ids[rows])) for part, rows in fold.split.parts().items()},
                seed=config.run.later_seed((fold.repeat - 1) * config.evaluation.ensemble),
            ),
            forest=run.path / FORESTS / f"{fold.name}.tsv",
        )
        for fold in folds
    ]


def write_forest_of(fold: FoldRun, study: Study, targets: Targets, config: TrainConfig) -> None:
    """Write what a random forest predicts of the fold's test samples: a blend's own, or one that is fitted for it."""
    if not brings_forest(config):
        fit_forest_of(fold, study, targets, config)
        return
    fold.forest.parent.mkdir(exist_ok=True)
    copy_part(fold.forest, fold.child.directory.path / FOREST_PREDICTIONS, "test")


def fit_forest_of(fold: FoldRun, study: Study, targets: Targets, config: TrainConfig) -> None:
    """Fit random forests on all samples that the fold does not test, and write their predictions of its test samples.

    The model needs validation samples to choose its best epoch; a forest does not, so it learns from them as well. Each
    target has a forest of its own, fitted on the samples that have it. Covariates are those of the fold's model, with
    the levels of its training samples.
    """
    from aam.learners.held_out import held_out_predictions
    from aam.learners.trees.forest import ForestSettings, fit_forest

    split, groups = fold.fold.split, sample_groups(config.split, study)
    learned = np.union1d(split.train, split.validation)
    both = Split(learned, np.empty(0, dtype=np.int64), split.test)
    spec = _covariate_spec(config, study, learned_split(config, split).train)
    forest = fit_forest(study, learned, targets, spec, ForestSettings(seed=fold.child.seed))
    tables = held_out_predictions(forest, study, both, groups)["test"]
    fold.forest.parent.mkdir(exist_ok=True)
    write_predictions(fold.forest, {"test": tables}, targets.columns)
    say(f"random forest on the fold's {len(learned):,} training and validation samples: {fold.forest}")


def _covariate_spec(config: TrainConfig, study: Study, train_rows: np.ndarray) -> CovariateSpec | None:
    """The covariates of the fold's model."""
    if not config.covariates.columns:
        return None
    assert study.metadata is not None
    return CovariateSpec.fit(config.covariates, study.metadata, train_rows)


def train_folds(config: TrainConfig, command_line: str) -> CrossValidationResult:
    """Train and evaluate a model for each fold, or resume.

    Parameters
    ----------
    config
        With ``cv``.
    command_line
        The command line that repeats the run.

    Raises
    ------
    InputError
        If there are too few samples, groups or samples of a class for the folds; and what a training run raises.
    PreemptedError
        If a signal stopped it; with how to resume.
    """
    with taken_directory(config, command_line) as (run, before), tracked(config, run, KIND) as tracking:
        plan = plan_folds(config, run)
        tracking.begin(config, plan.write(before, command_line))
        with plan.rollback_if_first_run_fails():
            if config.jobs.are_several:
                trainings = [fold.training(run, config) for fold in plan.folds]
                at_once(run, "fold", trainings, config.jobs, plan.compare)
            else:
                in_turn(run, plan.runs, "fold", plan.train_and_compare)
        result = plan.finish()
        tracking.end(result.judgements)
    return result


def plan_folds(config: TrainConfig, run: RunDirectory) -> FoldsPlan:
    """Read the study, and deal its folds; nothing is written.

    Raises
    ------
    InputError
        As :func:`train_folds`.
    """
    study = load_study(
        config.table, config.study, config.drawing, target_request(config), needs_dna=config.learners.needs_dna
    )
    targets, of_samples = learnable_folds(config, study, check_training)
    folds = fold_runs(of_samples, study, run, config)
    harmony = harmony_of(study, config.study.study_column)
    told = [] if harmony is None else harmony.lines()
    balance = balance_notes(config, balance_levels(config, study), np.arange(len(study)))
    say(*describe(study), *told, *balance, *of_samples[0].split.notes, _folds_line(config, folds, study))
    return FoldsPlan(config=config, run=run, study=study, targets=targets, folds=tuple(folds))


@dataclass(frozen=True, kw_only=True, eq=False)
class FoldsPlan:
    """A cross-validation that is about to be computed.

    Attributes
    ----------
    config, run
        Its options and its run directory.
    study, targets
        The samples, and the targets as all of them have them.
    folds
        Where each fold lies.
    """

    config: TrainConfig
    run: RunDirectory
    study: Study
    targets: Targets
    folds: tuple[FoldRun, ...]

    @property
    def runs(self) -> list[ChildRun]:
        """The runs of the folds."""
        return [fold.child for fold in self.folds]

    def write(self, before: InputStates, command_line: str) -> dict[str, Any]:
        """Write the plan down, or see that the one that is there is the same; returns the content of ``data.json``.

        Parameters
        ----------
        before
            The inputs, as they were before they were read.
        command_line
            The command line that repeats the run.
        """
        config, run = self.config, self.run
        notes = (*self.folds[0].fold.split.notes, *notes_of_all(self.study, config))
        for folder in (run.path / FORESTS, *(child.lists for child in self.runs)):
            remove_leftovers(folder, owned=True)
        harmony = harmony_of(self.study, config.study.study_column)
        studies = {} if harmony is None else harmony.to_dict()
        if config.evaluation.cv == STUDY:
            studies["left_out"] = studies_left_out([one.fold for one in self.folds])
        record = {
            **run_record(config, before, command_line),
            **study_record(self.study, np.arange(len(self.study)), notes),
            "samples": {"folds": len(self.study)},
            "targets": self.targets.to_dict(),
            **({"studies": studies} if studies else {}),
        }
        if config.run.resume_from is not None and (run.path / DATA).exists():
            check_lists(self.runs)
        else:
            _write_plan(config, run, self.folds)
        run.write_json(DATA, record)
        return record

    def check(self) -> None:
        """Refuse a plan that was written for other folds than these."""
        check_lists(self.runs)

    def rollback_if_first_run_fails(self) -> AbstractContextManager[None]:
        """Remove the plan if the first fold finds the options wrong."""
        run = self.run
        names = (FOLDS, FOLD_LISTS, FORESTS, FINAL_CONFIG, DATA, run.config.name)
        return rollback_if_first_run_fails(run, self.runs, names)

    def compare(self, place: int) -> bool:
        """Write what a random forest predicts in a fold; returns whether that was to be done."""
        fold = self.folds[place]
        is_lacking = self.config.evaluation.forest_baseline and not fold.forest.exists()
        if is_lacking:
            write_forest_of(fold, self.study, self.targets, self.config)
        return is_lacking

    def train_and_compare(self, place: int) -> bool:
        """Train a fold's model and its forest; returns whether there was anything to do."""
        fold = self.folds[place]
        is_new = train_child_run(fold.config(self.config), fold.child, train_one_or_several)
        return self.compare(place) or is_new

    def finish(self) -> CrossValidationResult:
        """Put the folds together."""
        run = self.run
        with stopped_within(run, "after the last fold"):
            found = _finish(self.config, self.targets, run, self.folds)
        run.finish({"folds": len(self.folds)})
        say(f"results: {run.path / CV_METRICS}", f"each fold's run: {run.path / FOLDS}")
        return self.result(found)

    def result(self, found: Mapping[str, CrossValidation]) -> CrossValidationResult:
        """Where all lies."""
        return CrossValidationResult(
            run=self.run.path,
            folds=tuple(child.directory.path for child in self.runs),
            targets=found,
            final_config=self.run.path / FINAL_CONFIG,
        )


def studies_left_out(folds: Sequence[Fold]) -> list[str]:
    """The study that each fold of a repeat leaves out, in their order."""
    return [fold.study for fold in folds if fold.repeat == 1]


def _folds_line(config: TrainConfig, folds: Sequence[FoldRun], study: Study) -> str:
    repeats = config.evaluation.cv_repeats
    times = f", {repeats} times" if repeats > 1 else ""
    splits = [learned_split(config, fold.fold.split).parts() for fold in folds]
    parts = splits[0]
    sizes = [[len(rows) for rows in split.values()] for split in splits]
    low, high = np.min(sizes, axis=0), np.max(sizes, axis=0)
    shown = [f"{a:,}" if a == b else f"{a:,} to {b:,}" for a, b in zip(low, high, strict=True)]
    words = ", ".join(f"{count} {part}" for count, part in zip(shown, parts, strict=True))
    what = f"{len({fold.fold.number for fold in folds})} folds{times}"
    if config.evaluation.cv == STUDY:
        tested = studies_left_out([fold.fold for fold in folds])
        what = in_turn_words(study_labels(study, config.study.study_column, OPTION), tested, times)
    return f"cross-validation: {what}; samples in each: {words}"


def _write_plan(config: TrainConfig, run: RunDirectory, folds: Sequence[FoldRun]) -> None:
    """Make room, and write the options, the lists of samples, and the options of the model to use in the end."""
    make_room(run, config)
    run.write_config("train", options_to_repeat(config))
    write_lists([fold.child for fold in folds])
    final = config.run.output_dir.with_name(f"{config.run.output_dir.resolve().name}-final")
    whole = config.studies.whole_studies or any(fold.fold.whole_studies for fold in folds)
    own: dict[str, Any] = {"output_dir": final, "overwrite": False, "resume_from": None, **ALONE}
    alone = replace(config, cv=None, cv_repeats=1, whole_studies=whole, **own)
    write_text(run.path / FINAL_CONFIG, config_text("train", alone))


def _finish(
    config: TrainConfig, targets: Targets, run: RunDirectory, folds: Sequence[FoldRun]
) -> dict[str, CrossValidation]:
    """Put the folds together: tables, sentences and the report."""
    from aam.evaluation.baseline_comparison import headline, verdicts
    from aam.evaluation.cross_validation import judge_folds, read_fold, write_metrics
    from aam.evaluation.studies.judge import judge_studies, study_words, write_studies
    from aam.report.build import build_folds_report
    from aam.report.sections.folds import wins

    results = [
        read_fold(one.child.directory.path, one.forest, one.fold.repeat, one.fold.number, one.fold.study)
        for one in folds
    ]
    found = judge_folds(results, targets.columns)
    labels = [dict(zip(("repeat", "fold"), fold.labels, strict=True)) for fold in folds]
    by_study = config.evaluation.cv == STUDY
    if by_study:
        labels = [{**label, "study": fold.fold.study} for label, fold in zip(labels, folds, strict=True)]
    tested = [fold.child.directory.path / PREDICTIONS["test"] for fold in folds]
    join_tables(run.path / CV_PREDICTIONS, list(zip(labels, tested, strict=True)))
    if config.evaluation.forest_baseline:
        join_tables(run.path / CV_FOREST_PREDICTIONS, list(zip(labels, [fold.forest for fold in folds], strict=True)))
    write_metrics(run.path / CV_METRICS, found)
    left_out = studies_left_out([fold.fold for fold in folds]) if by_study else []
    studies = judge_studies(found, left_out)
    if by_study:
        write_studies(run.path / CV_STUDIES, studies)
    for spec in targets.specs:
        judged = found[spec.column]
        won = wins(judged)
        whole = config.study.study_column if by_study else config.split.group_column
        said = headline(judged.judgement, spec, whole)
        say("", said, *verdicts(judged.judgement), *([won] if won else []), *study_words(studies.get(spec.column, ())))
    if config.run.report:
        say(f"report: {build_folds_report(run.path, found, targets, studies)}")
    return found
