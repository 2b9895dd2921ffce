"""`aam train` of a blend: one run in its run directory, from reading the inputs to the report."""

from __future__ import annotations

import dataclasses
import shutil
import time
from copy import copy
from typing import Any

import numpy as np

from aam.config import TrainConfig
from aam.data.study.study import Study
from aam.data.targets.kinds import Predictions
from aam.errors import RunError
from aam.evaluation.baseline_comparison import Judgement
from aam.evaluation.blend_record import blend_lines
from aam.evaluation.coverage import OUT_OF_FOLD, evaluate_coverage, evaluate_fold_coverage
from aam.evaluation.metrics import score
from aam.evaluation.prediction_table import write_part, write_predictions
from aam.learners.catalogue import FOREST, TREE_ENSEMBLES
from aam.learners.held_out import samples_of
from aam.learners.novelty.familiarity import Familiarity
from aam.learners.novelty.judgement import judge, verdict
from aam.learners.predictor import Combination, save_predictor
from aam.log import say, warn
from aam.runs.directory import RunDirectory
from aam.runs.layout import COVERAGE, DATA, FOREST_PREDICTIONS, PREDICTIONS
from aam.text import format_bytes, format_duration
from aam.training.plan.supervision import Inputs, read_inputs
from aam.workflows.runs.blend.checks import check_training
from aam.workflows.runs.blend.model import BlendModel, finished_words, fit_blend_model, say_plan
from aam.workflows.runs.finalize import say_verdicts
from aam.workflows.runs.results import TrainResult
from aam.workflows.runs.run_manifest import data_record, write_lists
from aam.workflows.runs.single_run import make_room, options_to_repeat, taken_directory
from aam.workflows.runs.tracked import tracked

TEST = "test"
BYTES_OF_A_SAMPLE = 2_000
"""In the trees of one ensemble of a small study, at least."""


def train_blend(config: TrainConfig, command_line: str) -> TrainResult:
    """Fit a blend of learners, and write its model, its predictions and the report.

    Parameters
    ----------
    config
        What was asked for.
    command_line
        The command line that repeats the run.

    Raises
    ------
    InputError, ConfigError
        If a file, an option or a combination of them cannot be used.
    """
    with taken_directory(config, command_line) as (run, before), tracked(config, run, "train") as tracking:
        inputs = read_inputs(config, check_training)
        record = data_record(config, inputs, before, command_line)
        say_plan(config, inputs)
        _check_disk(config, inputs, run)
        make_room(run, config)
        run.write_config("train", options_to_repeat(config))
        run.write_json(DATA, record)
        write_lists(inputs, run)
        tracking.begin(config, record)
        started = time.monotonic()
        model = fit_blend_model(config, inputs)
        say(finished_words(time.monotonic() - started, len(model.blend.names)))
        judgements = _write_results(config, inputs, model, run, record)
        run.finish({"learners": list(model.blend.names)})
        say(f"model: {run.model}")
        tracking.end(judgements)
    return TrainResult(run=run.path, config=config, judgements=judgements)


def _check_disk(config: TrainConfig, inputs: Inputs, run: RunDirectory) -> None:
    """Refuse a disk that has no room for the trees, which are most of a model and are written at the end."""
    assert inputs.targets is not None
    forests = sum(name in TREE_ENSEMBLES for name in config.members) + config.evaluation.forest_baseline
    needed = forests * len(inputs.targets) * len(inputs.split.train) * BYTES_OF_A_SAMPLE
    free = shutil.disk_usage(run.path).free
    if free < needed:
        problem = f"no space for the model on {run.path}"
        raise RunError(f"{problem} (needs {format_bytes(needed)} or more, {format_bytes(free)} free)")


def save_blend(model: BlendModel, run: RunDirectory) -> None:
    """Write the model folder, and that of the random forest alone."""
    record = {"trained on": f"{len(model.rows)} samples"}
    save_predictor(run.model, model.blend.learners, dataclasses.replace(model.combination, record=record))
    if model.forest is None:
        return
    alone = model.decoder_of(()).calibrate(model.forest.out_of_fold, model.samples)
    combination = Combination(
        head=model.combination.head,
        record=record,
        calibrations=alone,
        interval_level=model.combination.interval_level,
    )
    forest = copy(model.forest.learner)
    forest.task = dataclasses.replace(forest.task, reference=None)
    save_predictor(run.baseline, [forest], combination)


def _write_results(
    config: TrainConfig, inputs: Inputs, model: BlendModel, run: RunDirectory, record: dict[str, Any]
) -> dict[str, Judgement]:
    """Write everything that follows from the fitted members; what is found is said."""
    targets, blend = inputs.targets, model.blend
    assert targets is not None
    together = model.out_of_fold(blend.blended)
    made = model.record
    scores = {column: score(table.known()) for column, table in zip(targets.columns, together, strict=True)}
    say("", *blend_lines(made, targets, scores))
    main = targets.kind.main_metric
    run.write_json(DATA, {**record, "model": {"parameters": 0, "best_metric": main}, **made.to_dict()})
    write_part(run.path / PREDICTIONS[OUT_OF_FOLD], together, targets.columns)
    for line in model.decoder.coverage_warnings():
        warn(line)
    covered = evaluate_fold_coverage(model.decoder, blend.blended, model.samples, blend.fold_B)
    forests = {} if model.forest is None else {OUT_OF_FOLD: _forest_tables(model, model.forest.out_of_fold)}
    if len(inputs.split.test):
        covered, tested = _write_test(inputs, model, run)
        forests |= tested
    run.write_json(COVERAGE, {column: found.to_dict() for column, found in covered.items()})
    if forests and config.evaluation.forest_baseline:
        write_predictions(run.path / FOREST_PREDICTIONS, forests, targets.columns)
    save_blend(model, run)
    if model.forest is not None and model.forest.seconds:
        say(f"random forest on the same folds: {format_duration(model.forest.seconds)}; kept in {run.baseline}")
    return say_verdicts(config, targets, run)


def _forest_tables(model: BlendModel, learned: np.ndarray) -> list[Predictions]:
    return model.decoder_of(()).predictions(learned[None], model.samples)


def _write_test(inputs: Inputs, model: BlendModel, run: RunDirectory) -> tuple[dict[str, Any], dict[str, Any]]:
    """Predict the test samples; their coverage, and the predictions of the forest."""
    targets, rows, decoder = inputs.targets, inputs.split.test, model.decoder
    assert targets is not None
    novelty = _say_novelty(model.blend.learners[0].task.familiarity, inputs.study.take(rows))
    found = [learner.predict(inputs.study, rows) for learner in model.blend.learners]
    samples = samples_of(targets, inputs.study, rows, inputs.groups)
    learned = model.blend.combined(np.stack(found))
    tables = decoder.predictions(learned[None], samples)
    write_part(run.path / PREDICTIONS[TEST], tables, targets.columns, novelty)
    covered = evaluate_coverage(decoder, learned[None], samples, TEST)
    if model.forest is None:
        return covered, {}
    names = model.blend.names
    by_forest = found[names.index(FOREST)] if FOREST in names else model.forest.learner.predict(inputs.study, rows)
    return covered, {TEST: model.decoder_of(()).predictions(by_forest[None], samples)}


def _say_novelty(known: Familiarity | None, test: Study) -> dict[str, list[str]]:
    """Say how much of the test samples is new to the model; the columns that say it of each."""
    if known is None:
        return {}
    novelty = judge(known, test)
    found = verdict(known, test, novelty)
    say(*found.lines)
    for line in found.warnings:
        warn(line)
    return novelty.columns(np.arange(len(test)))
