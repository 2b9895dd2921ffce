"""`aam predict`: what a trained model says of new samples."""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from rich.console import Console
from rich.progress import track

from aam.config import PredictConfig
from aam.errors import ConfigError, InputError
from aam.files.atomic import check_output
from aam.log import logging_to_terminal, say
from aam.text import listed, plural, shorten

if TYPE_CHECKING:
    from aam.data.readers.metadata import Metadata
    from aam.data.study.study import Study
    from aam.evaluation.decode_predictions import PredictionDecoder
    from aam.learners.predictor import Predictor
    from aam.models.folder.manifest import Manifest
    from aam.models.inference import Draws

SAMPLES_AT_ONCE = 512


def run(config: PredictConfig) -> None:
    """Predict every sample of a table with a model folder."""
    with logging_to_terminal():
        _run(config)


def _run(config: PredictConfig) -> None:
    from aam.learners.predictor import load_predictor
    from aam.learners.protocol import Computing

    options = config.predict
    check_output(options.output, options.overwrite)
    if not options.output.absolute().parent.is_dir():
        raise InputError(options.output, f"there is no folder {options.output.parent}", "create it first")
    computing = Computing(
        device=options.device, batch_size=options.batch_size, seed=options.seed, cache=config.table.cache
    )
    predictor = load_predictor(options.model, computing)
    manifest, spec = predictor.manifest, predictor.manifest.covariate_spec
    study = predictor.read(config.table)
    sheet = _sheet(options.metadata, manifest, study)
    say(*_notes(study), *sheet.notes, *([] if spec is None else spec.unknown_notes(sheet)))
    started = time.monotonic()
    passes = options.prediction_passes or manifest.prediction_passes
    if options.output_variance and passes == 1:
        raise ConfigError("--output-variance needs --prediction-passes of 2 or more")
    if passes < manifest.prediction_passes:
        say(
            f"intervals were calibrated on averages of {manifest.prediction_passes} rarefied draws; with {passes} "
            "their coverage is lower"
        )
    study = dataclasses.replace(study, metadata=sheet)
    with _draws(config, predictor, study, passes) as draws:
        _write(config, study, sheet, manifest.decoder(config.predict.interval_level), draws)
    took = time.monotonic() - started
    what = listed(predictor.targets.columns)
    say(f"predicted {what} of {plural(len(study), 'sample')} in {took:.1f} s: {options.output}")


@contextmanager
def _draws(config: PredictConfig, predictor: Predictor, study: Study, passes: int) -> Iterator[Iterator[Draws]]:
    """The predictions, made while they are taken, with a progress bar."""
    draws = predictor.predict_in_draws(study, np.arange(len(study)), passes, SAMPLES_AT_ONCE)
    total = -(-len(study) // SAMPLES_AT_ONCE)
    console = Console(stderr=True)
    hidden = not (config.predict.progress and console.is_terminal)
    yield iter(track(draws, "predicting", total=total, console=console, disable=hidden, transient=True))


def _sheet(path: Path | None, manifest: Manifest, study: Study) -> Metadata:
    """The sample sheet in the order of the table's samples; cells of samples that are not in it are empty.

    A column that training made of the names of merged tables is made here too, where several tables are given.

    Raises
    ------
    ConfigError
        If the model needs columns of the sheet, and there is no sheet.
    InputError
        If there is no such column.
    """
    from aam.data.readers.metadata import Metadata, read_metadata
    from aam.data.study.alignment import with_study_column

    needed = manifest.needed_columns
    of_tables = manifest.data.get("study_column")
    made = of_tables in needed and len(set(study.table.studies)) > 1
    in_sheet = [column for column in needed if not (made and column == of_tables)]
    if path is None and in_sheet:
        what = f"the model uses the metadata columns {listed(in_sheet, 6)}"
        raise ConfigError(f"--metadata is needed: {what}{_about_tables(of_tables, in_sheet)}")
    sheet = Metadata("", study.sample_ids, {}, ()) if path is None else _in_order(read_metadata(path), study)
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


def _in_order(sheet: Metadata, study: Study) -> Metadata:
    """The sheet's rows of the study's samples, which are empty for samples that it does not have."""
    row_of = {sample_id: row for row, sample_id in enumerate(sheet.sample_ids)}
    rows = np.array([row_of.get(sample_id, -1) for sample_id in study.sample_ids])
    columns = {name: np.where(rows < 0, "", cells[rows]) for name, cells in sheet.columns.items()}
    return dataclasses.replace(sheet, sample_ids=study.sample_ids, columns=columns)


def _about_tables(column: str | None, needed: Sequence[str]) -> str:
    """What a column is that training made of the names of merged tables."""
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


def _write(
    config: PredictConfig, study: Study, sheet: Metadata, decoder: PredictionDecoder, draws: Iterator[Draws]
) -> None:
    """Write the predictions block by block; the cells of the targets' columns are copied beside them."""
    from aam.evaluation.prediction_table import write_table

    blocks = (_block(config, study, sheet, decoder, some) for some in draws)
    write_table(config.predict.output, blocks, safe=config.predict.spreadsheet_safe)


def _block(
    config: PredictConfig, study: Study, sheet: Metadata, decoder: PredictionDecoder, some: Draws
) -> dict[str, list[str]]:
    """The columns of some samples' predictions."""
    from aam.data.targets.kinds import Samples
    from aam.evaluation.prediction_table import new_columns, suffixes

    targets, rows = decoder.targets, some.rows_B
    unknown = {column: np.full(len(rows), np.nan) for column in targets.columns}
    samples = Samples(sample_ids=study.sample_ids[rows], observed=unknown, level_B=targets.level_codes(sheet)[rows])
    tables = decoder.predictions(some.learned, samples)
    if not config.predict.output_variance:
        tables = [dataclasses.replace(table, deviation=None) for table in tables]
    endings = zip(targets.columns, suffixes(targets.columns), strict=True)
    copied = {f"observed{ending}": sheet.columns[c][rows] for c, ending in endings if c in sheet.columns}
    return new_columns(tables, targets.columns, copied)
