"""From the folds of a cross-validation to its one report."""

from __future__ import annotations

from pathlib import Path

from aam.data.targets import TargetSpec
from aam.files.atomic import write_text
from aam.report.build import REPORT, footer, present
from aam.report.cross_validation import CrossValidation
from aam.report.fold_sections import comparison_section, folds_section, how_section, wins
from aam.report.html import Page, render
from aam.report.judgement import headline, verdicts
from aam.report.results import metrics_section, predictions_section, tiles, worst_section
from aam.report.run_record import read_run
from aam.report.sections import data_section, method_section


def build_folds_report(run: Path, found: CrossValidation, target: TargetSpec) -> Path:
    """Write ``report.html`` of a cross-validation into its run directory.

    Parameters
    ----------
    run
        The run directory with ``config.yaml`` and ``data.json``.
    found
        The folds, judged.
    target
        What was predicted: its column, kind and classes.

    Returns
    -------
    Path
        The page.
    """
    record, judgement = read_run(run), found.judgement
    sections = [
        data_section(record),
        comparison_section(found, target),
        predictions_section(judgement, target),
        folds_section(found, target),
        metrics_section([judgement], record.config.get("group_column")),
        worst_section(judgement, target),
        how_section(record.config, found),
        method_section(record),
    ]
    page = Page(
        kicker="AAM report",
        title=f"{target.column} \u00b7 cross-validation \u00b7 {run.resolve().name}",
        headline=headline(judgement, target),
        verdicts=[*verdicts(judgement), *([wins(found)] if wins(found) else [])],
        tiles=tiles(judgement),
        sections=present(sections),
        footer=footer(record),
    )
    path = run / REPORT
    write_text(path, render(page))
    return path
