"""Predict the samples of a table with a trained model, block by block."""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from aam.config import PredictConfig, TableOptions
from aam.config.commands.predict import PredictInMemoryConfig, PredictionTableOptions, PredictOptions
from aam.config.option import input_paths
from aam.errors import ConfigError, InputError
from aam.files.delimited import endings
from aam.log import say, warn
from aam.models.folder.paths import unfinished_notes
from aam.progress import Bar
from aam.runs.outputs import check_outputs
from aam.text import listed, plural, shorten

if TYPE_CHECKING:
    from aam.config.sections import MatchIds
    from aam.data.readers.metadata import Metadata
    from aam.data.study.study import Study
    from aam.data.targets.kinds import Predictions
    from aam.evaluation.decode_predictions import PredictionDecoder
    from aam.learners.novelty.judgement import Novelty, Verdict
    from aam.learners.predictor import Predictor
    from aam.models.folder.manifest import Manifest
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


@dataclass(frozen=True, kw_only=True, eq=False)
class CheckedTable:
    """A table that a model is to predict, and how unlike the training samples its samples are.

    Attributes
    ----------
    name
        The table's file.
    study
        Its samples.
    novelty, verdict
        What is found of each sample, and of all.
    """

    name: str
    study: Study
    novelty: Novelty
    verdict: Verdict

    @classmethod
    def of(cls, predictor: Predictor, study: Study, table: TableOptions) -> CheckedTable:
        """Judge the samples of a table."""
        from aam.learners.novelty.judgement import judge, verdict

        novelty = judge(predictor.familiarity, study)
        found = verdict(predictor.familiarity, study, novelty)
        return cls(name=table.table[0].name, study=study, novelty=novelty, verdict=found)

    def raise_if_refused(self, options: PredictOptions) -> None:
        """Refuse a table of which hardly any read is known, for another reason than other microbes.

        Raises
        ------
        InputError
            Unless it is to be predicted all the same.
        """
        if self.verdict.problem and not options.allow_unfamiliar:
            remedy = f"{self.verdict.remedy}, or --allow-unfamiliar to predict all the same"
            raise InputError(self.name, self.verdict.problem, remedy)

    def say(self) -> None:
        """Say what is known of the whole table."""
        say(*self.verdict.lines)
        for note in (self.verdict.problem, *self.verdict.notes):
            if note:
                warn(note)


def check_against_model(config: PredictInMemoryConfig) -> CheckedTable:
    """Do what a prediction does before it predicts.

    Raises
    ------
    CheckpointError, ConfigError, InputError
        As :func:`predict`, but for what :meth:`CheckedTable.raise_if_refused` refuses.
    """
    from aam.learners.predictor import load_predictor

    predictor = load_predictor(config.predict.model)
    study = predictor.read(config.table)
    _sheet(config.predict, predictor.manifest, study)
    return CheckedTable.of(predictor, study, config.table)


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
        _write(config.output, run)
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
        _write(config.output, dataclasses.replace(run, blocks=iter(blocks)))
        return _by_column(run, blocks)


def _by_column(run: PredictionRun, blocks: Sequence[Block]) -> dict[str, Predictions]:
    """The predictions of each target, of all samples."""
    from aam.evaluation.prediction_table import concatenate

    pieces = zip(*(tables for _, tables in blocks), strict=True)
    return {column: concatenate(some) for column, some in zip(run.decoder.targets.columns, pieces, strict=True)}


def _check_output(config: PredictConfig) -> None:
    endings(config.output.output)
    check_outputs([config.output.output], input_paths(config), overwrite=config.output.overwrite)


@contextmanager
def _predicting(table: TableOptions, options: PredictOptions) -> Iterator[PredictionRun]:
    """Read the model, the table and the metadata; log what follows from them."""
    from aam.learners.predictor import load_predictor
    from aam.learners.protocol import Computing

    computing = Computing(device=options.device, batch_size=options.batch_size, seed=options.seed, cache=table.cache)
    predictor = load_predictor(options.model, computing)
    manifest, spec = predictor.manifest, predictor.manifest.covariate_spec
    study = predictor.read(table)
    sheet = _sheet(options, manifest, study)
    for line in unfinished_notes(options.model):
        warn(line)
    checked = CheckedTable.of(predictor, study, table)
    checked.raise_if_refused(options)
    checked.say()
    say(*_notes(study), *sheet.notes, *([] if spec is None else spec.unknown_notes(sheet)))
    passes = options.prediction_passes or manifest.prediction_passes
    if options.output_variance and passes == 1:
        raise ConfigError("--output-variance needs --prediction-passes of 2 or more")
    if passes < manifest.prediction_passes:
        say(
            f"intervals were calibrated on averages of {manifest.prediction_passes} rarefied draws; with {passes} "
            "their coverage is lower"
        )
    decoder = manifest.decoder(options.interval_level)
    study = dataclasses.replace(study, metadata=sheet)
    with _draws(options, predictor, study, passes) as draws:
        blocks = _decoded(study, sheet, decoder, draws, with_deviation=options.output_variance)
        yield PredictionRun(study=study, sheet=sheet, decoder=decoder, blocks=blocks, novelty=checked.novelty)


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


