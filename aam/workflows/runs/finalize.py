"""The end of a run: predictions of the held-out samples, the random forest beside them, vectors, and the report."""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch

from aam.config import PretrainConfig, TrainConfig
from aam.data.batches.loaders import LoaderOptions
from aam.data.targets.kinds import Predictions
from aam.data.targets.kinds.cells import cell
from aam.data.targets.targets import Targets
from aam.evaluation.baseline_comparison import Judgement, headline, verdicts
from aam.evaluation.coverage import evaluate_coverage
from aam.evaluation.decode_predictions import PredictionDecoder
from aam.evaluation.prediction_table import ID, write_part, write_predictions
from aam.evaluation.run_results import read_run
from aam.files.delimited import delimited
from aam.learners.baseline import save_with_intervals
from aam.learners.held_out import held_out_predictions, samples_of
from aam.learners.novelty.familiarity import Familiarity
from aam.learners.novelty.judgement import judge
from aam.learners.predictor import known_of
from aam.learners.trees.forest import ForestSettings, fit_forest
from aam.log import say, warn
from aam.models.folder.weights import load_models, save_models
from aam.models.inference import BatchPredictor
from aam.models.sequence_encoder import SequenceEncoder
from aam.models.sequence_predictor import SequencePredictor, num_parameters
from aam.report.build import build_report, judge_run
from aam.report.card import write_cards
from aam.runs.directory import RunDirectory
from aam.runs.layout import COVERAGE, DATA, EMBEDDINGS, FOREST_PREDICTIONS, PREDICTIONS
from aam.training.plan.supervision import Inputs
from aam.training.run.build_run import Prepared
from aam.training.run.fit import Fitted
from aam.workflows.runs.calibration import calibrated

Results = dict[str, tuple[np.ndarray, np.ndarray | None]]


@dataclass(frozen=True, kw_only=True, eq=False)
class Trained:
    """A run whose model, or all of an ensemble, is trained and in its folder.

    Attributes
    ----------
    config
        With nothing left open.
    inputs
        What was learned from.
    device
        Where to compute.
    """

    config: PretrainConfig | TrainConfig
    inputs: Inputs
    device: torch.device


def finish_run(trained: Trained, run: RunDirectory, record: Mapping[str, Any]) -> dict[str, Judgement]:
    """Write the predictions, intervals, baseline and report of a run's best model.

    Parameters
    ----------
    trained
        The run.
    run
        The run directory; its ``model/`` holds the best model, or all of an ensemble.
    record
        The content of ``data.json``.

    Returns
    -------
    dict of str to Judgement
        Target column -> the model and its baselines on the part that the headline is about; empty for pre-training.
    """
    models, description = load_models(run.model)
    results = _interpret(trained, models)
    _write_embeddings(run.path / EMBEDDINGS, trained.inputs, results)
    run.write_json(DATA, record)
    config, targets = trained.config, trained.inputs.targets
    if not isinstance(config, TrainConfig) or targets is None:
        write_cards(read_run(run.path), {})
        if config.run.report:
            say(f"report: {build_report(run.path)}")
        return {}
    learned = results["validation"][1]
    assert learned is not None
    inputs = trained.inputs
    validation = samples_of(targets, inputs.study, inputs.split.validation, inputs.groups)
    description = calibrated(description, config.evaluation, learned, validation)
    known = _familiarity(config, inputs)
    save_models(run.model, [dict(model.state_dict()) for model in models], description, known_of(known))
    for part, tables in _predictions(description.decoder(), trained.inputs, results, run).items():
        rows = trained.inputs.split.parts()[part]
        new = None if known is None or part != "test" else judge(known, trained.inputs.study.take(rows))
        more = {} if new is None else new.columns(np.arange(len(rows)))
        write_part(run.path / PREDICTIONS[part], tables, targets.columns, more)
    if config.evaluation.forest_baseline:
        _write_forest(run, trained.inputs, targets, config, description.data, known)
    return say_verdicts(config, targets, run)


def _familiarity(config: TrainConfig, inputs: Inputs) -> Familiarity | None:
    """What there is to know of the training samples."""
    rows = inputs.split.train
    groups = None if inputs.groups is None else inputs.groups[rows]
    return Familiarity.fit(inputs.study, rows, groups, seed=config.run.seed)


