"""From the options to an explanation: what is read, what is asked of each model, and how their answers are pooled.

Legend of shapes: ``N`` samples that are explained, ``O`` outputs.
"""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Sequence

import numpy as np

from aam.config.commands.explain import ExplainInMemoryConfig, ExplainOptions
from aam.data.study.grouping import group_labels
from aam.data.study.study import Study
from aam.data.targets.kinds import Predictions
from aam.evaluation.prediction_table import concatenate
from aam.explanation.effects import Effects
from aam.explanation.groups import asv_groups
from aam.explanation.method import Method, Subject
from aam.explanation.model import ExplainedModel, outputs_of_tables, with_counts
from aam.explanation.results.association import associate
from aam.explanation.results.explanation import ExplainedSamples, Seen
from aam.explanation.results.pool import pool
from aam.learners.predictor import Predictor
from aam.log import say
from aam.progress import Bar
from aam.text import format_duration, listed, plural
from aam.workflows.explain.methods import chosen_methods
from aam.workflows.explain.parts import check_can_refit, refitted_of
from aam.workflows.explain.plan import Plan, make_plan, plan_in_memory
from aam.workflows.explain.result import ExplanationResult

TIMED = 32, 160
"""Predictions by which the time of all is estimated: what more of them take, since each call costs something."""


def explain(config: ExplainInMemoryConfig) -> ExplanationResult:
    """Explain the predictions of a model, of the folds of a cross-validation, or of several models.

    Parameters
    ----------
    config
        What is explained, and how.

    Raises
    ------
    CheckpointError
        If a model cannot be read, is a pre-trained encoder, or predicts something else than the first.
    ConfigError, InputError
        If the options or the inputs cannot be used.
    """
    return _explained(make_plan(config))


def explain_in_memory(predictor: Predictor, study: Study, options: ExplainOptions) -> ExplanationResult:
    """Explain the predictions of a model in memory; see :func:`explain`.

    Parameters
    ----------
    predictor
        The model.
    study
        The samples, as the model reads them, with metadata (empty where it reads none).
    options
        How; its model is not read.

    Raises
    ------
    ConfigError, InputError
        If the options or the study cannot be used.
    """
    return _explained(plan_in_memory(predictor, study, options))


def _explained(plan: Plan) -> ExplanationResult:
    if plan.options.refit_parts:
        check_can_refit(plan)
    methods, left_out = chosen_methods(plan.options.methods, plan.subject(0, plan.first.predictor, plan.first.study))
    say(*plan.chosen.notes, *plan.named.notes, *left_out)
    subjects = [plan.subject(place, plan.first.predictor, plan.first.study) for place in range(len(plan.sources))]
    total = sum(method.num_predictions(subject) for subject in subjects for method in methods)
    _announce(plan, methods, total)
    effects, tables = [], []
    with Bar("explaining", "predictions", total, wanted=plan.options.progress) as bar:
        for place, (predictor, study) in enumerate(plan.models()):
            subject = dataclasses.replace(plan.subject(place, predictor, study), on_done=bar.advance)
            effects.append([one for method in methods for one in method.explain(subject)])
            tables.append(_predictions(plan, subject))
    refitted = refitted_of(plan) if plan.options.refit_parts else None
    pooled = pool(effects, [subject.unit_N for subject in subjects], seed=plan.options.seed)
    together = [concatenate(each) for each in zip(*tables, strict=True)]
    found = _explanation(plan, methods, pooled, together, (*plan.chosen.notes, *plan.named.notes, *left_out))
    return dataclasses.replace(found, refitted=refitted)


def _announce(plan: Plan, methods: Sequence[Method], total: int) -> None:
    """Say what is done, and about how long it takes."""
    targets = listed(plan.first.predictor.targets.columns)
    things = listed([f"{len(one):,} {_things(one.level, len(one))}" for one in plan.groups], 9)
    samples = sum(map(len, plan.chosen.rows))
    models = f" of {plural(len(plan.sources), 'model')}" if len(plan.sources) > 1 else ""
    column = plan.chosen.group_column
    number = len(np.unique(np.concatenate([plan.chosen.unit_N[rows] for rows in plan.chosen.rows])))
    over = f" in {number:,} groups of '{column}'" if column is not None else ""
    say(f"explaining {targets} by {listed([method.name for method in methods], 9)}: {things}")
    say(f"samples: {plural(samples, 'prediction')}{models}{over}")
    seconds = _seconds_of_one(plan) * total
    say(f"predictions: {total:,}; time: about {format_duration(seconds)} on this machine, measured on first ones")


def _things(level: str, number: int) -> str:
    plurals = {"asv": "ASVs", "clade": "clades", "family": "families", "genus": "genera", "species": "species"}
    several = {"class": "classes", "phylum": "phyla", "domain": "domains", "order": "orders"}
    return {"asv": "ASV"}.get(level, level) if number == 1 else (plurals | several)[level]


