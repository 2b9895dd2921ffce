"""From predictions of labelled samples to all that is found of each target."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Mapping, Sequence

import numpy as np

from aam.data.targets.kinds import Predictions, TargetSpec
from aam.evaluation.baseline_comparison import Judgement, judge
from aam.evaluation.catalogue import metric
from aam.evaluation.coverage import Coverage, CoverageRecord
from aam.evaluation.errors.association import Association, associate, strength, with_false_discovery
from aam.evaluation.errors.columns import Skipped, Usable, read_column, usable_columns
from aam.evaluation.errors.confusion import confusion_table
from aam.evaluation.errors.levels import all_scores, gap_between, in_cells, level_scores
from aam.evaluation.errors.measure import error_size, signed_error
from aam.evaluation.errors.worst import worst_samples
from aam.evaluation.evaluated import NEW, TargetEvaluation
from aam.evaluation.result_table import ResultTable, Row
from aam.workflows.evaluate.labelled import LabelledSamples

BINS = 4
SIZE, DIRECTION = "size of the error", "direction of the error"
METADATA, SAMPLE = "metadata", "sample"


def assess_target(
    found: LabelledSamples,
    spec: TargetSpec,
    predictions: Predictions,
    coverage: CoverageRecord | None,
    by: Sequence[str],
) -> TargetEvaluation:
    """Judge one target in all ways but robustness.

    Parameters
    ----------
    found
        The samples.
    spec
        The target.
    predictions
        Of all samples; those without a truth of this target are passed over.
    coverage
        Of the samples with a truth.
    by
        Columns within whose levels it is judged.
    """
    known = np.flatnonzero(spec.kind.is_present(predictions.observed))
    own = predictions.select(known)
    judgement = judge(NEW, own, None, spec)
    facts = {name: values[known] for name, values in found.facts.items()}
    chosen = None if coverage is None else next(one for one in coverage.found if one.level == coverage.level)
    training_range = None if found.run is None else found.run.range_of(spec)
    columns = {column: _as_levels(read_column(found.sheet, column)).values[known] for column in by}
    associations, skipped = _associations(found, own, known, facts)
    studies = None if found.studies is None else found.studies[known]
    levels = {} if studies is None else {str(found.study_column): studies}
    tables = {
        "metrics": ResultTable.of_records(_metric_rows(judgement)),
        "by_study": _by_study(own, spec, studies, chosen),
        "by_level": ResultTable.of_records(_level_rows(own, spec, columns, chosen)),
        "gaps": _gaps(own, columns),
        "errors_by_column": associations,
        "worst_samples": worst_samples(own, facts, found.warning_N[known], training_range),
        "confusion": confusion_table(own, {**levels, **columns}) if spec.classes else ResultTable(),
    }
    return TargetEvaluation(
        spec=spec,
        judgement=judgement,
        coverage=coverage,
        held_out=None if found.run is None else found.run.held_out(spec, own.sample_ids),
        facts=facts,
        warning_N=found.warning_N[known],
        num_trained=0 if found.run is None else len(found.run.trained_ids() & set(own.sample_ids)),
        training_range=training_range,
        tables=tables,
        skipped=skipped,
    )


def _metric_rows(judgement: Judgement) -> Iterator[Row]:
    for who, results in judgement.results.items():
        for name, interval in results.items():
            yield {"predictor": who, "metric": name, "name": metric(name).label} | dict(in_cells("value", interval))


def _by_study(own: Predictions, spec: TargetSpec, studies: np.ndarray | None, chosen: Coverage | None) -> ResultTable:
    """A row for each study, with a test of the difference in none: they differ in too many ways."""
    if studies is None:
        return ResultTable()
    return ResultTable.of_records(one.row() for one in level_scores(own, spec, studies, chosen))


def _level_rows(
    own: Predictions, spec: TargetSpec, columns: Mapping[str, np.ndarray], chosen: Coverage | None
) -> Iterator[Row]:
    if not columns:
        return
    yield {"column": "all", **all_scores(own, spec, chosen).row()}
    for column, labels in columns.items():
        for one in level_scores(own, spec, labels, chosen):
            yield {"column": column, **one.row()}


def _gaps(own: Predictions, columns: Mapping[str, np.ndarray]) -> ResultTable:
    gaps = [gap_between(own, Usable(column, False, labels)) for column, labels in columns.items()]
    adjusted = with_false_discovery([gap.association for gap in gaps])
    return ResultTable.of_records(
        dataclasses.replace(gap, association=one).row() for gap, one in zip(gaps, adjusted, strict=True)
    )


def _as_levels(column: Usable) -> Usable:
    """A column as levels: numbers in quarters, unless they are few."""
    if not column.is_number:
        return column
    known, labels = column.known, np.full(len(column.values), "", dtype=object)
    values = column.values[known]
    if len(np.unique(values)) <= BINS:
        labels[known] = [f"{value:g}" for value in values]
        return Usable(column.name, False, labels)
    edges = np.unique(np.quantile(values, np.linspace(0, 1, BINS + 1)[1:-1]))
    place = np.searchsorted(edges, values, side="right")
    low = [values.min(), *edges]
    high = [*edges, values.max()]
    names = [f"{start:g} to {end:g}" for start, end in zip(low, high, strict=True)]
    labels[known] = [names[at] for at in place]
    return Usable(column.name, False, labels)


def _associations(
    found: LabelledSamples, own: Predictions, known: np.ndarray, facts: Mapping[str, np.ndarray]
) -> tuple[ResultTable, tuple[Skipped, ...]]:
    """Errors against every usable column of the metadata and every fact, most certain first."""
    sheet = found.sheet.select(own.sample_ids)
    targets = found.predictor.targets.columns
    usable, skipped = usable_columns(sheet, [*targets, *filter(None, [found.group_column])])
    of_facts = [Usable(name, True, values) for name, values in facts.items() if np.isfinite(values).any()]
    pairs = [(METADATA, column) for column in usable] + [(SAMPLE, column) for column in of_facts]
    errors = {SIZE: error_size(own), DIRECTION: signed_error(own)}
    tests = [(what, source, column) for what in errors for source, column in pairs]
    adjusted = with_false_discovery([associate(errors[what], column, own.groups) for what, _, column in tests])
    with_target = {column.name: strength(own.observed, column) for _, column in pairs}
    rows = [
        {**_association_row(what, source, one), "with_target": with_target[one.column]}
        for (what, source, _), one in zip(tests, adjusted, strict=True)
    ]
    rows.sort(key=lambda row: np.nan_to_num(float(str(row["p"])), nan=2.0))
    return ResultTable.of_records(rows), tuple(skipped)


def _association_row(what: str, source: str, one: Association) -> Row:
    return {
        "column": one.column,
        "source": source,
        "of": what,
        "test": one.test,
        "unit": one.unit,
        "samples": one.num_samples,
        "units": one.num_units,
        "levels": one.num_levels,
        "effect": one.effect,
        "p": one.p,
        "q": one.q,
    }
