"""What is to be explained: models, samples and groups, chosen before anything is measured."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from aam.config import TableOptions
from aam.config.commands.explain import AUTO, ExplainInMemoryConfig, ExplainOptions
from aam.data.study.study import Study
from aam.explanation.groups import AsvGroups
from aam.explanation.method import Subject
from aam.explanation.model import ExplainedModel
from aam.explanation.removal import removals
from aam.learners.predictor import Predictor
from aam.workflows.explain.inputs import NamedAsvs, further_model, named_asvs
from aam.workflows.explain.samples import (
    LEAST_SAMPLES,
    MOST_PREDICTIONS,
    MOST_SAMPLES,
    ChosenSamples,
    choose_samples,
)
from aam.workflows.explain.sources import ModelSource, model_sources
from aam.workflows.model_input import CheckedTable, ModelInput, read_model_input

IN_MEMORY = Path("model in memory")
REMOVAL = "removal"


@dataclass(frozen=True, kw_only=True, eq=False)
class Plan:
    """What is to be explained.

    Attributes
    ----------
    options, table
        As given.
    sources
        The models that explain some sample.
    first
        The first model, and the samples as it reads them.
    chosen
        The samples of each model.
    named
        What the ASVs are called.
    groups
        Whose effect is asked for.
    truths
        Column -> true values of all samples; None where the metadata do not have them.
    """

    options: ExplainOptions
    table: TableOptions
    sources: tuple[ModelSource, ...]
    first: ModelInput
    chosen: ChosenSamples
    named: NamedAsvs
    groups: tuple[AsvGroups, ...]
    truths: Mapping[str, np.ndarray] | None

    def subject(self, place: int, predictor: Predictor, study: Study) -> Subject:
        """What the methods are given of one model."""
        rows = self.chosen.rows[place]
        return Subject(
            model=ExplainedModel(predictor=predictor, by_learner=self.options.by_learner),
            study=study,
            rows=rows,
            groups=self.groups,
            unit_N=self.chosen.unit_N[rows],
            truths=self.truths,
            draws=self.options.draws,
            seed=self.options.seed,
        )

    def models(self) -> Iterator[tuple[Predictor, Study]]:
        """One model after the other, so that only one is held beside the first."""
        yield self.first.predictor, self.first.study
        for source in self.sources[1:]:
            yield further_model(source, self.first, self.table, self.options)


def make_plan(config: ExplainInMemoryConfig) -> Plan:
    """Read what is needed, and choose models, samples and groups.

    Raises
    ------
    CheckpointError, ConfigError, InputError
        As :func:`explain`.
    """
    options = config.explain
    sources = model_sources([options.model, *options.more_models])
    first = read_model_input(config.table, dataclasses.replace(options, model=sources[0].path), judges_all=False)
    return _plan(config, sources, first)


def plan_in_memory(predictor: Predictor, study: Study, options: ExplainOptions) -> Plan:
    """The same for a model and a study in memory.

    Raises
    ------
    ConfigError, InputError
        As :func:`~aam.workflows.explain.explain.explain`.
    """
    table = TableOptions(table=(Path("study"),))
    source = ModelSource(name="model", path=IN_MEMORY, place=0)
    first = ModelInput(predictor=predictor, study=study, checked=CheckedTable.of(predictor, study, table))
    return _plan(ExplainInMemoryConfig(table=table, explain=options), [source], first)


def _plan(config: ExplainInMemoryConfig, sources: Sequence[ModelSource], first: ModelInput) -> Plan:
    options, study = config.explain, first.study
    named = named_asvs(study, options, cache=config.table.cache)
    chosen = choose_samples(sources, study, options)
    rows = np.unique(np.concatenate(chosen.rows))
    groups, notes = named.groups(study, options.levels, rows, options.max_groups)
    if options.max_samples is None and {AUTO, REMOVAL} & set(options.methods):
        chosen = choose_samples(sources, study, options, _affordable(study, chosen, groups, options.draws))
    used = [place for place, rows in enumerate(chosen.rows) if len(rows)]
    if used[0]:
        predictor, own = further_model(sources[used[0]], first, config.table, options)
        first = dataclasses.replace(first, predictor=predictor, study=own)
    return Plan(
        options=options,
        table=config.table,
        sources=tuple(sources[place] for place in used),
        first=first,
        chosen=dataclasses.replace(chosen, rows=tuple(chosen.rows[place] for place in used)),
        named=dataclasses.replace(named, notes=(*named.notes, *notes)),
        groups=groups,
        truths=_truths(first, sources),
    )


def _affordable(study: Study, chosen: ChosenSamples, groups: Sequence[AsvGroups], draws: int) -> int:
    """How many samples of each model that was named can be explained by so many predictions."""
    number = sum(map(len, chosen.rows))
    counts = study.table.counts[np.concatenate(chosen.rows)]
    of_sample = draws * len(removals(counts, groups)) / number if groups else 0
    return MOST_SAMPLES if of_sample == 0 else min(MOST_SAMPLES, max(LEAST_SAMPLES, int(MOST_PREDICTIONS / of_sample)))


def _truths(first: ModelInput, sources: Sequence[ModelSource]) -> Mapping[str, np.ndarray] | None:
    """True values where the metadata have all targets."""
    assert first.study.metadata is not None
    if not set(first.predictor.targets.columns) <= set(first.study.metadata.columns):
        return None
    return first.truths(sources[0].missing)
