"""Predict the samples of a table with a trained model, block by block."""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from aam.config import PredictConfig, TableOptions
from aam.config.commands.predict import PredictInMemoryConfig, PredictOptions
from aam.config.option import input_paths
from aam.errors import ConfigError
from aam.log import say, warn
from aam.progress import Bar
from aam.runs.outputs import check_outputs
from aam.text import listed, plural
from aam.workflows.annotated import check_prediction_name, is_annotated_name
from aam.workflows.model_input import read_model_input

if TYPE_CHECKING:
    from aam.data.readers.metadata import Metadata
    from aam.data.study.study import Study
    from aam.data.targets.kinds import Predictions
    from aam.evaluation.decode_predictions import PredictionDecoder
    from aam.learners.novelty.judgement import Novelty
    from aam.learners.predictor import Predictor
    from aam.models.inference import Draws

SAMPLES_PER_BLOCK = 512

Block = tuple[np.ndarray, "list[Predictions]"]
"""Rows of the study, and the predictions of each target for them."""


@dataclass(frozen=True, kw_only=True, eq=False)
class PredictionRun:
    """A model that is about to predict the samples of a table.

    Attributes
    ----------
    study
        The samples.
    sheet
        What is known of them; its cells are empty for samples that it lacks.
    decoder
        Turns what the model computes into predictions of each target.
    blocks
        The predictions of all samples, computed while they are read.
    novelty
        How unlike the training samples they are.
    """

    study: Study
    sheet: Metadata
    decoder: PredictionDecoder
    blocks: Iterator[Block]
    novelty: Novelty


def predict(config: PredictConfig) -> Path:
    """Predict every sample of a table with a model folder, and write the predictions as one table.

    Parameters
    ----------
    config
        What to predict, with which model, and the file to write.

    Returns
    -------
    pathlib.Path
        The file. The memory that this takes does not grow with the number of predictions.

    Raises
    ------
    CheckpointError
        If the model cannot be read, or is a pre-trained encoder.
    ConfigError, InputError
        If the options, the table, the metadata or the output file cannot be used.
    """
    output = config.output.output
    _check_output(config)
    started = time.monotonic()
    with _predicting(config.table, config.predict) as run:
        _write(config, run)
    took = time.monotonic() - started
    what = listed(run.decoder.targets.columns)
    say(f"predicted {what} of {plural(len(run.study), 'sample')} in {took:.1f} s: {output}")
    return output


def predict_in_memory(config: PredictInMemoryConfig) -> dict[str, Predictions]:
    """Predict every sample of a table, and write nothing.

    Parameters
    ----------
    config
        What to predict, and with which model.

    Returns
    -------
    dict of str to Predictions
        Target column -> its predictions, in the order of the table's samples.

    Raises
    ------
    CheckpointError, ConfigError, InputError
        As :func:`predict`.
    """
    with _predicting(config.table, config.predict) as run:
        return _by_column(run, list(run.blocks))


def predict_and_write(config: PredictConfig) -> dict[str, Predictions]:
    """Predict every sample of a table, write the predictions, and return them.

    Raises
    ------
    CheckpointError, ConfigError, InputError
        As :func:`predict`.
    """
    _check_output(config)
    with _predicting(config.table, config.predict) as run:
        blocks = list(run.blocks)
        _write(config, dataclasses.replace(run, blocks=iter(blocks)))
        return _by_column(run, blocks)


def _by_column(run: PredictionRun, blocks: Sequence[Block]) -> dict[str, Predictions]:
    """The predictions of each target, of all samples."""
    from aam.evaluation.prediction_table import concatenate

    pieces = zip(*(tables for _, tables in blocks), strict=True)
    return {column: concatenate(some) for column, some in zip(run.decoder.targets.columns, pieces, strict=True)}


def _check_output(config: PredictConfig) -> None:
    output = config.output
    check_prediction_name(output.output, config.table.table)
    if is_annotated_name(output.output) and output.spreadsheet_safe:
        raise ConfigError("--spreadsheet-safe is for tables of text: leave it out, or end --output in .tsv or .csv")
    check_outputs([config.output.output], input_paths(config), overwrite=config.output.overwrite)


