"""`aam train --cv`: a model for each fold, in a run directory of its own, and one report for all.

The run directory holds ``folds/NAME/``, each an ordinary and complete run of ``aam train`` on the lists of samples in
``lists/NAME/``; the random forests' predictions in ``forests/NAME.tsv``; and the results of all folds together. A fold
of repeat ``r`` (from 1) has the seed of the run + ``r`` - 1: the folds of one repeat differ in their samples alone.
"""

from __future__ import annotations

import shlex
import shutil
import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

import numpy as np

from aam.cli.fold_runs import (
    FOLDS,
    FORESTS,
    LISTS,
    FoldRun,
    check_lists,
    fit_forest_of,
    fold_runs,
    resumed,
    write_lists,
)
from aam.cli.options import config_text
from aam.cli.running import command_line, train_into_directory
from aam.config import TrainConfig, replace, to_flat
from aam.data.describe import describe
from aam.data.folds import FoldOptions, make_folds
from aam.data.study import Study, load_study
from aam.data.target_fit import fit_targets
from aam.data.targets import Targets, joint_levels
from aam.errors import AamError, PreemptedError
from aam.files.atomic import write_text
from aam.files.run_directory import RunDirectory, environment, open_run
from aam.files.run_log import logging_to_file, logging_to_terminal, say
from aam.report.words import duration
from aam.training.inputs import target_request, target_rules
from aam.training.prepare import prepare_training
from aam.training.record import DATA, check_inputs_unchanged, input_records, study_record

FINAL = "final_model.yaml"
PREDICTIONS = {"model": "cv_predictions.tsv", "forest": "cv_forest_predictions.tsv"}
METRICS = "cv_metrics.tsv"
SIGNALS = (signal.SIGTERM, signal.SIGINT, signal.SIGUSR1)


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
    options = config.run
    resume = options.resume_from is not None
    with (
        logging_to_terminal(),
        open_run(options.output_dir, resume=resume, overwrite=options.overwrite) as run,
        logging_to_file(run.log),
    ):
        say(f"$ {command_line()}")
        if resume:
            check_inputs_unchanged(config, run)
        study = load_study(config.table, config.study, config.sampling, target_request(config))
        targets, runs = _plan(config, study, run)
        say(*describe(study), _folds_line(config, runs))
        if resume and (run.path / DATA).exists():
            check_lists(runs)
        else:
            _write_plan(config, study, targets, run, runs)
        with _nothing_left_of_a_false_start(run, runs):
            _run_folds(config, study, targets, run, runs)
        with _stopped_in_order(run, "after the last fold"):
            _finish(config, targets, run, runs)
        run.finish({"folds": len(runs)})
        say(*_next_commands(run))


def _plan(config: TrainConfig, study: Study, run: RunDirectory) -> tuple[Targets, list[FoldRun]]:
    """The targets as all samples have them (their kind and classes count), and the folds."""
    assert study.target is not None
    assert study.metadata is not None
    assert config.evaluation.cv is not None
    rules, sheet = target_rules(config), study.metadata
    levels = joint_levels(sheet, rules.normalize_by) if rules.normalize_by else None
    targets = fit_targets(rules, study.targets, np.arange(len(study)), sheet.source, levels)
    wanted = FoldOptions(number=config.evaluation.cv, repeats=config.evaluation.cv_repeats, seed=config.run.seed)
    folds = make_folds(config.split, wanted, study, study.target, targets.kind)
    return targets, fold_runs(folds, study, run)


def _folds_line(config: TrainConfig, runs: list[FoldRun]) -> str:
    repeats = config.evaluation.cv_repeats
    times = f", {repeats} times" if repeats > 1 else ""
    sizes = [[len(ids) for ids in fold.ids.values()] for fold in runs]
    low, high = np.min(sizes, axis=0), np.max(sizes, axis=0)
    shown = [f"{a:,}" if a == b else f"{a:,} to {b:,}" for a, b in zip(low, high, strict=True)]
    words = ", ".join(f"{count} {part}" for count, part in zip(shown, runs[0].ids, strict=True))
    return f"cross-validation: {config.evaluation.cv} folds{times}; samples in each: {words}"


