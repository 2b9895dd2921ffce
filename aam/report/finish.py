"""The end of a run: predictions of the held-out samples, the random forest beside them, vectors, and the report."""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from aam.files.atomic import atomic_write
from aam.files.run_directory import RunDirectory
from aam.files.run_log import say
from aam.interpret.predict import Interpreter, labels_of
from aam.models.folder import load_model
from aam.models.sequence_predictor import num_parameters
from aam.report.baselines import predict_with_forest
from aam.report.build import build_report, judge_run
from aam.report.judgement import headline, verdicts
from aam.report.predictions import Predictions, write_part, write_predictions
from aam.report.run_record import read_run
from aam.training.fit import Fitted
from aam.training.prepare import Prepared
from aam.training.record import DATA

PREDICTIONS = {"validation": "val_predictions.tsv", "test": "test_predictions.tsv"}
FOREST = "forest_predictions.tsv"
EMBEDDINGS = "sample_embeddings.tsv"

Results = dict[str, tuple[np.ndarray, np.ndarray | None]]


def finish_run(prepared: Prepared, fitted: Fitted, run: RunDirectory, record: Mapping[str, Any]) -> None:
    """Write everything that the best model of a run has to say.

    Parameters
    ----------
    prepared
        The run.
    fitted
        How training came out.
    run
        The run directory; its ``model/`` holds the best model.
    record
        The content of ``data.json`` so far.
    """
    results = _interpret(prepared, run)
    _write_embeddings(run.path / EMBEDDINGS, prepared, results)
    run.write_json(DATA, {**record, "model": _model_record(prepared, fitted)})
    config = prepared.plan.config
    if prepared.target is None:
        build_report(run.path)
        say(f"report: {run.path / 'report.html'}")
        return
    parts = _predictions(prepared, results)
    for part, predictions in parts.items():
        write_part(run.path / PREDICTIONS[part], predictions)
    if config.evaluation.forest_baseline:
        _write_forest(run.path / FOREST, prepared)
    found = read_run(run.path)
    judgement = judge_run(found, prepared.target)[0]
    say("", headline(judgement, prepared.target), *verdicts(judgement))
    if config.evaluation.report:
        say(f"report: {build_report(run.path)}")


def _model_record(prepared: Prepared, fitted: Fitted) -> dict[str, Any]:
    return {
        "parameters": num_parameters(prepared.model),
        "best_epoch": fitted.best_epoch,
        "best_metric": prepared.plan.monitor,
        "best_value": fitted.best_value,
        "epochs": fitted.epochs,
        "peak_bytes": fitted.peak_bytes,
    }


def _interpret(prepared: Prepared, run: RunDirectory) -> Results:
    """Vectors and predictions of the samples of each part, by the model that was kept, as anybody would load it."""
    model, _ = load_model(run.model)
    options = dataclasses.replace(prepared.data.options, num_workers=0, pin_memory=False)
    interpreter = Interpreter(model, prepared.study, prepared.data.sampling, options, prepared.device)
    results: Results = {}
    for part, rows in prepared.split.parts().items():
        outputs = list(interpreter.run(rows))
        values = [output.values for output in outputs if output.values is not None]
        vectors = np.concatenate([output.vectors_BD for output in outputs])
        results[part] = (vectors, np.concatenate(values) if values else None)
    return results


def _predictions(prepared: Prepared, results: Results) -> dict[str, Predictions]:
    study, target = prepared.study, prepared.target
    assert study.target is not None
    assert target is not None
    parts = {}
    for part, rows in prepared.split.parts().items():
        values = results[part][1]
        if part == "train" or values is None:
            continue
        is_class = target.kind == "classification"
        parts[part] = Predictions(
            sample_ids=study.sample_ids[rows],
            observed=study.target[rows],
            predicted=labels_of(target, values) if is_class else values,
            classes=target.classes,
            probabilities=values if is_class else None,
            groups=None if prepared.groups is None else prepared.groups[rows],
        )
    return parts


def _write_forest(path: Path, prepared: Prepared) -> None:
    assert prepared.target is not None
    started = time.monotonic()
    parts = predict_with_forest(prepared.study, prepared.split, prepared.target, seed=prepared.plan.config.run.seed)
    write_predictions(path, parts)
    say(f"random forest on the same split: {time.monotonic() - started:.0f} s")


def _write_embeddings(path: Path, prepared: Prepared, results: Results) -> None:
    study = prepared.study
    width = next(iter(results.values()))[0].shape[1]
    with atomic_write(path) as file:
        file.write("\t".join(["sample_id", "part", "observed", *map(str, range(width))]) + "\n")
        for part, rows in prepared.split.parts().items():
            for row, vector in zip(rows, results[part][0], strict=True):
                observed = "" if study.target is None else str(study.target[row])
                numbers = "\t".join(f"{x:.5g}" for x in vector)
                file.write(f"{study.sample_ids[row]}\t{part}\t{observed}\t{numbers}\n")
