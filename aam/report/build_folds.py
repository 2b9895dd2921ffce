"""From the folds of a cross-validation to its one report."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from aam.data.targets import Targets
from aam.files.atomic import write_text
from aam.report.build import REPORT, footer, labelled, present, tiles_of
from aam.report.cross_validation import CrossValidation
from aam.report.fold_sections import comparison_section, folds_coverage_section, folds_section, how_section, wins
from aam.report.html import Page, Section, render
from aam.report.judgement import headline, verdicts
from aam.report.results import metrics_section, predictions_section, worst_section
from aam.report.run_record import read_run
from aam.report.sections import data_section, method_section


def build_folds_report(run: Path, found: Mapping[str, CrossValidation], targets: Targets) -> Path:
    """Write ``report.html`` of a cross-validation into its run directory.

    Parameters
    ----------
    run
        The run directory with ``config.yaml`` and ``data.json``.
    found
        Column of each target -> its folds, judged.
    targets
        What was predicted: columns, kind and classes.

    Returns
    -------
    Path
        The page.
    """
    record = read_run(run)
    group_column = record.config.get("group_column")
    results: list[Section | None] = []
    details: list[Section | None] = []
    told: list[str] = []
    for place, spec in enumerate(targets.specs):
        judged = found[spec.column]
        judgement = judged.judgement
        shown = [
            comparison_section(judged, spec),
            predictions_section(judgement, spec),
            folds_coverage_section(judged, group_column),
            folds_section(judged, spec),
        ]
        results += labelled(shown, targets, place)
        more = [metrics_section([judgement], group_column), worst_section(judgement, spec)]
        details += labelled(more, targets, place)
        told += [headline(judgement, spec), *verdicts(judgement), *([wins(judged)] if wins(judged) else [])]
    how = how_section(record.config, targets, found[targets.columns[0]].num_repeats)
    page = Page(
        kicker="AAM report",
        title=f"{', '.join(targets.columns)} \u00b7 cross-validation \u00b7 {run.resolve().name}",
        headline=told[0],
        verdicts=told[1:],
        tiles=tiles_of([(spec, [found[spec.column].judgement]) for spec in targets.specs]),
        sections=present([data_section(record), *results, *details, how, method_section(record)]),
        footer=footer(record),
    )
    path = run / REPORT
    write_text(path, render(page))
    return path
