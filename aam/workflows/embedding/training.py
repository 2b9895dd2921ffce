"""The training samples of a model: which they were, as far as a run says, and their reads, from a table."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from aam.errors import ConfigError, InputError
from aam.log import say
from aam.runs.layout import CONFIG, command_of
from aam.runs.sample_lists import run_of, sample_lists
from aam.runs.saved_options import training_config
from aam.text import listed, plural

if TYPE_CHECKING:
    from aam.config.commands.embed import EmbedInMemoryConfig
    from aam.data.study.study import Study
    from aam.workflows.trained.model import TrainedModel


def trained_ids(model: Path) -> frozenset[str] | None:
    """Ids of the samples that a model was trained on, where it is in its run directory; else None."""
    run = run_of(model)
    return None if run is None else sample_lists(run)["train"] or None


def group_column_of(model: Path) -> str | None:
    """The column that the training run of a model kept whole, where the model is in its run directory."""
    run = run_of(model)
    is_training = run is not None and command_of(run) == "train"
    return training_config(run / CONFIG).split.group_column if run is not None and is_training else None


def training_study(config: EmbedInMemoryConfig, model: TrainedModel) -> Study | None:
    """The training samples among which neighbours are looked for; None where no table of them is given.

    Of the table those that the run lists, and those that the training metadata has, where there is such.

    Raises
    ------
    ConfigError
        If the model reads metadata columns, and none are given of the training samples.
    InputError
        If the table holds none of them.
    """
    from aam.data.readers.metadata import Metadata, read_metadata
    from aam.data.study.sample_matching import matched, nothing_in_common
    from aam.models.inference import read_preprocessed

    options, manifest = config.nearest, model.manifest
    if not options.training_table:
        return None
    table = dataclasses.replace(config.table, table=options.training_table)
    study = _of_run(read_preprocessed(table, manifest.data, model.known_sequences), config)
    if options.training_metadata is None:
        if manifest.needed_columns:
            raise ConfigError(f"--training-metadata is needed: the model reads {listed(manifest.needed_columns)}")
        return dataclasses.replace(study, metadata=Metadata("", study.sample_ids, {}, ()))
    sheet = matched(study.sample_ids, read_metadata(options.training_metadata), config.embed.match_ids)
    present = set(sheet.sample_ids.tolist())
    rows = np.flatnonzero([name in present for name in study.sample_ids])
    if not len(rows):
        raise nothing_in_common(study.sample_ids, "the training table", sheet)
    for column in manifest.needed_columns:
        sheet.column(column)
    study = study.take(rows)
    return dataclasses.replace(study, metadata=sheet.select(study.sample_ids))


def _of_run(study: Study, config: EmbedInMemoryConfig) -> Study:
    """The samples of a table that the model's run lists as its training samples; all where there is no run."""
    ids = trained_ids(config.embed.model)
    if ids is None:
        return study
    rows = np.flatnonzero([name in ids for name in study.sample_ids])
    if not len(rows):
        problem = f"holds none of the {plural(len(ids), 'training sample')} of the run"
        raise InputError(config.nearest.training_table[0], problem, "--training-table takes the table of the training")
    if len(rows) < len(study):
        left_out = f"{len(study) - len(rows):,} of {plural(len(study), 'sample')}"
        say(f"{left_out} of the training table did not train the model, and are left out")
    return study.take(rows)
