"""A random forest on the same samples and the same split as a model."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from aam.config import ForestConfig
from aam.data.study.split import Split, make_split, sample_groups
from aam.data.study.study import Study, TargetRequest, load_study
from aam.data.study.summary import describe
from aam.data.targets.fitting import TargetRules, fit_target
from aam.data.targets.targets import Kind, TargetSpec
from aam.evaluation.prediction_table import Predictions, write_predictions
from aam.files.atomic import atomic_write, check_output
from aam.log import say

if TYPE_CHECKING:
    from aam.evaluation.metrics import Interval

Metrics = Mapping[tuple[str, str], Mapping[str, "Interval"]]


@dataclass(frozen=True, kw_only=True, eq=False)
class BaselineResult:
    """A random forest, judged on a split.

    Attributes
    ----------
    target
        What it predicts.
    predictions
        Part -> predictions of its samples.
    metrics
        Part and predictor (``forest``, and ``guess`` or ``majority``) -> each metric with its interval.
    output, metrics_file
        The tables that were written.
    """

    target: TargetSpec
    predictions: Mapping[str, Predictions]
    metrics: Metrics
    output: Path
    metrics_file: Path


def fit_forest_baseline(config: ForestConfig) -> BaselineResult:
    """Fit a random forest on the training samples, predict the others, and write predictions and metrics.

    Raises
    ------
    ConfigError, InputError
        If the options, the inputs or the output files cannot be used.
    """
    options = config.forest
    metrics_file = options.output.with_name(f"{options.output.stem}.metrics.tsv")
    for path in (options.output, metrics_file):
        check_output(path, options.overwrite)
    study, split, target = _load(config)
    say(*describe(study, split), f"fitting {options.n_estimators} trees on {options.features} features ...")
    parts = _predict(config, study, split, target)
    metrics = _judge(parts, target)
    options.output.parent.mkdir(parents=True, exist_ok=True)
    write_predictions(options.output, {part: [table] for part, table in parts.items()}, [target.column])
    _write_metrics(metrics_file, metrics, {part: len(predictions) for part, predictions in parts.items()})
    return BaselineResult(
        target=target, predictions=parts, metrics=metrics, output=options.output, metrics_file=metrics_file
    )


def _predict(config: ForestConfig, study: Study, split: Split, target: TargetSpec) -> dict[str, Predictions]:
    from aam.learners.forest import predict_with_forest

    options = config.forest
    parts = predict_with_forest(
        study,
        split,
        target,
        features=options.features,
        n_estimators=options.n_estimators,
        max_features=options.max_features,
        seed=options.random_seed,
        n_jobs=options.n_jobs,
    )
    groups = sample_groups(config.split, study)
    if groups is None:
        return parts
    rows = split.parts()
    return {part: dataclasses.replace(found, groups=groups[rows[part]]) for part, found in parts.items()}


def _judge(parts: Mapping[str, Predictions], target: TargetSpec) -> Metrics:
    from aam.evaluation.baseline_comparison import constant_predictions
    from aam.evaluation.metrics import evaluate

    results = {}
    for part, predictions in parts.items():
        guess = "majority" if predictions.classes else "guess"
        results[part, "forest"] = evaluate(predictions)
        results[part, guess] = evaluate(constant_predictions(predictions, target))
    return results


def _load(config: ForestConfig) -> tuple[Study, Split, TargetSpec]:
    options = config.forest
    request = TargetRequest(columns=(options.metadata_column,), classifier=options.classifier, missing=options.missing)
    study = load_study(config.table, config.study, None, request)
    assert study.metadata is not None
    assert study.target is not None
    kind: Kind = "classification" if options.classifier else "regression"
    split = make_split(config.split, study, study.target, kind, options.random_seed)
    rules = TargetRules(columns=(options.metadata_column,), classifier=options.classifier, transform="none")
    return study, split, fit_target(rules, study.target, split.train, study.metadata.source)


def _write_metrics(path: Path, metrics: Metrics, samples: Mapping[str, int]) -> None:
    with atomic_write(path) as file:
        file.write("part\tpredictor\tsamples\tmetric\tvalue\tlow\thigh\n")
        for (part, who), found in metrics.items():
            for name, interval in found.items():
                values = "\t".join(_number(value) for value in (interval.value, interval.low, interval.high))
                file.write(f"{part}\t{who}\t{samples[part]}\t{name}\t{values}\n")


def _number(value: float) -> str:
    return f"{value:.6g}" if value == value else ""
