"""From a run directory to its report."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from pathlib import Path

from aam.data.targets.kinds import TargetSpec
from aam.data.targets.targets import Targets
from aam.errors import InputError
from aam.evaluation.baseline_comparison import Judgement, headline, judge, verdicts
from aam.evaluation.catalogue import metric, value_of
from aam.evaluation.cross_validation import CrossValidation, left_out_studies, read_cross_validation
from aam.evaluation.run_results import RunRecord, read_run
from aam.evaluation.studies.judge import StudiesFound, judge_studies, study_words
from aam.files.atomic import write_text
from aam.models.objectives import each_part
from aam.report.html import Page, Section, Tile, footer, render
from aam.report.record_parts import check_parts
from aam.report.sections.by_kind import kind_section
from aam.report.sections.classes import reliability_section
from aam.report.sections.coverage import coverage_section
from aam.report.sections.folds import folds_comparison_section, folds_coverage_section, folds_section, how_section, wins
from aam.report.sections.learners import blend_section, blend_words, folds_learners_section, learners_section
from aam.report.sections.novelty import novelty_section
from aam.report.sections.results import (
    comparison_section,
    ensemble_words,
    members_section,
    metrics_section,
    predictions_section,
    tiles,
    worst_section,
)
from aam.report.sections.run import (
    best_values,
    data_section,
    map_section,
    method_section,
    training_section,
)
from aam.report.sections.studies.harmony import studies_section
from aam.report.sections.studies.left_out import left_out_section
from aam.runs.layout import FINISHED, PREDICTIONS, REPORT, is_run_directory
from aam.text import plural

NO_RUN = "give the --output-dir of aam train or aam pretrain"


def build_folds_report(
    run: Path, found: Mapping[str, CrossValidation], targets: Targets, studies: StudiesFound | None = None
) -> Path:
    """Write ``report.html`` of a cross-validation into its run directory.

    Parameters
    ----------
    run
        The run directory with ``config.yaml`` and ``data.json``.
    found
        Column of each target -> its folds, judged.
    targets
        What was predicted: columns, kind and classes.
    studies
        Column of each target -> what was found of each study that was left out, where any was.

    Returns
    -------
    Path
        The page.
    """
    return write_page(run, folds_page(read_run(run), found, targets, studies or {}))


def folds_page(
    record: RunRecord, found: Mapping[str, CrossValidation], targets: Targets, studies: StudiesFound
) -> Page:
    """The report of a cross-validation."""
    group_column = record.config.get("study_column" if studies else "group_column")
    results: list[Section | None] = []
    details: list[Section | None] = []
    sentences: list[str] = []
    for place, spec in enumerate(targets.specs):
        judged = found[spec.column]
        judgement = judged.judgement
        shown = [
            folds_learners_section(judged, spec),
            folds_comparison_section(judged, spec),
            left_out_section(studies.get(spec.column, ()), judgement, record.config),
            predictions_section(judgement, spec),
            reliability_section(judgement, spec),
            kind_section(judgement, spec),
            folds_coverage_section(judged, record.config),
            folds_section(judged, spec),
        ]
        results += labelled(shown, targets, place)
        more = [metrics_section([judgement], group_column), worst_section(judgement, spec)]
        details += labelled(more, targets, place)
        sentences += [
            headline(judgement, spec, group_column),
            *verdicts(judgement),
            *([wins(judged)] if wins(judged) else []),
            *study_words(studies.get(spec.column, ()))[:1],
        ]
    first, how = data_section(record), how_section(record.config, targets, found[targets.columns[0]])
    return Page(
        kicker="AAM report",
        title=f"{', '.join(targets.columns)} \u00b7 cross-validation \u00b7 {record.path.resolve().name}",
        headline=sentences[0],
        verdicts=sentences[1:],
        tiles=tiles_of([(spec, [found[spec.column].judgement]) for spec in targets.specs]),
        sections=present([first, studies_section(record.data), *results, *details, how, method_section(record)]),
        footer=footer(record.data.get("environment", {}).get("aam", "")),
    )


def build_report(run: Path) -> Path:
    """Write ``report.html`` into a run directory, from nothing but the files that are there.

    Parameters
    ----------
    run
        The directory of a pre-training, a training or a cross-validation, with or without a test part and a random
        forest.

    Returns
    -------
    Path
        The page.

    Raises
    ------
    InputError
        If the folder holds no run or no predictions, or a file of it is damaged.
    """
    return write_page(run, read_page(run))


def read_finished_page(run: Path) -> Page:
    """The report of a finished run, from its files.

    Raises
    ------
    InputError
        If the folder holds no run or an unfinished one, or a file of it is damaged.
    """
    if not is_run_directory(run):
        if not run.is_dir():
            raise InputError(run, "is a file" if run.exists() else "no such folder", NO_RUN)
        raise InputError(run, "is not a run directory", NO_RUN)
    if not (run / FINISHED).exists():
        raise InputError(run, "the run is not finished", "continue it with --resume-from; a report needs all of it")
    return read_page(run)


def read_page(run: Path) -> Page:
    """The report of a run, from its files; those that are needed must be there."""
    record = read_run(run)
    check_parts(record)
    targets = record.targets
    if targets is not None and record.config.get("cv"):
        found = read_cross_validation(record, targets.columns)
        return folds_page(record, found, targets, judge_studies(found, left_out_studies(record)))
    if targets is not None and not record.predictions:
        name = PREDICTIONS["validation" if record.blend is None else "out_of_fold"]
        raise InputError(run, f"there are no predictions ({name})", "a report needs a finished run")
    return _encoder_page(record) if targets is None else _predictor_page(record, targets)


def write_page(run: Path, page: Page) -> Path:
    """Write a report into its run directory."""
    path = run / REPORT
    write_text(path, render(page))
    return path


def judge_run(record: RunRecord, target: TargetSpec) -> list[Judgement]:
    """The model and its baselines on each part that has truths of a target, the one of the headline first."""
    parts = sorted(record.predictions, key=lambda part: part != record.evaluated_part)
    return [
        judge(part, found[target.column], record.forest.get(part, {}).get(target.column), target)
        for part in parts
        if target.column in (found := record.predictions[part])
    ]


def _predictor_page(record: RunRecord, targets: Targets) -> Page:
    judged = [(spec, judgements) for spec in targets.specs if (judgements := judge_run(record, spec))]
    results: list[Section | None] = []
    details: list[Section | None] = []
    sentences: list[str] = []
    for place, (spec, judgements) in enumerate(judged):
        first = judgements[0]
        shown = [
            learners_section(record, spec, first=place == 0),
            comparison_section(first, spec),
            predictions_section(first, spec),
            reliability_section(first, spec),
            kind_section(first, spec),
            _coverage(record, spec, first),
            members_section(record, spec, first),
        ]
        results += labelled(shown, targets, place)
        metrics = metrics_section(judgements, record.config.get("group_column"))
        details += labelled([metrics, worst_section(first, spec)], targets, place)
        sentences += [headline(first, spec, record.config.get("group_column")), *verdicts(first)]
    return Page(
        kicker="AAM report",
        title=f"{', '.join(targets.columns)} \u00b7 {record.path.resolve().name}",
        headline=sentences[0],
        verdicts=[*blend_words(record), *ensemble_words(record), *sentences[1:], *record.notes],
        tiles=tiles_of(judged),
        sections=present(
            [
                data_section(record),
                studies_section(record.data),
                *results,
                novelty_section(record),
                training_section(record),
                map_section(record),
                *details,
                blend_section(record),
                method_section(record),
            ]
        ),
        footer=footer(record.data.get("environment", {}).get("aam", "")),
    )


def _coverage(record: RunRecord, target: TargetSpec, judgement: Judgement) -> Section | None:
    found = record.coverage.get(target.column)
    if found is None:
        return None
    grouped = judgement.predictions["model"].groups is not None
    column = record.config.get("group_column") if grouped else None
    return coverage_section(
        found.found,
        found.calibration,
        found.level,
        part=found.part,
        group_column=column,
        source="validation" if record.blend is None else "out_of_fold",
        is_ordered=target.kind.is_ordered,
    )


def labelled(sections: list[Section | None], targets: Targets, place: int) -> list[Section | None]:
    """The sections of one target, which say which it is where there are several."""
    if len(targets) == 1:
        return sections
    column = targets.columns[place]
    return [
        section
        and dataclasses.replace(
            section,
            anchor=f"{section.anchor}-{place}",
            title=f"{column}: {section.title}",
            pictures=[dataclasses.replace(one, name=f"{one.name}-{column}") for one in section.pictures],
        )
        for section in sections
    ]


def tiles_of(judged: list[tuple[TargetSpec, list[Judgement]]]) -> list[Tile]:
    """The main metrics of the one target, or the first of each."""
    if len(judged) == 1:
        return tiles(judged[0][1][0])
    firsts = [(spec, tiles(judgements[0])[0]) for spec, judgements in judged]
    return [dataclasses.replace(tile, label=f"{spec.column}: {tile.label}") for spec, tile in firsts]


def _encoder_page(record: RunRecord) -> Page:
    found = best_values(record)
    shown = [name for part in each_part() if (name := part.metrics[0].name) in found]
    samples = record.data["samples"]
    judged = (
        f"These are results on {plural(samples['validation'], 'validation sample')}, which also chose the best epoch."
    )
    return Page(
        kicker="AAM report",
        title=f"pre-training \u00b7 {record.path.resolve().name}",
        headline=f"The encoder was pre-trained on {plural(samples['train'], 'sample')} without labels.",
        verdicts=[judged] if shown else [],
        tiles=[Tile(value_of(name, found[name]), metric(name).label, metric(name).meaning) for name in shown],
        sections=present([data_section(record), training_section(record), map_section(record), method_section(record)]),
        footer=footer(record.data.get("environment", {}).get("aam", "")),
    )


def present(sections: list[Section | None]) -> list[Section]:
    """The sections that have content."""
    return [section for section in sections if section is not None]
