"""The labelled samples that a model is judged by, and what is known of them."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from dataclasses import dataclass, field

import numpy as np

from aam.config.commands.evaluate import EvaluateConfig
from aam.data.readers.metadata import Metadata
from aam.data.study.grouping import group_labels, likely_grouping
from aam.data.study.study import Study
from aam.data.targets.kinds import Samples
from aam.errors import InputError
from aam.evaluation.errors.facts import sample_facts
from aam.learners.predictor import Predictor
from aam.text import listed, plural, shorten
from aam.workflows.evaluate.training_run import TrainingRun, training_run
from aam.workflows.model_input import ModelInput, read_model_input

TABLE = "table"
"""What the studies are called where they are the tables that were merged."""


@dataclass(frozen=True, kw_only=True, eq=False)
class LabelledSamples:
    """A model and ``N`` samples of which at least one truth is known.

    Attributes
    ----------
    predictor
        The model.
    study
        The samples with their metadata.
    samples
        Their truths and groups.
    facts, warning_N
        What else is known of each.
    group_column, study_column
        Columns that were used; None where none was.
    studies
        Study of each sample, ``""`` where it is missing; None where there are none.
    run
        The run that trained the model; None where it is not known.
    notes
        What is worth saying.
    """

    predictor: Predictor
    study: Study
    samples: Samples
    facts: dict[str, np.ndarray]
    warning_N: np.ndarray
    group_column: str | None
    study_column: str | None
    studies: np.ndarray | None
    run: TrainingRun | None
    notes: tuple[str, ...] = field(default=())

    def __len__(self) -> int:
        return len(self.study)

    @property
    def sheet(self) -> Metadata:
        """Their metadata."""
        assert self.study.metadata is not None
        return self.study.metadata


def read_labelled(config: EvaluateConfig) -> LabelledSamples:
    """Read the model and the samples; leave out those without a truth.

    Raises
    ------
    CheckpointError, ConfigError, InputError
        If something cannot be used, a column is not there, or no sample has a truth.
    """
    source = read_model_input(config.table, config.model)
    sheet, notes = source.study.metadata, []
    assert sheet is not None
    for column in dict.fromkeys([*source.predictor.targets.columns, *_named(config)]):
        sheet.column(column)
    truths = source.truths(config.model.missing)
    truths, unknown = _known_classes(source, truths)
    notes += unknown
    is_used = _have_truth(source, truths)
    notes += _count_note(is_used, "without a true value")
    if not is_used.any():
        problem = f"no sample is left that has a value of {listed(source.predictor.targets.columns)}"
        raise InputError(sheet.source, problem, "an evaluation needs samples with true values")
    run = training_run(config.model.model)
    is_used = _new_ones(config, source, run, is_used, notes)
    return _labelled(config, source, truths, np.flatnonzero(is_used), (run, notes))


def _new_ones(
    config: EvaluateConfig, source: ModelInput, run: TrainingRun | None, is_used: np.ndarray, notes: list[str]
) -> np.ndarray:
    """Which of the samples that would be used the model did not learn from, as far as that is known.

    Raises
    ------
    InputError
        If it learned from all of them.
    """
    if run is None or config.model.include_trained:
        return is_used
    trained = run.trained_ids()
    is_new = np.array([str(sample_id) not in trained for sample_id in source.study.sample_ids], dtype=bool)
    if not (is_used & is_new).any():
        problem = f"the model learned from all {int(is_used.sum()):,} samples that have a true value"
        raise InputError(
            source.checked.name, problem, "give new samples, or --include-trained for what it says of these"
        )
    number = int((is_used & ~is_new).sum())
    if number:
        notes.append(f"{plural(number, 'sample')} that the model learned from: left out (--include-trained)")
    return np.asarray(is_used & is_new, dtype=bool)


def _named(config: EvaluateConfig) -> Iterator[str]:
    """Columns that options name."""
    judging = config.judging
    yield from filter(None, (judging.group_column, judging.study_column, *judging.by))


def _known_classes(source: ModelInput, truths: dict[str, np.ndarray]) -> tuple[dict[str, np.ndarray], list[str]]:
    """Truths without those of classes that the model cannot predict, and notes on them."""
    found, notes = dict(truths), []
    for spec in source.predictor.targets.specs:
        if not spec.classes:
            continue
        labels = truths[spec.column]
        is_new = np.array([label not in ("", *spec.classes) for label in labels], dtype=bool)
        if is_new.any():
            found[spec.column] = np.where(is_new, "", labels).astype(object)
            classes = sorted(set(map(str, labels[is_new])))
            notes.append(
                f"{plural(int(is_new.sum()), 'sample')} of classes that the model does not know ({listed(classes)}): "
                "left out, though it would be wrong about each"
            )
    return found, notes


def _have_truth(source: ModelInput, truths: dict[str, np.ndarray]) -> np.ndarray:
    kind = source.predictor.targets.kind
    return np.any([kind.is_present(values) for values in truths.values()], axis=0)


def _count_note(is_kept: np.ndarray, why: str) -> list[str]:
    number = int((~is_kept).sum())
    return [f"{plural(number, 'sample')} of {len(is_kept):,} {why}"] if number else []


def _labelled(
    config: EvaluateConfig,
    source: ModelInput,
    truths: dict[str, np.ndarray],
    rows: np.ndarray,
    known: tuple[TrainingRun | None, list[str]],
) -> LabelledSamples:
    """The samples of some rows; ``known`` is the run that trained the model, and what is to be said."""
    (run, notes), novelty = known, source.checked.novelty
    study = source.study.take(rows)
    assert study.metadata is not None
    group_column = _group_column(config, study.metadata, run)
    groups = None if group_column is None else _groups(study.metadata, group_column)
    if group_column is None:
        grouping = likely_grouping(study.metadata, source.predictor.targets.columns)
        notes += [] if grouping is None else [grouping.words]
    elif groups is not None and run is not None and group_column == run.group_column:
        number = int(np.isin(groups.astype(str), list(run.trained_groups())).sum())
        about = f"of groups ('{shorten(group_column)}') that the model learned from: of new groups it may know less"
        notes += [f"{plural(number, 'sample')} {about}"] if number else []
    study_column, studies = _studies(config, study)
    return LabelledSamples(
        predictor=source.predictor,
        study=study,
        samples=dataclasses.replace(source.samples(rows, truths), groups=groups),
        facts=sample_facts(study.table.counts, novelty.familiar_N[rows], novelty.novelty_N[rows]),
        warning_N=novelty.warning_N[rows],
        group_column=group_column,
        study_column=study_column,
        studies=studies,
        run=run,
        notes=tuple(notes),
    )


def _group_column(config: EvaluateConfig, sheet: Metadata, run: TrainingRun | None) -> str | None:
    """The one that is given, else that of the training run where the metadata has it."""
    if config.judging.group_column is not None:
        return config.judging.group_column
    found = None if run is None else run.group_column
    return found if found in sheet.columns and len(set(sheet.labels(found)) - {""}) > 1 else None


def _groups(sheet: Metadata, column: str) -> np.ndarray:
    """Group of each sample; one without a group stands for itself.

    Raises
    ------
    InputError
        If all samples are of one group.
    """
    groups = group_labels(sheet, column)
    if len(set(groups)) == 1:
        problem = f"column '{shorten(column)}': all samples are of one group ('{shorten(str(groups[0]))}')"
        raise InputError(
            sheet.source, problem, "an evaluation of one group says nothing of others: another --group-column"
        )
    return groups


def _studies(config: EvaluateConfig, study: Study) -> tuple[str | None, np.ndarray | None]:
    """Study of each sample: of the column that is given, else the table of a sample where there are several."""
    assert study.metadata is not None
    column = config.judging.study_column
    if column is not None:
        return column, study.metadata.labels(column)
    tables = study.table.studies
    return (TABLE, tables.astype(object)) if len(set(tables)) > 1 else (None, None)
