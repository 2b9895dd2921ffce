"""What the microbiome tells beside the metadata: the model's learners fitted anew with each, and with both.

What a model uses (:mod:`aam.explanation.parts`) is not what could be told: one that has both may read from the
microbiome what the metadata say as well. So learners are fitted with the microbiome alone, with the covariates alone,
and with both, and predict samples of groups that they have not seen; the parts are compared on the same samples.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from aam.config.commands.explain import ExplainOptions
from aam.data.study.study import Study
from aam.data.study.tips import tips_of
from aam.data.targets.kinds import Predictions
from aam.data.targets.kinds.kind import kind_of_saved_name
from aam.data.targets.targets import Targets, with_missing
from aam.errors import ConfigError, InputError
from aam.evaluation.decode_predictions import PredictionDecoder
from aam.evaluation.metrics import compare, evaluate
from aam.explanation.effects import BOTH, METADATA, MICROBIOME
from aam.explanation.results.refitted import PAIRS, RefittedParts
from aam.learners.blend import cross_blend, even_weights
from aam.learners.catalogue import LABELS, NETWORK
from aam.learners.folds import deal_folds
from aam.learners.held_out import samples_of
from aam.learners.members import Unable, new_member, possible_members
from aam.learners.predictor import Predictor
from aam.learners.protocol import Labelled, Task
from aam.learners.reference import Reference
from aam.log import say
from aam.phylogeny.tree import read_cached_tree, read_tree
from aam.phylogeny.unifrac import Phylogeny
from aam.text import plural
from aam.workflows.explain.metadata_alone import from_metadata
from aam.workflows.explain.plan import Plan

MOST_SAMPLES = 2_000
"""Samples that learners are fitted on; of more, whole groups are drawn."""
LEAST_GROUPS = 3


@dataclass(frozen=True, kw_only=True, eq=False)
class LabelledStudy:
    """Samples that learners are fitted on.

    Attributes
    ----------
    study
        All samples, with metadata and (as its targets) their true values.
    rows
        Which are used.
    unit_N
        Group of each sample of the study, as a number.
    """

    study: Study
    rows: np.ndarray
    unit_N: np.ndarray


def check_can_refit(plan: Plan) -> None:
    """Refuse a model without covariates, and metadata without true values (:class:`~aam.errors.ConfigError`)."""
    _check_reads_metadata(plan.first.predictor)
    if plan.truths is None:
        raise ConfigError("--refit-parts: the true values are needed: --metadata with the target")


def _check_reads_metadata(predictor: Predictor) -> None:
    if predictor.manifest.covariate_spec is None:
        remedy = "aam train with --categorical-columns or --numeric-columns makes one that does"
        raise ConfigError(f"--refit-parts compares the microbiome with metadata, and the model reads none: {remedy}")


def refitted_of(plan: Plan) -> RefittedParts:
    """The learners of the first model, fitted anew on the samples of its run.

    Raises
    ------
    ConfigError, InputError
        As :func:`refit_parts` and :func:`labelled_study`.
    """
    first, seed = plan.first, plan.options.seed
    assert plan.truths is not None
    known = frozenset[str]().union(*(source.learned | source.held_out for source in plan.sources))
    study = with_tree(first.study, plan.options, cache=plan.table.cache)
    data = labelled_study(study, plan.truths, plan.chosen.unit_N, known, seed)
    say(f"fitting the learners with each part, on {plural(len(data.rows), 'sample')}")
    return refit_parts(first.predictor, data, seed=seed)


def with_tree(study: Study, options: ExplainOptions, *, cache: bool) -> Study:
    """The study with the tree that is given, where all of its ASVs are tips: for learners on the phylogeny."""
    if options.tree is None:
        return study
    tree = (read_cached_tree if cache else read_tree)(options.tree, options.root, options.clip_negative_branches)
    tips, _ = tips_of(study.table, tree)
    if any(tip is None for tip in tips):
        return study
    pruned = tree.prune(list(tips))
    return dataclasses.replace(study, tree=pruned, phylogeny=Phylogeny(pruned, list(tips)))


def labelled_study(
    study: Study, truths: Mapping[str, np.ndarray], unit_N: np.ndarray, known: frozenset[str], seed: int
) -> LabelledStudy:
    """The samples of the model's run where they are known, else all, that have a true value of the first target.

    Parameters
    ----------
    study, truths, unit_N
        All samples, the true values by column, and the group of each.
    known
        Ids of the samples of the run; empty where it is not known.
    seed
        Of the groups that are drawn where there are very many samples.

    Raises
    ------
    InputError
        If there are fewer than ``LEAST_GROUPS`` groups.
    """
    values = next(iter(truths.values()))
    is_known = ~np.isnan(values) if values.dtype.kind == "f" else values != ""
    of_run = np.array([str(one) in known for one in study.sample_ids])
    rows = np.flatnonzero(is_known & (of_run if (of_run & is_known).any() else True))
    units, place_B, size_U = np.unique(unit_N[rows], return_inverse=True, return_counts=True)
    if len(units) < LEAST_GROUPS:
        problem = f"{plural(len(units), 'group')} with true values; at least {LEAST_GROUPS} are needed"
        raise InputError("--refit-parts", problem, "more samples, or another --group-column")
    drawn = np.random.default_rng(seed).permutation(len(units))
    kept_U = np.zeros(len(units), dtype=bool)
    kept_U[drawn] = (np.cumsum(size_U[drawn]) <= MOST_SAMPLES) | (np.arange(len(units)) < LEAST_GROUPS)
    rows = rows[kept_U[place_B]]
    order = np.argsort(study.sample_ids[rows].astype(str), kind="stable")
    return LabelledStudy(study=dataclasses.replace(study, targets=truths), rows=rows[order], unit_N=unit_N)


def refit_parts(predictor: Predictor, data: LabelledStudy, *, seed: int) -> RefittedParts:
    """Fit the learners of a model with each part, and compare their out-of-fold predictions.

    Parameters
    ----------
    predictor
        The model, which says what is predicted, from which covariates, and by which learners. Networks are not fitted.
    data
        The samples.
    seed
        Of folds and learners.

    Raises
    ------
    ConfigError
        If the model reads no covariates, or has no learner that can be fitted here.
    """
    _check_reads_metadata(predictor)
    study, rows = data.study, data.rows
    names, unable = _members(predictor, study)
    found = dict(_tasks(predictor, study, rows, seed))
    samples = {part: _labelled(task.targets, data) for part, task in found.items()}
    fold_B = deal_folds(found[BOTH].targets.kind, samples[BOTH], seed)
    learned = {
        part: _out_of_fold(task, names, study, samples[part], fold_B, seed)
        for part, task in found.items()
        if part != METADATA
    }
    read = found[METADATA].covariates(study)[rows]
    learned[METADATA] = from_metadata(found[METADATA], read, samples[METADATA], fold_B, seed)
    tables = {part: _predictions(predictor, task.targets, data, learned[part]) for part, task in found.items()}
    columns = found[BOTH].targets.columns
    return RefittedParts(
        samples=len(rows),
        groups=len(np.unique(data.unit_N[rows])),
        folds=len(np.unique(fold_B)),
        learners=tuple(names),
        left_out=tuple(f"{LABELS.get(one.name, one.name)} ({one.reason})" for one in unable),
        main_metric=found[BOTH].targets.kind.main_metric,
        metrics={
            column: {part: evaluate(own[place]) for part, own in tables.items()} for place, column in enumerate(columns)
        },
        differences={
            column: {(a, b): compare(tables[a][place], tables[b][place]) for a, b in PAIRS}
            for place, column in enumerate(columns)
        },
    )


def _members(predictor: Predictor, study: Study) -> tuple[list[str], list[Unable]]:
    """The learners of the model that can be fitted on these samples, and those that cannot."""
    names = list(dict.fromkeys(member.name for member in predictor.manifest.members))
    fitted = [name for name in names if name != NETWORK]
    able, unable = possible_members(fitted, study, has_encoder=False)
    if NETWORK in names:
        unable.append(Unable(NETWORK, "takes too long"))
    if not able:
        reasons = "; ".join(f"{one.name} {one.reason}" for one in unable)
        raise ConfigError(f"--refit-parts: no learner of the model can be fitted anew ({reasons})")
    return able, unable


def _tasks(predictor: Predictor, study: Study, rows: np.ndarray, seed: int) -> Iterator[tuple[str, Task]]:
    """What is to be learned from each part. Targets that are scaled by metadata are so but for the microbiome alone."""
    kind = kind_of_saved_name(predictor.targets.kind.saved_name)
    specs = tuple(dataclasses.replace(spec, kind=kind) for spec in predictor.targets.specs)
    targets = dataclasses.replace(predictor.targets, specs=specs)
    plain: dict[str, Any] = {"level_shift": (), "level_scale": ()}
    unscaled = Targets(specs=tuple(dataclasses.replace(spec, **plain) for spec in specs))
    spec, reference = predictor.manifest.covariate_spec, Reference.fit(study, rows, seed)
    yield MICROBIOME, Task(targets=unscaled, reference=reference)
    yield METADATA, Task(targets=targets, covariate_spec=spec)
    yield BOTH, Task(targets=targets, covariate_spec=spec, reference=reference)


def _labelled(targets: Targets, data: LabelledStudy) -> Labelled:
    assert data.study.metadata is not None
    learned = with_missing(targets.encode(data.study.targets, targets.level_codes(data.study.metadata)))
    groups = data.unit_N[data.rows].astype(str).astype(object)
    return Labelled(rows=data.rows, targets=learned[data.rows], groups=groups)


def _out_of_fold(
    task: Task, names: Sequence[str], study: Study, samples: Labelled, fold_B: np.ndarray, seed: int
) -> np.ndarray:
    """Predictions of the blend of some learners, each sample by those that did not see its group."""
    members = [new_member(name, task, seed) for name in names]
    found = np.stack([member.cross_fit(study, samples, fold_B) for member in members])
    return cross_blend(found, samples, task.targets, fold_B, even_weights(names))


def _predictions(predictor: Predictor, targets: Targets, data: LabelledStudy, learned: np.ndarray) -> list[Predictions]:
    """For each target the samples whose truth is known."""
    decoder = PredictionDecoder(targets=targets, head=predictor.manifest.head)
    samples = samples_of(targets, data.study, data.rows, data.unit_N.astype(str).astype(object))
    return [table.known() for table in decoder.predictions(learned[None], samples)]
