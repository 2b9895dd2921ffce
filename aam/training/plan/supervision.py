"""What a run learns from: samples and their parts, targets, covariates and weights, as fitted on the training part."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from aam.config import PretrainConfig, SplitOptions, TrainConfig
from aam.config.studies import ADVERSARY, COVARIATE
from aam.data.readers.computable import mean_of_weights
from aam.data.readers.metadata import Metadata
from aam.data.study.covariates import Covariates, CovariateSpec
from aam.data.study.earlier import EarlierSpec, clock_notes, describe_earlier, fit_earlier, with_earlier
from aam.data.study.several.harmony import harmony_of
from aam.data.study.several.labels import balance_levels, balance_notes, joined, study_labels
from aam.data.study.split import Split, make_split, sample_groups
from aam.data.study.study import Study, TargetRequest, load_study
from aam.data.study.summary import describe
from aam.data.targets.fitting import fit_targets, levels_of
from aam.data.targets.kinds import Kind, TargetRules, chosen_kind
from aam.data.targets.targets import Targets, exposures, metric_endings
from aam.errors import Attempts, InputError, Problems
from aam.evaluation.catalogue import METRICS
from aam.log import say, warn
from aam.text import listed, plural, shorten
from aam.training.plan.objectives import default_metric, lacks_class


def check_measurable(config: TrainConfig, targets: Targets, study: Study, validation_rows: np.ndarray) -> None:
    """Refuse validation samples on which the best model's metric has no value, whatever the model predicts.

    The catalogue says how many different truths a metric needs. Of several targets, a plain name is the mean over all
    of them, so each must have its own.

    Parameters
    ----------
    config
        With ``best_metric``, or without where it is left open.
    targets, study
        The targets and the samples' truths.
    validation_rows
        The validation samples.

    Raises
    ------
    InputError
        With each column that has too few values.
    """
    lacking = lacks_class(targets.kind, study, validation_rows)
    metric = config.optim.best_metric or default_metric(config, lacks_class=lacking)
    problems = Problems(study.metadata.source if study.metadata is not None else "split")
    for column, ending in zip(targets.columns, metric_endings(targets.columns), strict=True):
        needed = _values_needed(metric, targets.kind, ending)
        values = study.targets[column][validation_rows]
        found = len(set(values[targets.kind.is_present(values)].tolist()))
        if found < needed:
            have = "one value" if found else "no value"
            problem = f"column '{shorten(column)}' has {have} in {plural(len(validation_rows), 'validation sample')}"
            problems.add(
                f"{problem}: {metric} cannot be measured",
                "increase --validation-size, or choose another --best-metric",
            )
    problems.raise_if_any()


def _values_needed(metric: str, kind: Kind, ending: str) -> int:
    """How many different values of a target a metric needs; 0 where it is not about that target."""
    own = [name for name in kind.metrics if metric in (name, name + ending)]
    return METRICS[own[0]].min_values if own else 0


@dataclass(frozen=True, kw_only=True, eq=False)
class Inputs:
    """A study as a run takes it; arrays follow the study's samples ``N``.

    Attributes
    ----------
    study, split
        The data and its parts.
    groups
        Group of each sample, where a column gives it.
    targets
        What is to be predicted; None in pre-training.
    level_N
        Level within which each sample's targets are scaled.
    covariate_spec, covariates
        Covariates of the samples; None where the model has none.
    weight_N
        Weight of each sample in the targets' loss, with a mean of 1 over the training samples; None for equal weights.
    study_N
        Study of each sample, where something depends on it; None else.
    balance_N
        Level of each sample, where each level counts the same in training; None where all samples do.
    earlier
        Which earlier samples of the same subject are read; None where none are.
    """

    study: Study
    split: Split
    groups: np.ndarray | None = None
    targets: Targets | None = None
    level_N: np.ndarray
    covariate_spec: CovariateSpec | None = None
    covariates: Covariates | None = None
    weight_N: np.ndarray | None = None
    study_N: np.ndarray | None = None
    balance_N: np.ndarray | None = None
    earlier: EarlierSpec | None = None

    def units(self, rows: np.ndarray, *, whole_studies: bool = False) -> np.ndarray | None:
        """What stays whole in folds within some samples: groups, or studies where these are asked for."""
        groups = None if self.groups is None else self.groups[rows]
        if not whole_studies or self.study_N is None:
            return groups
        found = joined(self.study_N[rows], groups)
        return found if len(np.unique(found)) > 1 else groups

    @property
    def target_NT(self) -> np.ndarray | None:
        """The targets as the model learns them."""
        return None if self.targets is None else self.targets.encode(self.study.targets, self.level_N)


def read_inputs(config: Any, check: Callable[[Any, Inputs], object] | None = None) -> Inputs:
    """Read the files of a run and fit everything to its training part.

    Parameters
    ----------
    config
        Of pre-training or training.
    check
        Refuses what else cannot be learned from, before anything is said of it.

    Raises
    ------
    InputError, ConfigError
        For whatever is wrong with the files or the options.
    """
    request = target_request(config) if isinstance(config, TrainConfig) else None
    drawing = config.drawing if isinstance(config, TrainConfig) else config.sampling
    study = load_study(config.table, config.study, drawing, request, needs_dna=needs_dna(config))
    kind = None if request is None else request.kind
    validated = needs_validation(config)
    split = make_split(split_options(config), study, study.target, kind, config.run.seed, validated=validated)
    return fit_and_log_inputs(config, study, learned_split(config, split), check)


def split_options(config: PretrainConfig | TrainConfig) -> SplitOptions:
    """How samples are split: where studies are to stay whole and parts are drawn, they are the groups."""
    split = config.split
    is_given = split.train_samples is not None or split.split_column is not None
    if is_given or not isinstance(config, TrainConfig) or not config.studies.whole_studies:
        return split
    return replace(split, group_column=config.study.study_column)


def needs_dna(config: PretrainConfig | TrainConfig) -> bool:
    """Whether the DNA of the ASVs is read."""
    return not isinstance(config, TrainConfig) or config.learners.needs_dna


def needs_validation(config: PretrainConfig | TrainConfig) -> bool:
    """Whether a part of the samples chooses the best model."""
    return not (isinstance(config, TrainConfig) and config.is_blend)


def learned_split(config: PretrainConfig | TrainConfig, split: Split) -> Split:
    """The parts as a run takes them: a blend learns from validation samples too, which is said of given ones."""
    if needs_validation(config):
        return split
    joined, number = split.joined(), len(split.validation)
    is_given = config.split.train_samples is not None or config.split.split_column is not None
    note = f"{plural(number, 'validation sample')} joined the training samples: a blend chooses by out-of-fold ones"
    return replace(joined, notes=(*joined.notes, note)) if number and is_given else joined


def fit_and_log_inputs(
    config: Any, study: Study, split: Split, check: Callable[[Any, Inputs], object] | None = None
) -> Inputs:
    """Do what :func:`fit_inputs` does, with a further check, and say what there is."""
    harmony = None if config.split.train_samples else harmony_of(study, config.study.study_column)
    inputs = fit_inputs(config, study, split)  # before anything is said: what is wrong stands alone
    if check is not None:
        check(config, inputs)
    say(*describe(study, split), *([] if harmony is None else harmony.lines()))
    say(*balance_notes(config, inputs.balance_N, split.train))
    if inputs.targets is not None and inputs.targets.exposure_column:
        say(*inputs.targets.lines())
    if inputs.groups is not None and len(inputs.groups):
        number = len(np.unique(inputs.groups.astype(str)))
        say(f"groups: {number:,} of '{shorten(config.split.group_column or '')}', each kept whole")
    if inputs.covariate_spec is not None and study.metadata is not None:
        say(*inputs.covariate_spec.lines(), *inputs.covariate_spec.unknown_notes(study.metadata))
    if inputs.earlier is not None:
        say(describe_earlier(inputs.study, inputs.earlier))
        for line in clock_notes(inputs.study, inputs.earlier):
            warn(line)
    return inputs


def fit_inputs(config: PretrainConfig | TrainConfig, study: Study, split: Split) -> Inputs:
    """What of a study that is read and split a run learns from; nothing is said.

    Raises
    ------
    InputError
        With all that keeps the training samples from teaching a target, a covariate or the weights, or the validation
        samples from choosing the best model.
    """
    if isinstance(config, PretrainConfig):
        balance_N = balance_levels(config, study)
        return Inputs(study=study, split=split, level_N=np.zeros(len(study), dtype=np.int64), balance_N=balance_N)
    sheet, attempt = study.metadata, Attempts()
    assert sheet is not None
    groups = attempt(lambda: sample_groups(config.split, study))
    targets = attempt(lambda: _fit_targets(config, study, split, sheet))
    spec = None
    if config.covariates.columns:
        spec = attempt(lambda: CovariateSpec.fit(config.covariates, sheet, split.train))
    weight_N = attempt(lambda: sample_weights(config, study, sheet, split.train))
    study_N = attempt(lambda: studies_of_run(config, study, split.train))
    balance_N = attempt(lambda: balance_levels(config, study))
    earlier = None
    if config.earlier.is_asked_for:
        earlier = attempt(lambda: fit_earlier(config.earlier, study, split.train, config.split.group_column))
    attempt.raise_if_any()
    assert targets is not None
    return Inputs(
        study=with_earlier(study, earlier),
        split=split,
        groups=groups,
        targets=targets,
        level_N=targets.level_codes(sheet),
        covariate_spec=spec,
        covariates=None if spec is None else spec.encode(sheet),
        weight_N=weight_N,
        study_N=study_N,
        balance_N=balance_N,
        earlier=earlier,
    )


def studies_of_run(config: TrainConfig, study: Study, train_rows: np.ndarray) -> np.ndarray | None:
    """The study of each sample, where the run treats studies in a way of their own; None else.

    Raises
    ------
    ConfigError, InputError
        If there are no studies to tell apart, or too few to learn from.
    """
    options, asked = config.studies, ""
    if options.whole_studies:
        asked = "--whole-studies"
    if options.study_effect != "none":
        asked = f"--study-effect {options.study_effect}"
    if not asked:
        return None
    labels = study_labels(study, config.study.study_column, asked)
    if options.study_effect in (ADVERSARY, COVARIATE) and len(set(labels[train_rows])) < 2:
        problem = f"the training samples are of one study ('{shorten(str(labels[train_rows[0]]))}')"
        raise InputError(asked, problem, "two or more are needed to tell them apart")
    return labels


def _fit_targets(config: TrainConfig, study: Study, split: Split, sheet: Metadata) -> Targets:
    """The targets, which the head can reach and whose metric the validation samples can measure."""
    rules, attempt = target_rules(config), Attempts()
    targets = fit_targets(rules, study.targets, split.train, sheet.source, levels_of(rules, sheet))
    attempt(lambda: _check_activation(config, targets, study, sheet.source))
    if not config.is_blend:
        attempt(lambda: check_measurable(config, targets, study, split.validation))
    attempt.raise_if_any()
    return targets


def _check_activation(config: TrainConfig, targets: Targets, study: Study, source: str) -> None:
    """Refuse a head whose predictions cannot reach the targets."""
    activation, problems = config.head.output_activation, Problems(source)
    for column in targets.columns if activation != "none" else ():
        values = study.targets[column]
        below = int((values < 0).sum())
        if below:
            problem = f"column '{shorten(column)}': {plural(below, 'value')} below 0 (smallest {np.nanmin(values):g})"
            problems.add(problem, f"--output-activation {activation} cannot reach them: leave it out")
    problems.raise_if_any()


def target_request(config: TrainConfig) -> TargetRequest:
    """What to read from the metadata."""
    target, covariates = config.target, config.covariates
    named = (config.split.group_column, *covariates.columns, *target.normalize_by, *config.study_columns)
    return TargetRequest(
        columns=target.metadata_column,
        kind=chosen_kind(target, config.loss),
        missing=target.missing,
        weight_column=config.loss.sample_weight_column,
        groups=tuple(name for name in dict.fromkeys(named) if name and name not in covariates.numeric_columns),
    )


def target_rules(config: TrainConfig) -> TargetRules:
    """How the targets are to be fitted."""
    return TargetRules(
        columns=config.target.metadata_column,
        kind=chosen_kind(config.target, config.loss),
        transform=config.target_transform,
        normalize_by=config.target.normalize_by,
        class_weights=config.loss.class_weights,
        levels=config.target.ordered,
        exposure_column=config.target.exposure_column or "",
    )


def sample_weights(config: TrainConfig, study: Study, sheet: Metadata, train_rows: np.ndarray) -> np.ndarray | None:
    """Weight of each sample in the loss, with a mean of 1 over the training samples; None for equal weights.

    It is the column of weights times the weights of a column's levels, and times the exposure of counts: the likelihood
    of a Poisson count in ``e`` units is that of the count of one unit with the weight ``e``, but for a constant.

    Raises
    ------
    InputError
        If a level that is given a weight is not among the training samples, or weights cannot be computed with.
    """
    weight_N, column = study.weights, config.loss.sample_weight_column
    named = [] if column is None else [f"column '{shorten(column)}'"]
    if config.loss.categorical_loss_weights is not None:
        of_level_N = _level_weights(config, sheet, train_rows)
        named.append("--categorical-loss-weights")
        with np.errstate(all="ignore"):
            weight_N = of_level_N if weight_N is None else weight_N * of_level_N
    if config.target.exposure_column is not None:
        exposure_N = exposures(sheet, config.target.exposure_column)
        named.append("--exposure-column")
        weight_N = exposure_N if weight_N is None else weight_N * exposure_N
    if weight_N is None:
        return None
    return weight_N / mean_of_weights(sheet.source, " x ".join(named) or "weights", weight_N, weight_N[train_rows])


def _level_weights(config: TrainConfig, sheet: Metadata, train_rows: np.ndarray) -> np.ndarray:
    """Weight of each sample by the level of a column; 1 where the level is missing or not listed."""
    column = config.loss.categorical_loss_weight_column or config.covariates.categorical_columns[0]
    labels_N = sheet.labels(column)
    trained = labels_N[train_rows]
    levels, counts = np.unique(trained[trained != ""].astype(str), return_counts=True)
    if config.loss.categorical_loss_weights == "auto":
        weights = dict(zip(levels, counts.sum() / (len(levels) * counts), strict=True))
    else:
        weights = config.loss.weight_by_level()
        strange = [level for level in weights if level not in levels]
        if strange:
            problem = f"column '{shorten(column)}' has no level '{shorten(strange[0])}' in the training samples"
            raise InputError(sheet.source, problem, f"--categorical-loss-weights: take {listed(levels, 6)}")
    return np.array([weights.get(label, 1.0) for label in labels_N], dtype=np.float64)
