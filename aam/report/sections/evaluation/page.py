"""The report of an evaluation on one page: a summary in plain words, then figures and tables."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from pathlib import Path

from aam.evaluation.evaluated import NEW, Evaluation, TargetEvaluation
from aam.evaluation.evaluation_words import target_lines, trained_words
from aam.report.html import Page, Section, Tile
from aam.report.sections.by_kind import kind_section
from aam.report.sections.classes import reliability_section
from aam.report.sections.coverage import coverage_section
from aam.report.sections.evaluation.errors import columns_section, facts_section, worst_section
from aam.report.sections.evaluation.levels import gaps_section, levels_section, studies_section
from aam.report.sections.evaluation.robustness import robustness_section
from aam.report.sections.results import comparison_section, metrics_section, predictions_section, tiles
from aam.text import plural


def evaluation_page(found: Evaluation) -> Page:
    """The page of an evaluation.

    Parameters
    ----------
    found
        What was found, of one target or several.
    """
    lines = [line for one in found.targets.values() for line in target_lines(one, found.group_column)]
    sections = [section for place, one in enumerate(found.targets.values()) for section in _target(found, one, place)]
    trained = [trained_words(found)] if found.num_trained else []
    return Page(
        kicker="AAM evaluation",
        title=f"{', '.join(found.targets)} \u00b7 {Path(found.model).name}",
        headline=lines[0],
        verdicts=[*trained, *lines[1:]],
        tiles=_tiles(found),
        sections=[*sections, _method(found)],
    )


def _target(found: Evaluation, one: TargetEvaluation, place: int) -> Iterator[Section]:
    """The sections of one target, which say which it is where there are several."""
    for section in _sections(found, one):
        if section is None:
            continue
        if len(found.targets) == 1:
            yield section
            continue
        column = one.spec.column
        pictures = [dataclasses.replace(picture, name=f"{picture.name}-{column}") for picture in section.pictures]
        title = f"{column}: {section.title}"
        yield dataclasses.replace(section, anchor=f"{section.anchor}-{place}", title=title, pictures=pictures)


def _sections(found: Evaluation, one: TargetEvaluation) -> Iterator[Section | None]:
    judgement, spec = one.judgement, one.spec
    yield comparison_section(judgement, spec)
    yield predictions_section(judgement, spec)
    yield reliability_section(judgement, spec)
    yield kind_section(judgement, spec)
    yield _coverage(found, one)
    yield studies_section(one, found.study_column)
    yield levels_section(one)
    yield gaps_section(one)
    yield columns_section(one)
    yield facts_section(one)
    yield worst_section(one)
    yield robustness_section(one)
    yield metrics_section([judgement], found.group_column)


def _coverage(found: Evaluation, one: TargetEvaluation) -> Section | None:
    covered = one.coverage
    if covered is None:
        return None
    column = found.group_column if one.predictions.groups is not None else None
    return coverage_section(
        covered.found,
        covered.calibration,
        covered.level,
        part=NEW,
        group_column=column,
        is_ordered=one.spec.kind.is_ordered,
    )


def _tiles(found: Evaluation) -> list[Tile]:
    every = [(column, tiles(one.judgement)) for column, one in found.targets.items()]
    if len(every) == 1:
        return every[0][1]
    return [dataclasses.replace(own[0], label=f"{column}: {own[0].label}") for column, own in every]


def _method(found: Evaluation) -> Section:
    facts = [("model", found.model), ("table", found.table), ("samples", f"{found.num_samples:,}")]
    named = {"groups": found.group_column, "studies": found.study_column, "judged by": ", ".join(found.by)}
    facts += [(name, value) for name, value in named.items() if value]
    if found.num_trained is not None:
        facts.append(("samples that the model learned from", f"{found.num_trained:,}"))
    skipped = next(iter(found.targets.values())).skipped
    if skipped:
        some = "; ".join(f"{one.name}: {one.reason}" for one in skipped[:6])
        more = f"; and {len(skipped) - 6} more (columns_left_out.tsv)" if len(skipped) > 6 else ""
        facts.append((f"{plural(len(skipped), 'column')} left out", some + more))
    return Section("method", "What was judged", list(found.notes), options=facts)
