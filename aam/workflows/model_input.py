"""A model and the samples of a table, read and treated as its training samples were."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

import numpy as np

from aam.config import TableOptions
from aam.config.commands.predict import PredictInMemoryConfig
from aam.config.model_input import ModelInputOptions
from aam.errors import ConfigError, InputError
from aam.log import say, warn
from aam.models.folder.paths import unfinished_notes
from aam.text import plural, shorten

if TYPE_CHECKING:
    from aam.config.sections import MatchIds
    from aam.data.readers.metadata import Metadata
    from aam.data.readers.strand import SequenceSet
    from aam.data.study.study import Study
    from aam.data.targets.kinds import Samples
    from aam.learners.novelty.familiarity import Familiarity
    from aam.learners.novelty.judgement import Novelty, Verdict
    from aam.learners.predictor import Predictor
    from aam.models.folder.manifest import Manifest


class ReadsSamples(Protocol):
    """What is asked of a model to read samples for it: a predictor, or a trained model in memory."""

    @property
    def manifest(self) -> Manifest:
        """How tables are treated, and which columns are needed."""

    @property
    def familiarity(self) -> Familiarity | None:
        """What is known of the training data."""

    @property
    def known_sequences(self) -> SequenceSet | None:
        """The ASVs of the training samples."""


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
    def of(cls, model: ReadsSamples, study: Study, table: TableOptions) -> CheckedTable:
        """Judge the samples of a table."""
        from aam.learners.novelty.judgement import judge, verdict

        novelty = judge(model.familiarity, study)
        found = verdict(model.familiarity, study, novelty)
        return cls(name=table.table[0].name, study=study, novelty=novelty, verdict=found)

    def raise_if_refused(self, options: ModelInputOptions) -> None:
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
        for line in self.verdict.warnings:
            warn(line)


@dataclass(frozen=True, kw_only=True, eq=False)
class ModelInput:
    """A model and the samples that it is applied to.

    Attributes
    ----------
    predictor
        The model.
    study
        The samples, with their metadata: its cells are empty for samples that it lacks, and it has no column where
        none was given.
    checked
        How unlike the training samples they are.
    """

    predictor: Predictor
    study: Study
    checked: CheckedTable

    def truths(self, missing: Sequence[str] = ()) -> dict[str, np.ndarray]:
        """Target column -> its true values: NaN, or an empty label, where one is missing.

        Parameters
        ----------
        missing
            Further words for a missing value.

        Raises
        ------
        InputError
            If the metadata has no such column, or cells that are no values of the target.
        """
        targets, sheet = self.predictor.targets, self.study.metadata
        assert sheet is not None
        return {spec.column: spec.kind.read(sheet, spec.column, missing) for spec in targets.specs}

    def samples(self, rows: np.ndarray, truths: dict[str, np.ndarray] | None = None) -> Samples:
        """Some of the samples, as a decoder of predictions asks for them; their truths unknown where left out."""
        from aam.data.targets.kinds import Samples

        targets, sheet = self.predictor.targets, self.study.metadata
        assert sheet is not None
        unknown = np.full(len(self.study), np.nan)
        observed = {column: (truths or {}).get(column, unknown)[rows] for column in targets.columns}
        level_N = targets.level_codes(sheet)
        return Samples(sample_ids=self.study.sample_ids[rows], observed=observed, level_B=level_N[rows])


MOST_JUDGED = 10_000
"""Samples that are judged where only the table as a whole is asked for; a random choice of more."""


def read_model_input(table: TableOptions, options: ModelInputOptions, *, judges_all: bool = True) -> ModelInput:
    """Read the model, the table and the metadata; say what follows from them.

    Parameters
    ----------
    table, options
        What is read.
    judges_all
        Whether how unlike the training samples each sample is will be asked for, and not of the table alone.

    Raises
    ------
    CheckpointError
        If the model cannot be read, or is a pre-trained encoder.
    ConfigError, InputError
        If the table or the metadata cannot be used, or the samples are of another strand, start, length or region
        than the training samples.
    """
    from aam.learners.predictor import load_predictor
    from aam.learners.protocol import Computing

    computing = Computing(device=options.device, batch_size=options.batch_size, seed=options.seed, cache=table.cache)
    predictor = load_predictor(options.model, computing)
    for line in unfinished_notes(options.model):
        warn(line)
    study, checked = read_samples(predictor, table, options, judges_all=judges_all)
    return ModelInput(predictor=predictor, study=study, checked=checked)


def read_samples(
    model: ReadsSamples, table: TableOptions, options: ModelInputOptions, *, judges_all: bool = True
) -> tuple[Study, CheckedTable]:
    """Read a table and its metadata for a model that is there, pre-trained encoders among them; say what follows.

    Raises
    ------
    ConfigError, InputError
        As :func:`read_model_input`.
    """
    from aam.data.study.earlier import describe_earlier
    from aam.learners.centring.centre import centring_notes
    from aam.models.inference import read_preprocessed

    study = read_preprocessed(table, model.manifest.data, model.known_sequences)
    sheet = _sheet(options, model.manifest, study)
    study, notes = _selected(_with_sheet(study, sheet, model.manifest), options)
    judged = study if judges_all else _some_samples(study, options.seed)
    checked = CheckedTable.of(model, judged, table)
    checked.raise_if_refused(options)
    if model.manifest.targets is not None or model.familiarity is not None:
        checked.say()
    spec, earlier = model.manifest.covariate_spec, model.manifest.earlier
    of_columns = [] if spec is None else spec.unknown_notes(sheet)
    of_earlier = [] if earlier is None else [describe_earlier(study, earlier)]
    centred = centring_notes([member.facts for member in model.manifest.members], study)
    if len(judged) < len(study):
        notes.append(
            f"of {plural(len(study), 'sample')} {len(judged):,} at random say how new the table is to the model"
        )
    say(*_notes(study), *sheet.notes, *notes, *centred, *of_columns, *of_earlier)
    return study.with_means_of_now if centred else study, checked


def _some_samples(study: Study, seed: int) -> Study:
    """A random choice of the samples of a very large study."""
    if len(study) <= MOST_JUDGED:
        return study
    return study.take(np.sort(np.random.default_rng(seed).choice(len(study), MOST_JUDGED, replace=False)))


def check_against_model(config: PredictInMemoryConfig) -> CheckedTable:
    """Do what a prediction does before it predicts.

    Raises
    ------
    CheckpointError, ConfigError, InputError
        As :func:`read_model_input`, but for what :meth:`CheckedTable.raise_if_refused` refuses.
    """
    from aam.learners.predictor import load_predictor

    predictor = load_predictor(config.predict.model)
    study = predictor.read(config.table)
    sheet = _sheet(config.predict, predictor.manifest, study)
    study, _ = _selected(_with_sheet(study, sheet, predictor.manifest), config.predict)
    return CheckedTable.of(predictor, study, config.table)


def _with_sheet(study: Study, sheet: Metadata, manifest: Manifest) -> Study:
    """The study with its metadata; its samples know their earlier ones, whichever of them are chosen later."""
    from aam.data.study.earlier import with_earlier

    return with_earlier(dataclasses.replace(study, metadata=sheet), manifest.earlier)


def _selected(study: Study, options: ModelInputOptions) -> tuple[Study, list[str]]:
    """The samples that a condition on the metadata holds for, and notes.

    Raises
    ------
    InputError
        If it cannot be used, or holds for no sample.
    """
    if options.where is None:
        return study, []
    assert study.metadata is not None
    selection = study.metadata.where(options.where)
    rows = np.flatnonzero(selection.holds)
    if not len(rows):
        problem = f"--where {shorten(options.where)} holds for none of {plural(len(study), 'sample')}"
        raise InputError(study.metadata.source, problem, "aam info lists its columns and their values")
    fit = f"{len(rows):,} of {plural(len(study), 'sample')} fit --where"
    return study.take(rows), [*selection.notes, fit]


def _sheet(options: ModelInputOptions, manifest: Manifest, study: Study) -> Metadata:
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