def _seconds_of_one(plan: Plan) -> float:
    """Seconds that a prediction takes, by some; what is made once for all is made before."""
    rows, study = np.resize(plan.chosen.rows[0], TIMED[-1]), plan.first.study
    some = with_counts(study, rows, study.table.counts[rows])
    model = ExplainedModel(predictor=plan.first.predictor)
    model.predict(some, np.arange(1))
    ends = [time.perf_counter()]
    for number in TIMED:
        model.predict(some, np.arange(number))
        ends.append(time.perf_counter())
    few, many = np.diff(ends)
    return max(float(many - few), 0.0) / (TIMED[1] - TIMED[0])


def _predictions(plan: Plan, subject: Subject) -> list[Predictions]:
    """The predictions of a model's samples, for each target, with truths where they are known."""
    predictor, study, rows = subject.model.predictor, subject.study, subject.rows
    source = dataclasses.replace(plan.first, predictor=predictor, study=study)
    known = None if plan.truths is None else dict(plan.truths)
    samples = source.samples(rows, known)
    if plan.chosen.group_column is not None:
        assert study.metadata is not None
        samples = dataclasses.replace(samples, groups=group_labels(study.metadata, plan.chosen.group_column)[rows])
    elif len(plan.sources) > 1:
        # A sample that several models predict is one sample.
        samples = dataclasses.replace(samples, groups=study.sample_ids[rows])
    own = with_counts(study, rows, study.table.counts[rows])
    learned = predictor.predict(own, np.arange(len(rows)))
    return predictor.manifest.decoder(None).predictions(learned[None], samples)


def _explanation(
    plan: Plan,
    methods: Sequence[Method],
    effects: Sequence[Effects],
    tables: Sequence[Predictions],
    notes: tuple[str, ...],
) -> ExplanationResult:
    targets = plan.first.predictor.targets
    outputs = ExplainedModel(predictor=plan.first.predictor).outputs
    rows = plan.chosen.rows
    samples = ExplainedSamples(
        rows_N=np.concatenate(rows),
        model_N=np.repeat(np.arange(len(rows)), list(map(len, rows))),
        unit_N=np.concatenate([plan.chosen.unit_N[one] for one in rows]),
        predicted_NO=outputs_of_tables(tables),
        truth_NO=None if plan.truths is None else _truth_outputs(plan),
    )
    counts = plan.first.study.table.counts[samples.rows_N]
    associations = [associate(one, counts, samples.predicted_NO, samples.truth_NO) for one in plan.groups]
    return ExplanationResult(
        specs=tuple(targets.specs),
        outputs=outputs,
        models=tuple(source.name for source in plan.sources),
        study=plan.first.study,
        samples=samples,
        predictions=dict(zip(targets.columns, tables, strict=True)),
        asvs=asv_groups(plan.first.study, plan.named.taxonomy),
        groups=plan.groups,
        associations=tuple(associations),
        effects=tuple(effects),
        methods={method.name: (method.title, method.summary) for method in methods},
        clades=plan.named.clades,
        has_taxonomy=plan.named.taxonomy is not None,
        group_column=plan.chosen.group_column,
        seen=_seen(plan),
        notes=notes,
    )


def _truth_outputs(plan: Plan) -> np.ndarray:
    """True values of the explained samples, ``N x O``: 0 and 1 for classes, NaN where unknown."""
    assert plan.truths is not None
    targets, rows = plan.first.predictor.targets, np.concatenate(plan.chosen.rows)
    found = []
    for spec in targets.specs:
        values = plan.truths[spec.column][rows][:, None]
        is_it = (values.astype(str) == np.array(spec.classes, dtype=str)).astype(np.float64)
        found.append(np.where(values == "", np.nan, is_it) if spec.classes else values.astype(np.float64))
    return np.concatenate(found, axis=1)


def _seen(plan: Plan) -> Seen:
    """What the models know of the samples that they explain."""
    study, unit_N = plan.first.study, plan.chosen.unit_N
    if not any(source.learned for source in plan.sources):
        return "unknown"
    found: set[Seen] = set()
    ids = study.sample_ids.astype(str)
    for source, rows in zip(plan.sources, plan.chosen.rows, strict=True):
        learned = np.isin(ids, list(source.learned))
        if learned[rows].any():
            return "training"
        # Groups of training samples that the table lacks are known where the run held these samples out by groups.
        is_held_out = source.group_column == plan.chosen.group_column and source.held_out.issuperset(ids[rows])
        is_told = is_held_out or learned.sum() == len(source.learned)
        is_new = is_told and not np.isin(unit_N[rows], unit_N[learned]).any()
        found.add("new groups" if is_new else "new samples")
    return "new samples" if "new samples" in found or plan.chosen.group_column is None else "new groups"