def _write_plan(config: TrainConfig, study: Study, targets: Targets, run: RunDirectory, runs: list[FoldRun]) -> None:
    run.write_config("train", {**to_flat(config), "resume_from": None})
    write_lists(runs)
    final = config.run.output_dir.with_name(f"{config.run.output_dir.resolve().name}-final")
    alone = replace(config, cv=None, cv_repeats=1, output_dir=final, overwrite=False, resume_from=None)
    write_text(run.path / FINAL, config_text("train", alone))
    record = {
        "command": command_line(),
        "inputs": list(input_records(config)),
        **study_record(study, np.arange(len(study))),
        "samples": {"folds": len(study)},
        "targets": targets.to_dict(),
        "environment": environment(),
    }
    run.write_json(DATA, record)


@contextmanager
def _nothing_left_of_a_false_start(run: RunDirectory, runs: list[FoldRun]) -> Iterator[None]:
    """Take the plan away if the first fold finds something wrong with the options, so that the next try has room."""
    try:
        yield
    except PreemptedError:
        raise
    except AamError:
        if not any(fold.directory.config.exists() for fold in runs):
            for name in (FOLDS, LISTS, FORESTS):
                shutil.rmtree(run.path / name, ignore_errors=True)
            for path in (run.path / FINAL, run.path / DATA, run.config):
                path.unlink(missing_ok=True)
        raise


def _run_folds(config: TrainConfig, study: Study, targets: Targets, run: RunDirectory, runs: list[FoldRun]) -> None:
    took: list[float] = []
    for place, fold in enumerate(runs, start=1):
        label = f"fold {place} of {len(runs)}"
        left = f"; about {duration(float(np.mean(took)) * (len(runs) - place + 1))} left" if took else ""
        state = ": is finished already" if fold.directory.is_finished else left
        say("", f"{label} ({fold.name}){state}")
        started = time.monotonic()
        with _stopped_in_order(run, f"in {label}"):
            is_new = _train_fold(config, fold)
            if config.evaluation.forest_baseline and not fold.forest.exists():
                fit_forest_of(fold, study, targets, fold.seed(config))
                is_new = True
        if is_new:
            took.append(time.monotonic() - started)


def _train_fold(config: TrainConfig, fold: FoldRun) -> bool:
    """Train the fold's model, or go on with it; returns whether anything was to be done."""
    if fold.directory.is_finished:
        return False
    own = resumed(config, fold) if fold.directory.config.exists() else fold.config(config)
    typed = shlex.join(["aam", "train", "--config", str(fold.directory.config), "--output-dir", "RUN"])
    fitted = train_into_directory(own, "train", typed, lambda: prepare_training(own), advise=False)
    if fitted.late_signal is not None:
        raise PreemptedError("stopped", interrupted=fitted.late_signal == signal.SIGINT)
    return True


@contextmanager
def _stopped_in_order(run: RunDirectory, where: str) -> Iterator[None]:
    """Let a signal stop the whole and say how to go on; while a fold trains, its own callback answers and saves."""

    def stop(number: int, _: FrameType | None) -> None:
        raise PreemptedError("stopped", interrupted=number == signal.SIGINT)

    before = {number: signal.signal(number, stop) for number in SIGNALS}
    try:
        yield
    except PreemptedError as error:
        remedy = f"go on with: aam train --resume-from {shlex.quote(str(run.path))}"
        raise PreemptedError(f"stopped {where}; {remedy}", interrupted=error.exit_code == 130) from error
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _finish(config: TrainConfig, targets: Targets, run: RunDirectory, runs: list[FoldRun]) -> None:
    """Put the folds together: tables, sentences and the report."""
    from aam.report.build_folds import build_folds_report
    from aam.report.cross_validation import judge_folds, write_metrics
    from aam.report.fold_results import read_fold, write_folds
    from aam.report.fold_sections import wins
    from aam.report.judgement import headline, verdicts

    results = [read_fold(fold.directory.path, fold.forest, fold.repeat, fold.number) for fold in runs]
    found = judge_folds(results)
    for who, name in PREDICTIONS.items():
        if who in results[0].predictions:
            write_folds(run.path / name, results, who)
    write_metrics(run.path / METRICS, found)
    won = wins(found)
    say("", headline(found.judgement, target), *verdicts(found.judgement), *([won] if won else []))
    if config.evaluation.report:
        say(f"report: {build_folds_report(run.path, found, target)}")


def _next_commands(run: RunDirectory) -> list[str]:
    return [
        f"results: {run.path / METRICS}",
        f"each fold's run: {run.path / FOLDS}",
        "",
        "Next, train the model to use, on all samples:",
        f"  aam train --config {shlex.quote(str(run.path / FINAL))}",
    ]
