"""What a search found: choices, how good they are, tables, the page, and the options of the winner."""

from __future__ import annotations

import dataclasses
import math
import shlex
import warnings
from collections.abc import Iterator, Sequence
from typing import Any

import optuna
from optuna.exceptions import OptunaError
from optuna.trial import FrozenTrial, TrialState

from aam.config import TrainConfig, replace, to_flat
from aam.config.command_line import command_words
from aam.config.option import flag
from aam.config.tuning.space import as_choice, is_live
from aam.errors import ConfigError, RunError
from aam.files.atomic import write_text
from aam.files.columns import Columns, write_tables
from aam.report.tuning.shown import COMPLETE, NO_RESULT, STOPPED, ShownOuter, ShownSearch, ShownTrial, ShownTuning
from aam.runs.result_folder import result_folder
from aam.runs.saved_options import config_text
from aam.text import plural
from aam.workflows.tune.choose import Chosen, choose
from aam.workflows.tune.folder import BEST, RECORD
from aam.workflows.tune.outer import judge_choices, outer_table, shown_outer
from aam.workflows.tune.plan import TunePlan, drawn
from aam.workflows.tune.search import Search
from aam.workflows.tune.trials import FINISHED, REASON, is_default, seconds_of
from aam.workflows.tune.tuning import Tuning

FEWEST_FOR_IMPORTANCE = 5
RUN_OPTIONS: dict[str, Any] = {"progress": True, "report": True, "verbose": False}
"""How the winner is trained, whatever the search showed."""


def conclude(plan: TunePlan, searches: Sequence[Search]) -> Tuning:
    """Choose in each search, and judge the choices on the samples that no trial saw."""
    choices = [choose(search.trials.complete, plan.sign) for search in searches]
    configs = [config_of(one.trial, plan) for one in choices]
    shown = [_shown_search(*one) for one in zip(searches, choices, configs, strict=True)]
    outer = judge_choices(plan, configs)
    columns = plan.training.target.metadata_column
    folder = plan.config.run.output_dir
    name = folder.resolve().name
    winner = replace(configs[-1], output_dir=folder.with_name(f"{name}-best"), **RUN_OPTIONS)
    untuned = replace(plan.training, output_dir=folder.with_name(f"{name}-untuned"), **RUN_OPTIONS)
    found = ShownTuning(
        targets=columns,
        metric=plan.metric,
        searches=shown,
        outer=shown_outer(outer, columns),
        how=list(_how(plan)),
        command=train_command(plan),
        untuned_command=shlex.join(command_words("train", untuned)),
        best=str(folder / BEST),
    )
    return Tuning(
        folder=folder,
        config=winner,
        changed=changed(configs[-1], plan.training),
        shown=found,
        trials=_table(shown),
        outer=outer_table(outer, columns),
        minutes=round(_minutes(searches[-1]), 3),
    )


def train_command(plan: TunePlan) -> str:
    """What trains the winner."""
    return f"aam train --config {shlex.quote(str(plan.config.run.output_dir / BEST))}"


def write(found: Tuning, plan: TunePlan) -> None:
    """Write tables, page and the options of the winner, in place of those of an earlier end of the same search."""
    from aam.report.figure_files import write_page

    with result_folder(found.folder, RECORD, overwrite=True) as results:
        write_tables(results.path, {"trials": found.trials, "outer": found.outer})
        write_text(results.path / BEST, config_text("train", found.config))
        if plan.config.run.report:
            write_page(found.page, results.path)
        results.record.update(
            results=list(found.summary),
            how=list(found.shown.how),
            metric=found.shown.metric,
            changed={name: as_choice(value) for name, value in found.changed.items()},
            trials=len(found.shown.recommended.trials),
            minutes=found.minutes,
            worth_it=found.is_worth_it,
            outer=[_plain_outer(one) for one in found.shown.outer],
        )


def _plain_outer(one: ShownOuter) -> dict[str, Any]:
    """The main metric of a target on the samples that judge, with intervals."""
    parts = {"tuned": one.tuned, "untuned": one.default, "difference": one.difference}
    plain = {name: list(dataclasses.astuple(found[one.main])) for name, found in parts.items()}
    return {"target": one.column, "metric": one.main, "samples": one.samples, "groups": one.groups, **plain}


def _minutes(search: Search) -> float:
    """From the begin of the first trial to the end of the last."""
    trials = search.trials.finished
    begun = [one.datetime_start for one in trials if one.datetime_start is not None]
    ended = [one.datetime_complete for one in trials if one.datetime_complete is not None]
    return (max(ended) - min(begun)).total_seconds() / 60


