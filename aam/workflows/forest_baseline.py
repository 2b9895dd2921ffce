"""A random forest on the same samples and the same split as a model."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from aam.config import ForestConfig
from aam.config.option import input_paths
from aam.data.readers.feature_ids import of_ids
from aam.data.study.split import Split, make_split, sample_groups
from aam.data.study.study import Study, TargetRequest, load_study
from aam.data.study.summary import describe
from aam.data.targets.fitting import fit_targets, levels_of
from aam.data.targets.kinds import Predictions, TargetRules, TargetSpec, chosen_kind
from aam.data.targets.targets import Targets, exposures
from aam.evaluation.prediction_table import write_predictions
from aam.files.delimited import beside, delimited
from aam.log import say
from aam.models.folder.paths import check_model_folder, model_files
from aam.runs.outputs import check_apart, check_outputs

if TYPE_CHECKING:
    from aam.evaluation.catalogue import Interval

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
    model
        The model folder that was written; None where none was asked for.
    """

    target: TargetSpec
    predictions: Mapping[str, Predictions]
    metrics: Metrics
    output: Path
    metrics_file: Path
    model: Path | None = None


def fit_forest_baseline(config: ForestConfig) -> BaselineResult:
    """Fit a random forest on the training samples, predict the others, and write predictions and metrics.

    Raises
    ------
    ConfigError, InputError
        If the options, the inputs or the output files cannot be used.
    """
    options = config.forest
    metrics_file = _check_outputs(config)
    study, split, targets = _load(config)
    (target,) = targets.specs
    told = targets.lines() if targets.exposure_column else []
    say(*describe(study, split), *told, f"fitting {options.n_estimators} trees on {options.features} features ...")
    parts = _predict(config, study, split, targets)
    metrics = _judge(parts, target)
    write_predictions(options.output, {part: [table] for part, table in parts.items()}, [target.column])
    _write_metrics(metrics_file, metrics, {part: len(predictions) for part, predictions in parts.items()})
    return BaselineResult(
        target=target,
        predictions=parts,
        metrics=metrics,
        output=options.output,
        metrics_file=metrics_file,
        model=options.output_dir,
    )


def _check_outputs(config: ForestConfig) -> Path:
    """Refuse outputs that cannot be written; the file of the metrics."""
    options, inputs = config.forest, list(input_paths(config))
    metrics_file = beside(options.output, "metrics")
    model = [] if options.output_dir is None else model_files(options.output_dir)
    check_apart([*model, options.output, metrics_file], inputs)
    if options.output_dir is not None:
        check_model_folder(options.output_dir, options.overwrite)
    check_outputs([options.output, metrics_file], inputs, overwrite=options.overwrite)
    return metrics_file


def _predict(config: ForestConfig, study: Study, split: Split, targets: Targets) -> dict[str, Predictions]:
    """Fit the forest, keep it where it is asked for, and predict the held-out samples."""
    from aam.learners.baseline import save_with_intervals
    from aam.learners.held_out import held_out_predictions
    from aam.learners.novelty.familiarity import Familiarity
    from aam.learners.trees.forest import ForestSettings, fit_forest

    options = config.forest
    settings = ForestSettings(
        features=options.features,
        n_estimators=options.n_estimators,
        max_features=options.max_features,
        seed=options.random_seed,
        n_jobs=options.n_jobs,
    )
    groups = sample_groups(config.split, study)
    data = {
        "trim_length": config.table.trim_length,
        "reverse_complement": config.table.reverse_complement or "no",
        "rarefy_depth": None,
        **of_ids(has_dna=study.has_dna),
    }
    forest = fit_forest(
        study, split.train, targets, settings=settings, data=data, weights=_weights(study, split, targets)
    )
    if options.output_dir is not None:
        known = Familiarity.fit(study, split.train, None if groups is None else groups[split.train])
        forest.task = dataclasses.replace(forest.task, familiarity=known)
        record = {"trained on": f"{len(split.train)} samples", **forest.record}
        save_with_intervals(options.output_dir, forest, study, split.validation, groups=groups, record=record)
    return {part: tables[0] for part, tables in held_out_predictions(forest, study, split, groups).items()}


def _weights(study: Study, split: Split, targets: Targets) -> np.ndarray | None:
    """Weights of the training samples: what is learned is a rate, which a longer exposure tells better."""
    if not targets.exposure_column or study.metadata is None:
        return None
    exposure = exposures(study.metadata, targets.exposure_column)[split.train]
    return np.asarray(exposure / exposure.mean())


def _judge(parts: Mapping[str, Predictions], target: TargetSpec) -> Metrics:
    from aam.evaluation.metrics import evaluate

    results = {}
    for part, predictions in parts.items():
        results[part, "forest"] = evaluate(predictions)
        results[part, target.kind.guess] = evaluate(target.kind.constant(target, predictions))
    return results


def _load(config: ForestConfig) -> tuple[Study, Split, Targets]:
    options = config.forest
    kind = chosen_kind(options)
    groups = tuple(filter(None, [config.split.group_column]))
    request = TargetRequest(columns=(options.metadata_column,), kind=kind, missing=options.missing, groups=groups)
    needs_dna = options.features == "clades" and config.study.tree is None
    study = load_study(config.table, config.study, None, request, needs_dna=needs_dna)
    assert study.metadata is not None
    assert study.target is not None
    split = make_split(config.split, study, study.target, kind, options.random_seed)
    rules = TargetRules(
        columns=(options.metadata_column,),
        kind=kind,
        transform="none",
        levels=options.ordered,
        exposure_column=options.exposure_column or "",
    )
    sheet = study.metadata
    return study, split, fit_targets(rules, study.targets, split.train, sheet.source, levels_of(rules, sheet))


def _write_metrics(path: Path, metrics: Metrics, samples: Mapping[str, int]) -> None:
    with delimited(path) as write_row:
        write_row(["part", "predictor", "samples", "metric", "value", "low", "high"])
        for (part, who), found in metrics.items():
            for name, interval in found.items():
                values = map(_number, (interval.value, interval.low, interval.high))
                write_row([part, who, str(samples[part]), name, *values])


def _number(value: float) -> str:
    return f"{value:.6g}" if value == value else ""
