"""`aam evaluate`: read, predict, judge, disturb, and write what was found."""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from aam.config.commands.evaluate import EvaluateConfig
from aam.data.targets.kinds import Predictions
from aam.errors import InputError
from aam.evaluation.coverage import evaluate_coverage
from aam.evaluation.decode_predictions import PredictionDecoder
from aam.evaluation.evaluated import NEW, Evaluation, TargetEvaluation
from aam.evaluation.evaluation_words import evaluation_lines
from aam.evaluation.result_table import ResultTable
from aam.log import say, warn
from aam.progress import Bar
from aam.report.figure_files import figures_on_white
from aam.report.sections.evaluation.page import evaluation_page
from aam.runs.result_folder import result_folder
from aam.text import format_duration, plural
from aam.workflows.evaluate.assess import assess_target
from aam.workflows.evaluate.labelled import LabelledSamples, read_labelled
from aam.workflows.evaluate.output import RECORD, check_place, stacked_tables, write_evaluation
from aam.workflows.evaluate.robustness import robustness_tables

if TYPE_CHECKING:
    from matplotlib.figure import Figure

SAMPLES_PER_BLOCK = 512
LEAST_SAMPLES = 2


@dataclass(frozen=True, eq=False)
class EvaluationResult:
    """What an evaluation found: sentences, tables and figures.

    Attributes
    ----------
    evaluation
        All of it, target by target.
    predictions
        Column of each target -> its predictions with truths and intervals, of all samples.
    """

    evaluation: Evaluation
    predictions: dict[str, Predictions]

    @property
    def summary(self) -> list[str]:
        """What was found, in sentences."""
        return evaluation_lines(self.evaluation)

    @property
    def tables(self) -> dict[str, ResultTable]:
        """Name of each table that has rows -> its rows, those of several targets with their names."""
        return stacked_tables(self.evaluation)

    @property
    def metrics(self) -> dict[str, dict[str, float]]:
        """Target column -> metric -> value."""
        return {
            column: {name: interval.value for name, interval in one.judgement.results["model"].items()}
            for column, one in self.evaluation.targets.items()
        }

    @property
    def figures(self) -> dict[str, Figure]:
        """Name -> each figure of the report, drawn anew."""
        return figures_on_white(evaluation_page(self.evaluation))


def evaluate(config: EvaluateConfig) -> EvaluationResult:
    """Judge a model by labelled samples, and write the result where a folder is given.

    Parameters
    ----------
    config
        The model, the samples, and what they are judged by.

    Raises
    ------
    CheckpointError
        If the model cannot be read, or is a pre-trained encoder.
    ConfigError, InputError
        If the options, the table, the metadata or the folder cannot be used, or no sample has a true value.
    RunError
        If the disk has no room.
    """
    started = time.monotonic()
    check_place(config)
    with ExitStack() as stack:
        output = config.output
        folder = None
        if output.output_dir is not None:
            folder = stack.enter_context(result_folder(output.output_dir, RECORD, overwrite=output.overwrite))
        found = read_labelled(config)
        result = _evaluated(config, found)
        if folder is not None:
            write_evaluation(folder, config, found, result.evaluation, result.predictions)
    say("", *result.summary, "")
    say(f"evaluated {plural(len(found), 'sample')} in {format_duration(time.monotonic() - started)}")
    return result


def _evaluated(config: EvaluateConfig, found: LabelledSamples) -> EvaluationResult:
    options, judging = config.model, config.judging
    for line in found.notes:
        say(line)
    _say_plan(config, found)
    manifest = found.predictor.manifest
    decoder, passes = manifest.decoder(options.interval_level), options.prediction_passes or manifest.prediction_passes
    learned = _learned(found, passes, progress=options.progress)
    tables = decoder.predictions(learned, found.samples)
    coverage = evaluate_coverage(decoder, learned, found.samples, NEW)
    targets: dict[str, TargetEvaluation] = {}
    for spec, table in zip(decoder.targets.specs, tables, strict=True):
        number = int(spec.kind.is_present(table.observed).sum())
        if number < LEAST_SAMPLES:
            warn(f"{spec.column}: {plural(number, 'sample')} with a true value, too few to judge it")
            continue
        targets[spec.column] = assess_target(found, spec, table, coverage.get(spec.column), judging.by)
    if not targets:
        raise InputError(found.sheet.source, "only one sample has a true value", "an evaluation needs several")
    if judging.robustness:
        targets = _with_robustness(config, found, decoder, targets)
    return EvaluationResult(
        _evaluation(config, found, targets), dict(zip(decoder.targets.columns, tables, strict=True))
    )


def _say_plan(config: EvaluateConfig, found: LabelledSamples) -> None:
    """What will be done."""
    groups = found.samples.groups
    of = "" if groups is None else f" of {plural(len(set(groups)), 'group')} ('{found.group_column}')"
    say(f"judging {', '.join(found.predictor.targets.columns)} by {plural(len(found), 'sample')}{of}")
    if config.judging.robustness:
        number = min(len(found), config.judging.robustness_samples)
        say(f"and {plural(number, 'sample')} of these disturbed on purpose (--no-robustness leaves that out)")


def _learned(found: LabelledSamples, passes: int, *, progress: bool) -> np.ndarray:
    """Predictions of all samples where the model learned; the rarefied draws are the first axis."""
    blocks = []
    with Bar("predicting", "samples", len(found), wanted=progress) as bar:
        for some in found.predictor.predict_in_draws(found.study, np.arange(len(found)), passes, SAMPLES_PER_BLOCK):
            blocks.append(some.learned)
            bar.advance(len(some.rows_B))
    return np.concatenate(blocks, axis=1)


def _with_robustness(
    config: EvaluateConfig,
    found: LabelledSamples,
    decoder: PredictionDecoder,
    targets: dict[str, TargetEvaluation],
) -> dict[str, TargetEvaluation]:
    options = config.model
    passes = options.prediction_passes or found.predictor.manifest.prediction_passes
    curves = robustness_tables(
        found,
        decoder,
        config.judging.robustness_samples,
        passes,
        seed=options.seed,
        progress=options.progress,
    )
    return {
        column: dataclasses.replace(one, tables={**one.tables, "robustness": curves[column]})
        for column, one in targets.items()
    }


def _evaluation(config: EvaluateConfig, found: LabelledSamples, targets: dict[str, TargetEvaluation]) -> Evaluation:
    trained = None if found.run is None else len(found.run.trained_ids() & set(found.study.sample_ids))
    notes: Sequence[str] = found.notes
    if found.run is None:
        more = "the model is not in its run directory: which samples it learned from, and how good it was, is not known"
        notes = (*notes, f"{more}, nor which samples it learned from")
    return Evaluation(
        model=str(config.model.model),
        table=", ".join(map(str, config.table.table)),
        targets={
            column: one if "robustness" in one.tables else _without_robustness(one) for column, one in targets.items()
        },
        group_column=found.group_column,
        study_column=found.study_column,
        by=config.judging.by,
        num_samples=len(found),
        num_trained=trained,
        notes=tuple(notes),
    )


def _without_robustness(one: TargetEvaluation) -> TargetEvaluation:
    return dataclasses.replace(one, tables={**one.tables, "robustness": ResultTable()})