def _sheet(options: PredictOptions, manifest: Manifest, study: Study) -> Metadata:
    """The metadata in the order of the table's samples; cells of samples that are not in it are empty.

    A column that training made of the names of merged tables is made here too, where several tables are given.

    Raises
    ------
    ConfigError
        If the model needs metadata columns and no metadata is given.
    InputError
        If there is no such column.
    """
    from aam.data.readers.metadata import Metadata, read_metadata
    from aam.data.study.alignment import with_study_column
    from aam.models.folder.manifest import metadata_needed

    path, needed = options.metadata, manifest.needed_columns
    of_tables = manifest.data.get("study_column")
    made = of_tables in needed and len(set(study.table.studies)) > 1
    in_sheet = [column for column in needed if not (made and column == of_tables)]
    if path is None and in_sheet:
        raise ConfigError(f"{metadata_needed(in_sheet)}{_about_tables(of_tables, in_sheet)}")
    sheet = Metadata("", study.sample_ids, {}, ())
    if path is not None:
        sheet = _in_order(read_metadata(path), study, options.match_ids)
    if made:
        with_tables, note = with_study_column(sheet, study.table, str(of_tables))
        assert with_tables is not None
        sheet = dataclasses.replace(with_tables, notes=(*sheet.notes, *([note] if note else [])))
    for column in needed:
        if column == of_tables and column not in sheet.columns:
            problem = f"no column '{shorten(column)}'{_about_tables(of_tables, needed)}"
            raise InputError(sheet.source, problem, "add it to the metadata, or merge tables as in training")
        sheet.column(column)
    return sheet


def _in_order(sheet: Metadata, study: Study, match_ids: MatchIds) -> Metadata:
    """The metadata rows of the study's samples; empty for samples without metadata, which are noted."""
    from aam.data.study.alignment import file_name
    from aam.data.study.sample_matching import matched, nothing_in_common, other_spelling_note

    sheet = matched(study.sample_ids, sheet, match_ids)
    row_of = {sample_id: row for row, sample_id in enumerate(sheet.sample_ids)}
    rows = np.array([row_of.get(sample_id, -1) for sample_id in study.sample_ids])
    absent, notes = int((rows < 0).sum()), sheet.notes
    if absent == len(rows):
        raise nothing_in_common(study.sample_ids, "the table", sheet)
    if absent:
        first = shorten(str(study.sample_ids[rows < 0][0]))
        words = f"{plural(absent, 'sample')} of the table not in {file_name(sheet.source)} (first: {first})"
        notes = (*notes, words, *filter(None, [other_spelling_note(study.sample_ids, sheet)]))
    columns = {name: np.where(rows < 0, "", cells[rows]) for name, cells in sheet.columns.items()}
    return dataclasses.replace(sheet, sample_ids=study.sample_ids, columns=columns, notes=notes)


def _about_tables(column: str | None, needed: Sequence[str]) -> str:
    """How to describe a column that training made from the names of merged tables."""
    return f" ('{column}' identifies the table of a sample)" if column in needed else ""


def _notes(study: Study) -> Iterator[str]:
    yield from study.notes
    depth = study.rarefy_depth
    if depth is None:
        return
    reads = np.asarray(study.table.counts.sum(axis=1)).ravel()
    few = study.sample_ids[reads < depth]
    if len(few):
        share = f"{plural(len(few), 'sample')} of {len(reads):,} (first: {few[0]})"
        yield f"fewer reads than the model's rarefaction depth of {depth:,}: {share}; all their reads are used"


def _write(options: PredictionTableOptions, run: PredictionRun) -> None:
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
    write_table(options.output, blocks, safe=options.spreadsheet_safe)
