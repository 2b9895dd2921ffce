"""`aam compare`: finished runs side by side on the samples that all of them predict."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from aam.config.commands.compare import CompareConfig
from aam.evaluation.side_by_side.judge import Standing, disagreement, judge, verdict
from aam.evaluation.side_by_side.notes import notes, option_differences
from aam.evaluation.side_by_side.same_samples import Aligned, align
from aam.evaluation.side_by_side.sources import Source, names_of, read_source
from aam.files.columns import Columns, write_tables
from aam.runs.result_folder import result_folder

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from aam.report.html import Page

RECORD = "comparison.json"
LABELS = ("target", "run", "metric")


@dataclass(frozen=True, kw_only=True, eq=False)
class Comparison:
    """Runs side by side on the same samples.

    Attributes
    ----------
    sources
        What is compared, the reference first.
    standings
        Metrics and paired differences of each target.
    summary
        The results in words.
    notes
        What limits them, in words.
    """

    sources: Sequence[Source]
    standings: Sequence[Standing]
    summary: tuple[str, ...]
    notes: tuple[str, ...]

    @property
    def names(self) -> tuple[str, ...]:
        """What the runs are called, the reference first."""
        return tuple(source.name for source in self.sources)

    @cached_property
    def metrics(self) -> Columns:
        """Columns ``target, run, metric, value, low, high, samples``: each metric with its 95 % interval."""
        rows = [
            (one.aligned.column, name, key, found.value, found.low, found.high, len(one.aligned.sample_ids))
            for one in self.standings
            for name, of_source in one.metrics.items()
            for key, found in of_source.items()
        ]
        return Columns.of_rows((*LABELS, "value", "low", "high", "samples"), rows)

    @cached_property
    def differences(self) -> Columns:
        """Columns ``target, run, metric, reference, difference, low, high, p, p_corrected``."""
        rows = []
        for one in self.standings:
            for name, of_source in one.differences.items():
                for key, found in of_source.items():
                    interval = found.interval
                    values = (interval.value, interval.low, interval.high, found.p, found.corrected)
                    rows.append((one.aligned.column, name, key, one.reference, *values))
        names = ("reference", "difference", "low", "high", "p", "p_corrected")
        return Columns.of_rows((*LABELS, *names), rows)

    @cached_property
    def predictions(self) -> Mapping[str, Columns]:
        """Target -> columns ``sample-id, observed``, the prediction of each run, and ``disagreement``."""
        return {one.aligned.column: _predictions(one.aligned) for one in self.standings}

    @cached_property
    def options(self) -> Columns:
        """Columns ``option`` and each run: the options that differ, and that may change predictions."""
        rows = [(name, *values) for name, values in option_differences(self.sources).items()]
        return Columns.of_rows(("option", *self.names), rows)

    @cached_property
    def page(self) -> Page:
        """The page, before it is rendered."""
        from aam.report.comparison.page import Shown, comparison_page

        shown = Shown(
            sources=self.sources,
            standings=self.standings,
            verdicts=self.summary,
            notes=self.notes,
            options=option_differences(self.sources),
            comparisons=_comparisons(self.standings),
        )
        return comparison_page(shown)

    @property
    def figures(self) -> dict[str, Figure]:
        """Name -> figure, drawn anew."""
        from aam.report.figure_files import figures_on_white

        return figures_on_white(self.page)


def compare(config: CompareConfig) -> Comparison:
    """Compare runs, and write a page and tables where a folder is given.

    Parameters
    ----------
    config
        The runs.

    Raises
    ------
    ConfigError, InputError
        If a run cannot be read, there is no sample that all predict, truths differ, or the folder cannot be used.
    """
    options = config.compare
    paths = options.ordered
    part = options.part.replace("-", "_")
    names = names_of(paths)
    sources = [read_source(path, name, part) for path, name in zip(paths, names, strict=True)]
    aligned = align(sources)
    standings = judge(aligned, names[0])
    found = Comparison(
        sources=sources,
        standings=standings,
        summary=tuple(_summary(standings)),
        notes=tuple(notes(sources, aligned)),
    )
    if options.output_dir is not None:
        _write(found, options.output_dir, overwrite=options.overwrite)
    return found


def _comparisons(standings: Sequence[Standing]) -> int:
    return sum(len(one.differences) for one in standings)


def _summary(standings: Sequence[Standing]) -> list[str]:
    number = _comparisons(standings)
    several = len(standings) > 1
    return [
        f"{one.aligned.column}: {said}" if several else said
        for one in standings
        for said in (verdict(one, name, number) for name in one.differences)
    ]


def _predictions(aligned: Aligned) -> Columns:
    table = Columns({"sample-id": aligned.sample_ids, "observed": aligned.first.observed})
    classes = aligned.first.classes
    for name in aligned.repeats:
        mean = aligned.mean(name)
        table[f"predicted {name}"] = _labels(classes, mean) if classes else mean[:, 0]
        for code, label in enumerate(classes):
            table[f"probability {label} {name}"] = mean[:, code]
    if aligned.first.groups is not None:
        table["group"] = aligned.first.groups
    table["disagreement"] = disagreement(aligned)
    return table


def _labels(classes: tuple[str, ...], mean: np.ndarray) -> np.ndarray:
    return np.array(classes, dtype=object)[mean.argmax(axis=1)]


def _write(found: Comparison, folder: Path, *, overwrite: bool) -> None:
    from aam.report.figure_files import write_page

    with result_folder(folder, RECORD, overwrite=overwrite) as results:
        write_tables(results.path, {"metrics": found.metrics, "differences": found.differences})
        write_tables(results.path, {"options": found.options})
        for place, table in enumerate(found.predictions.values()):
            ending = "" if len(found.predictions) == 1 else f"_{place + 1}"
            table.write(results.path / f"predictions{ending}.tsv")
        write_page(found.page, results.path)
        results.record.update(
            runs={source.name: {"path": str(source.path), "part": source.part} for source in found.sources},
            reference=found.names[0],
            targets=[one.aligned.column for one in found.standings],
            samples={one.aligned.column: len(one.aligned.sample_ids) for one in found.standings},
            results=list(found.summary),
            notes=list(found.notes),
        )