@contextmanager
def _predicting(table: TableOptions, options: PredictOptions) -> Iterator[PredictionRun]:
    """Read the model, the table and the metadata; log what follows from them."""
    source = read_model_input(table, options)
    predictor, manifest, study = source.predictor, source.predictor.manifest, source.study
    sheet = study.metadata
    assert sheet is not None
    passes = options.prediction_passes or manifest.prediction_passes
    if options.output_variance and passes == 1:
        raise ConfigError("--output-variance needs --prediction-passes of 2 or more")
    if passes < manifest.prediction_passes:
        say(
            f"intervals were calibrated on averages of {manifest.prediction_passes} rarefied draws; with {passes} "
            "their coverage is lower"
        )
    decoder = manifest.decoder(options.interval_level)
    with _draws(options, predictor, study, passes) as draws:
        blocks = _decoded(study, sheet, decoder, draws, with_deviation=options.output_variance)
        yield PredictionRun(study=study, sheet=sheet, decoder=decoder, blocks=blocks, novelty=source.checked.novelty)


@contextmanager
def _draws(options: PredictOptions, predictor: Predictor, study: Study, passes: int) -> Iterator[Iterator[Draws]]:
    """The predictions, made while they are taken, with a progress bar."""
    draws = predictor.predict_in_draws(study, np.arange(len(study)), passes, SAMPLES_PER_BLOCK)
    with Bar("predicting", "samples", len(study), wanted=options.progress) as bar:

        def counted() -> Iterator[Draws]:
            for some in draws:
                yield some
                bar.advance(len(some.rows_B))

        yield counted()


def _decoded(
    study: Study, sheet: Metadata, decoder: PredictionDecoder, draws: Iterator[Draws], *, with_deviation: bool
) -> Iterator[Block]:
    """Predictions of each target in the units of the metadata."""
    from aam.data.targets.kinds import Samples

    level_N = decoder.targets.level_codes(sheet)
    for some in draws:
        unknown = {column: np.full(len(some.rows_B), np.nan) for column in decoder.targets.columns}
        samples = Samples(sample_ids=study.sample_ids[some.rows_B], observed=unknown, level_B=level_N[some.rows_B])
        tables = decoder.predictions(some.learned, samples)
        if not with_deviation:
            tables = [dataclasses.replace(table, deviation=None) for table in tables]
        yield some.rows_B, tables


def _write(config: PredictConfig, run: PredictionRun) -> None:
    """Write the predictions block by block; the cells of the targets' columns are copied beside them."""
    from aam.evaluation.prediction_table import id_notes, new_columns, suffixes, write_table

    for line in id_notes(run.study.sample_ids):
        warn(line)
    columns, sheet = run.decoder.targets.columns, run.sheet
    endings = zip(columns, suffixes(columns), strict=True)
    copied = {f"observed{ending}": sheet.columns[column] for column, ending in endings if column in sheet.columns}
    blocks = (
        new_columns(tables, columns, {name: cells[rows].tolist() for name, cells in copied.items()})
        | run.novelty.columns(rows)
        for rows, tables in run.blocks
    )
    if is_annotated_name(config.output.output):
        _write_annotated(config, run, list(blocks))
    else:
        write_table(config.output.output, blocks, safe=config.output.spreadsheet_safe)


def _write_annotated(config: PredictConfig, run: PredictionRun, blocks: Sequence[Mapping[str, Sequence[str]]]) -> None:
    """Write samples and predictions as AnnData, or as TreeData with the tree of the table."""
    from aam.files.annotated_writing import write_annotated
    from aam.phylogeny.tree import read_tree
    from aam.workflows.annotated import TREEDATA, facts_of, predictions_of, tree_of_table

    output = config.output.output
    content = predictions_of(run.study, blocks)
    facts = facts_of(model=config.predict.model.resolve().name, targets=list(run.decoder.targets.columns))
    trees = {}
    if output.suffix.lower() == TREEDATA:
        trees = tree_of_table(read_tree(config.table.table[0]), run.study.table)
    write_annotated(output, dataclasses.replace(content, uns=facts, trees=trees))
