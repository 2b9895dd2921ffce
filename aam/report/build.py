"""From a run directory to its report."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

from aam.data.targets import TargetSpec
from aam.errors import InputError
from aam.files.atomic import write_text
from aam.files.text import plural
from aam.report.html import Page, Section, Tile, render
from aam.report.judgement import Judgement, headline, judge, verdicts
from aam.report.results import (
    comparison_section,
    metrics_section,
    predictions_section,
    tiles,
    worst_section,
)
from aam.report.run_record import RunRecord, read_run
from aam.report.sections import (
    best_values,
    data_section,
    map_section,
    method_section,
    training_section,
)
from aam.report.words import metric, value_of

REPORT = "report.html"
PRETRAINING_TILES = (
    "distance_correlation",
    "faith_pd_correlation",
    "taxonomy_accuracy",
    "nucleotide_accuracy",
    "count_correlation",
)


def build_report(run: Path) -> Path:
    """Write ``report.html`` into a run directory, from nothing but the files that are there.

    Parameters
    ----------
    run
        The directory of a pre-training or training run, with or without a test part and a random forest.

    Returns
    -------
    Path
        The page.

    Raises
    ------
    InputError
        If the folder holds no run or no predictions, or a file of it is damaged.
    """
    record = read_run(run)
    target = record.target
    if target is not None and not record.predictions:
        raise InputError(
            run, "there are no predictions (val_predictions.tsv)", "a report needs a run that came to its end"
        )
    page = _encoder_page(record) if target is None else _predictor_page(record, target)
    path = run / REPORT
    write_text(path, render(page))
    return path


def judge_run(record: RunRecord, target: TargetSpec) -> list[Judgement]:
    """The model and its baselines on each part, the one of the headline first."""
    parts = sorted(record.predictions, key=lambda part: part != record.judged_part)
    return [judge(part, record.predictions[part], record.forest.get(part), target) for part in parts]


def _predictor_page(record: RunRecord, target: TargetSpec) -> Page:
    judgements = judge_run(record, target)
    first = judgements[0]
    sections = [
        data_section(record),
        comparison_section(first, target),
        predictions_section(first, target),
        training_section(record),
        map_section(record),
        metrics_section(judgements, record.config.get("group_column")),
        worst_section(first, target),
        method_section(record),
    ]
    return Page(
        kicker="AAM report",
        title=f"{target.column} \u00b7 {record.path.resolve().name}",
        headline=headline(first, target),
        verdicts=[*verdicts(first), *record.notes],
        tiles=tiles(first),
        sections=_present(sections),
        footer=_footer(record),
    )


def _encoder_page(record: RunRecord) -> Page:
    found = best_values(record)
    shown = [name for name in PRETRAINING_TILES if name in found]
    samples = record.data["samples"]
    judged = (
        f"These are results on {plural(samples['validation'], 'validation sample')}, which also chose the best model."
    )
    return Page(
        kicker="AAM report",
        title=f"pre-training \u00b7 {record.path.resolve().name}",
        headline=f"The encoder was pre-trained on {plural(samples['train'], 'sample')} without labels.",
        verdicts=[judged] if shown else [],
        tiles=[Tile(value_of(name, found[name]), metric(name).label, metric(name).meaning) for name in shown],
        sections=_present(
            [data_section(record), training_section(record), map_section(record), method_section(record)]
        ),
        footer=_footer(record),
    )


def _present(sections: list[Section | None]) -> list[Section]:
    return [section for section in sections if section is not None]


def _footer(record: RunRecord) -> str:
    version = record.data.get("environment", {}).get("aam", "")
    day = datetime.now(UTC)
    return f"Made by AAM {version} on {day.day} {day:%B %Y}. The page holds all it needs and loads nothing."