def say_verdicts(config: TrainConfig, targets: Targets, run: RunDirectory) -> dict[str, Judgement]:
    """Judge each target by the files of a run, say how good the model is beside its baselines, and write the report."""
    found = read_run(run.path)
    judgements = {}
    for spec in targets.specs:
        for judgement in judge_run(found, spec)[:1]:
            judgements[spec.column] = judgement
            say("", headline(judgement, spec, found.config.get("group_column")), *verdicts(judgement))
    write_cards(found, judgements)
    if config.run.report:
        say(f"report: {build_report(run.path)}")
    return judgements


def model_record(prepared: Prepared, fitted: Fitted) -> dict[str, Any]:
    """The entry of a trained model in ``data.json``."""
    return {
        "parameters": num_parameters(prepared.model),
        "best_epoch": fitted.best_epoch,
        "best_metric": prepared.plan.monitor,
        "best_value": fitted.best_value,
        "epochs": fitted.epochs,
        "skipped_steps": list(fitted.skipped_steps),
        "peak_bytes": fitted.peak_bytes,
    }


def _interpret(trained: Trained, models: Sequence[SequenceEncoder | SequencePredictor]) -> Results:
    """Vectors and predictions of the samples of each part, by the model that was kept, as anybody would load it.

    Held-out samples are predicted from as many rarefied draws as the run asks for; the draws are the first axis.
    """
    config, inputs = trained.config, trained.inputs
    assert config.optim.batch_size is not None
    options = LoaderOptions(batch_size=config.optim.batch_size, seed=config.run.seed)
    interpreter = BatchPredictor(models, inputs.study, config.sampling, options, trained.device, inputs.covariates)
    results: Results = {}
    for part, rows in inputs.split.parts().items():
        passes = config.evaluation.val_prediction_passes if isinstance(config, TrainConfig) and part != "train" else 1
        draws = [list(interpreter.run(rows, draw)) for draw in range(passes)]
        vectors = np.concatenate([output.vectors_BD for output in draws[0]])
        learned = [[output.learned for output in outputs if output.learned is not None] for outputs in draws]
        results[part] = (vectors, np.stack([np.concatenate(some) for some in learned]) if learned[0] else None)
    return results


def _predictions(
    decoder: PredictionDecoder, inputs: Inputs, results: Results, run: RunDirectory
) -> dict[str, list[Predictions]]:
    """Predictions of the held-out parts; how often their intervals hold the truth is written down."""
    samples = {
        part: samples_of(decoder.targets, inputs.study, rows, inputs.groups)
        for part, rows in inputs.split.parts().items()
        if part != "train"
    }
    learned = {part: values for part, (_, values) in results.items() if values is not None}
    for line in decoder.coverage_warnings():
        warn(line)
    judged = "test" if "test" in samples else "validation"
    records = evaluate_coverage(decoder, learned[judged], samples[judged], judged)
    run.write_json(COVERAGE, {column: record.to_dict() for column, record in records.items()})
    return {part: decoder.predictions(learned[part], found) for part, found in samples.items()}


def _write_forest(
    run: RunDirectory,
    inputs: Inputs,
    targets: Targets,
    config: TrainConfig,
    data: Mapping[str, Any],
    known: Familiarity | None,
) -> None:
    """Fit the random forest on the same split; write its predictions, and the forest as a model of its own."""
    started, study, split = time.monotonic(), inputs.study, inputs.split
    same = ("trim_length", "reverse_complement", "study_column")
    treated = {**{name: data.get(name) for name in same}, "rarefy_depth": None}
    settings = ForestSettings(seed=config.run.seed)
    forest = fit_forest(study, split.train, targets, inputs.covariate_spec, settings, treated)
    forest.task = dataclasses.replace(forest.task, familiarity=known)
    write_predictions(run.path / FOREST_PREDICTIONS, held_out_predictions(forest, study, split), targets.columns)
    save_with_intervals(
        run.baseline,
        forest,
        study,
        split.validation,
        groups=inputs.groups,
        level=config.evaluation.interval_level,
        record={"trained on": f"{len(split.train)} samples", **forest.record},
    )
    say(f"random forest on the same split: {time.monotonic() - started:.0f} s; kept in {run.baseline}")


def _write_embeddings(path: Path, inputs: Inputs, results: Results) -> None:
    study = inputs.study
    width = next(iter(results.values()))[0].shape[1]
    with delimited(path) as write_row:
        write_row([ID, "part", "observed", *map(str, range(width))])
        for part, rows in inputs.split.parts().items():
            for row, vector in zip(rows, results[part][0], strict=True):
                observed = "" if study.target is None else cell(study.target[row])
                write_row([str(study.sample_ids[row]), part, observed, *(f"{x:.5g}" for x in vector)])
