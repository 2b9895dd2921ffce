"""`aam train --cv`: a model (or an ensemble) for each fold, in a run directory of its own, and one report for all.

The run directory holds ``folds/NAME/``, each an ordinary and complete run of ``aam train`` on the lists of samples in
``lists/NAME/``; the random forests' predictions in ``forests/NAME.tsv``; and the results of all folds together. A fold
of repeat ``r`` (from 1) has the seed of the run + (``r`` - 1) times the size of the ensemble: the folds of one repeat
differ in their samples alone, and no two repeats share a seed.
"""

from __future__ import annotations

import shlex
from collections.abc import Sequence

import numpy as np

from aam.cli.beginning import make_room, options_to_repeat
from aam.cli.ensemble import train_one_or_several
from aam.cli.fold_runs import FOLDS, FORESTS, LISTS, FoldRun, fit_forest_of, fold_runs
from aam.cli.options import config_text
from aam.cli.running import command_line, taken_directory
from aam.cli.sub_runs import (
    check_lists,
    in_turn,
    nothing_left_of_a_false_start,
    stopped_within,
    train_sub_run,
    write_lists,
)
from aam.config import TrainConfig, replace
from aam.data.describe import describe
from aam.data.study import load_study
from aam.data.targets import Targets
from aam.files.atomic import write_text
from aam.files.leftovers import remove_leftovers
from aam.files.run_directory import RunDirectory
from aam.files.run_log import logging_to_terminal, say
from aam.training.fold_inputs import learnable_folds
from aam.training.inputs import target_request
from aam.training.record import DATA, run_record, study_record

FINAL = "final_model.yaml"
PREDICTIONS, FOREST_PREDICTIONS = "cv_predictions.tsv", "cv_forest_predictions.tsv"
METRICS = "cv_metrics.tsv"


def cross_validate(config: TrainConfig) -> None:
    """Train and judge a model for each fold, or go on where that was stopped.

    Parameters
    ----------
    config
        With ``cv``.

    Raises
    ------
    InputError
        If there are too few samples, groups or samples of a class for the folds; and what a training run raises.
    PreemptedError
        If a signal stopped it; with how to go on.
    """
    with logging_to_terminal(), taken_directory(config, command_line()) as (run, before):
        study = load_study(config.table, config.study, config.sampling, target_request(config))
        targets, of_samples = learnable_folds(config, study)
        folds = fold_runs(of_samples, study, run, config)
        runs = [fold.sub for fold in folds]
        for folder in (run.path / FORESTS, *(sub.lists for sub in runs)):
            remove_leftovers(folder, owned=True)
        say(*describe(study), _folds_line(config, folds))
        record = {
            **run_record(config, before, command_line()),
            **study_record(study, np.arange(len(study))),
            "samples": {"folds": len(study)},
            "targets": targets.to_dict(),
        }
        if config.run.resume_from is not None and (run.path / DATA).exists():
            check_lists(runs)
        else:
            _write_plan(config, run, folds)
        run.write_json(DATA, record)

        def train_and_compare(place: int) -> bool:
            fold = folds[place]
            is_new = train_sub_run(fold.config(config), fold.sub, train_one_or_several)
            if config.evaluation.forest_baseline and not fold.forest.exists():
                fit_forest_of(fold, study, targets, config)
                return True
            return is_new

        with nothing_left_of_a_false_start(run, runs, (FOLDS, LISTS, FORESTS, FINAL, DATA, run.config.name)):
            in_turn(run, runs, "fold", train_and_compare)
        with stopped_within(run, "after the last fold"):
            _finish(config, targets, run, folds)
        run.finish({"folds": len(folds)})
        say(*_next_commands(run))


def _folds_line(config: TrainConfig, folds: Sequence[FoldRun]) -> str:
    repeats = config.evaluation.cv_repeats
    times = f", {repeats} times" if repeats > 1 else ""
    parts = folds[0].sub.ids
    sizes = [[len(ids) for ids in fold.sub.ids.values()] for fold in folds]
    low, high = np.min(sizes, axis=0), np.max(sizes, axis=0)
    shown = [f"{a:,}" if a == b else f"{a:,} to {b:,}" for a, b in zip(low, high, strict=True)]
    words = ", ".join(f"{count} {part}" for count, part in zip(shown, parts, strict=True))
    return f"cross-validation: {config.evaluation.cv} folds{times}; samples in each: {words}"


def _write_plan(config: TrainConfig, run: RunDirectory, folds: Sequence[FoldRun]) -> None:
    """Make room, and write the options, the lists of samples, and the options of the model to use in the end."""
    make_room(run, config)
    run.write_config("train", options_to_repeat(config))
    write_lists([fold.sub for fold in folds])
    final = config.run.output_dir.with_name(f"{config.run.output_dir.resolve().name}-final")
    alone = replace(config, cv=None, cv_repeats=1, output_dir=final, overwrite=False, resume_from=None)
    write_text(run.path / FINAL, config_text("train", alone))


def _finish(config: TrainConfig, targets: Targets, run: RunDirectory, folds: Sequence[FoldRun]) -> None:
    """Put the folds together: tables, sentences and the report."""
    from aam.report.build_folds import build_folds_report
    from aam.report.cross_validation import judge_folds, write_metrics
    from aam.report.fold_results import TESTED, join_tables, read_fold
    from aam.report.fold_sections import wins
    from aam.report.judgement import headline, verdicts

    results = [read_fold(fold.sub.directory.path, fold.forest, *map(int, fold.labels)) for fold in folds]
    found = {
        column: judge_folds([result[column] for result in results if column in result]) for column in targets.columns
    }
    tables = [(fold.labels, fold.sub.directory.path / TESTED) for fold in folds]
    join_tables(run.path / PREDICTIONS, ["repeat", "fold"], tables)
    if config.evaluation.forest_baseline:
        join_tables(run.path / FOREST_PREDICTIONS, ["repeat", "fold"], [(fold.labels, fold.forest) for fold in folds])
    write_metrics(run.path / METRICS, found)
    for spec in targets.specs:
        judged = found[spec.column]
        won = wins(judged)
        say("", headline(judged.judgement, spec), *verdicts(judged.judgement), *([won] if won else []))
    if config.evaluation.report:
        say(f"report: {build_folds_report(run.path, found, targets)}")


def _next_commands(run: RunDirectory) -> list[str]:
    return [
        f"results: {run.path / METRICS}",
        f"each fold's run: {run.path / FOLDS}",
        "",
        "Next, train the model to use, on all samples:",
        f"  aam train --config {shlex.quote(str(run.path / FINAL))}",
    ]