def config_of(trial: FrozenTrial, plan: TunePlan) -> TrainConfig:
    """What a trial trained."""
    if is_default(trial):
        return plan.training
    try:
        return replace(plan.training, **tried_values(trial, plan))
    except ConfigError as error:
        raise RunError(f"trial {trial.number} of the journal is not of this search ({error})") from None


def tried_values(trial: FrozenTrial, plan: TunePlan) -> dict[str, Any]:
    """Option -> the value that a trial tried."""
    return {one.name: one.readable(trial.params[one.name]) for one in plan.space if one.name in trial.params}


def changed(config: TrainConfig, default: TrainConfig) -> dict[str, Any]:
    """The options of a configuration that differ from the default."""
    before = to_flat(default)
    return {name: value for name, value in to_flat(config).items() if value != before[name]}


def _shown_search(search: Search, choice: Chosen, config: TrainConfig) -> ShownSearch:
    plan = search.plan
    trials = [_shown_trial(one, choice, plan) for one in search.trials.all if one.state in FINISHED]
    found = changed(config, plan.training)
    return ShownSearch(
        name=search.part.name,
        trials=trials,
        changed={flag(name): as_choice(value) for name, value in found.items()},
        importance=_importance(search),
        logarithmic=frozenset(one.name for one in plan.space if one.log),
    )


def _shown_trial(trial: FrozenTrial, choice: Chosen, plan: TunePlan) -> ShownTrial:
    reason = str(trial.user_attrs.get(REASON, ""))
    is_complete = trial.state == TrialState.COMPLETE
    value = trial.value if trial.value is not None else math.nan
    return ShownTrial(
        number=trial.number,
        state=COMPLETE if is_complete else NO_RESULT if not trial.intermediate_values else STOPPED,
        value=value,
        seconds=seconds_of(trial),
        values=tried_values(trial, plan),
        is_default=is_default(trial),
        is_chosen=trial.number == choice.trial.number,
        is_best=trial.number == choice.best.number,
        is_within=trial.number in choice.within,
        reason=reason,
        derived=_derived(plan) if is_default(trial) else frozenset(),
    )


def _derived(plan: TunePlan) -> frozenset[str]:
    """The options of the space that the untuned default leaves to be derived."""
    flat = to_flat(plan.training)
    return frozenset(one.name for one in plan.space if flat[one.name] is None and is_live(one, plan.training))


def _importance(search: Search) -> dict[str, float]:
    """Share of each option in what makes a trial good; nothing where it cannot be told."""
    if len(search.trials.complete) < FEWEST_FOR_IMPORTANCE:
        return {}
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            found = optuna.importance.get_param_importances(search.trials.study)
    except (OptunaError, RuntimeError, ValueError):
        return {}
    return {name: float(share) for name, share in found.items() if math.isfinite(share)}


def _table(searches: Sequence[ShownSearch]) -> Columns:
    """Columns of ``trials.tsv``: what each trial tried and found."""
    options = list(dict.fromkeys(name for search in searches for one in search.trials for name in one.values))
    rows = [
        (
            search.name,
            one.number,
            one.state,
            one.value,
            one.seconds,
            *(int(flag_) for flag_ in (one.is_default, one.is_within, one.is_chosen)),
            one.reason,
            *(one.values.get(name) for name in options),
        )
        for search in searches
        for one in search.trials
    ]
    names = ("search", "trial", "state", "value", "seconds", "default", "within", "chosen", "reason")
    return Columns.of_rows((*names, *options), rows)


def _how(plan: TunePlan) -> Iterator[str]:
    folds, search = len(plan.parts[-1].folds), plan.config.search
    column = drawn(plan.training).group_column
    whole = f" of whole groups ({column})" if column is not None else ""
    yield (
        f"A trial is judged by {plural(folds, 'fold')}{whole} within the samples that it may see: each is predicted "
        f"by a model trained on the others as aam train does it, and the metric is that of all predictions together. "
        "The first trial is the untuned default."
    )
    yield (
        "Values are drawn by a tree-structured Parzen estimator (Optuna; Bergstra et al. 2011) from what the trials "
        "before found; the first ones at random."
    )
    if search.prune:
        yield "A trial stops after two folds or more where it is worse than the median trial was by then."
    yield (
        "The choice is by the one-standard-error rule: of all trials that are worse than the best by no more than one "
        "standard error of the difference (bootstrap over groups, the same draws for all) and are not worse than the "
        "untuned default, the one that trains in the least time; of those about as fast, the best."
    )
    if len(plan.parts) > 1:
        yield (
            f"Each of {len(plan.parts) - 1} outer folds had a search of its own without it, whose choice predicted it; "
            "the recommended choice is that of a search on all samples. So the held-out result is of the search as a "
            "whole."
        )
    else:
        yield "The samples that judge the choice were set aside before the search began; no trial saw them."
