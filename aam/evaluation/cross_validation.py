"""Results of a cross-validation: the folds read from their runs, metrics over all held-out samples, and their spread.

With several repeats a sample has several predictions, each by a model that never saw it. Metrics are those of all of
them together, not of their averages, which would be the predictions of an ensemble and better than any one model's.

References
----------
Bengio, Grandvalet (2004), No unbiased estimator of the variance of k-fold cross-validation, JMLR 5: why the spread of
the folds is shown as what it is, and the intervals are those of the samples that were drawn.
"""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from aam.config.studies import STUDY
from aam.data.targets.kinds import Predictions, TargetSpec
from aam.errors import InputError
from aam.evaluation.across_studies import across_studies, coverage_without_ends, without_ends
from aam.evaluation.baseline_comparison import Judgement
from aam.evaluation.blend_record import BlendRecord
from aam.evaluation.catalogue import Interval
from aam.evaluation.coverage import CoverageRecord, pool_coverage
from aam.evaluation.metrics import compare, evaluate, score
from aam.evaluation.prediction_table import read_predictions, suffixes
from aam.evaluation.run_results import NoveltyRecord, RunRecord, read_run, training_times
from aam.files.atomic import atomic_write
from aam.runs.layout import DATA, FOLDS, FORESTS, PREDICTIONS

FOLD_NAME = re.compile(r"repeat(\d+)-fold(\d+)")


@dataclass(frozen=True, kw_only=True, eq=False)
class FoldResult:
    """What one fold found for one target.

    Attributes
    ----------
    repeat, number
        Which fold it is, both from 1.
    predictions
        Predictor (``model``, perhaps ``forest``, and ``guess`` or ``majority``) -> its predictions of those test
        samples that have the target.
    samples
        Part -> number of samples.
    best_epochs
        Epoch (from 0) whose model was kept; -1 for the start. One for each model of an ensemble, none for a blend.
    seconds
        That the training took.
    coverage
        How often the model's intervals or sets held the truth of the test samples; None where it has none.
    blend
        How the model was blended; None where it is no blend.
    novelty
        How much of the test samples is new to the model; None where it does not say.
    study
        The study that was left out; empty where none was.
    """

    repeat: int
    number: int
    predictions: Mapping[str, Predictions]
    samples: Mapping[str, int]
    best_epochs: Sequence[int]
    seconds: float
    coverage: CoverageRecord | None = None
    blend: BlendRecord | None = None
    novelty: NoveltyRecord | None = None
    study: str = ""


def read_fold(folder: Path, forest: Path, repeat: int, number: int, study: str = "") -> dict[str, FoldResult]:
    """Read a fold from the run directory of its model and, if it is there, the table of its forest's predictions.

    Returns
    -------
    dict
        Column -> what the fold found for it. Targets that none of its test samples has are left out.

    Raises
    ------
    InputError
        If a file is lacking or damaged, or the forest predicted other samples.
    """
    record = read_run(folder)
    if record.targets is None or not (folder / PREDICTIONS["test"]).exists():
        raise InputError(folder / PREDICTIONS["test"], "the fold's predictions are missing", "run the fold anew")
    best_epochs, seconds = training_times(record)
    results = {}
    for spec, suffix in zip(record.targets.specs, suffixes(record.targets.columns), strict=True):
        model = record.predictions.get("test", {}).get(spec.column)
        if model is None:
            continue
        predictions = {"model": model}
        if forest.exists():
            predictions["forest"] = _read_forest(forest, spec, suffix, model)
        predictions[spec.kind.guess] = spec.kind.constant(spec, model)
        results[spec.column] = FoldResult(
            repeat=repeat,
            number=number,
            predictions=predictions,
            samples=record.data["samples"],
            best_epochs=best_epochs,
            seconds=seconds,
            coverage=record.coverage.get(spec.column),
            blend=record.blend,
            novelty=record.novelty,
            study=study,
        )
    return results


def left_out_studies(record: RunRecord) -> tuple[str, ...]:
    """The study that each fold of a repeat left out; none where folds are of samples or groups.

    Raises
    ------
    InputError
        If the run does not say.
    """
    if record.config.get("cv") != STUDY:
        return ()
    found = record.data.get("studies", {}).get("left_out")
    if not isinstance(found, list) or not found or not all(isinstance(name, str) for name in found):
        raise InputError(record.path / DATA, "does not say which studies were left out", "run it anew")
    return tuple(found)


def num_folds(record: RunRecord) -> int:
    """How many folds a cross-validation has, over all repeats."""
    studies = left_out_studies(record)
    return (len(studies) or int(record.config["cv"])) * int(record.config.get("cv_repeats") or 1)


def read_cross_validation(record: RunRecord, columns: Sequence[str]) -> dict[str, CrossValidation]:
    """Read all folds from the run directory of a cross-validation, and judge them.

    Parameters
    ----------
    record
        The run.
    columns
        Of the targets.

    Returns
    -------
    dict
        Column of each target -> its folds.

    Raises
    ------
    InputError
        If a fold is lacking, or a file of it is lacking or damaged.
    """
    return judge_folds([fold for _, fold in read_folds(record)], columns)


def read_folds(record: RunRecord) -> list[tuple[str, dict[str, FoldResult]]]:
    """Read all folds from the run directory of a cross-validation, repeat by repeat, with their names.

    Raises
    ------
    InputError
        As :func:`read_cross_validation`.
    """
    run, number, studies = record.path, num_folds(record), left_out_studies(record)
    names = {path.name: match for path in (run / FOLDS).glob("*") if (match := FOLD_NAME.fullmatch(path.name))}
    if len(names) != number:
        raise InputError(run / FOLDS, f"{len(names):,} of {number:,} folds are there", "resume the run")
    labels = {name: (int(match[1]), int(match[2])) for name, match in names.items()}
    found = []
    for name, (repeat, fold) in sorted(labels.items(), key=lambda item: item[1]):
        study = _study(studies, (repeat, fold))
        found.append((name, read_fold(run / FOLDS / name, run / FORESTS / f"{name}.tsv", repeat, fold, study)))
    return found


def _study(studies: Sequence[str], label: tuple[int, int]) -> str:
    """The study that a fold left out; empty where none was."""
    number = label[1]
    if not studies:
        return ""
    if not 1 <= number <= len(studies):
        raise InputError(f"{FOLDS}/repeat{label[0]}-fold{number}", "is no fold of this run", "remove it")
    return studies[number - 1]


def judge_folds(results: Sequence[Mapping[str, FoldResult]], columns: Sequence[str]) -> dict[str, CrossValidation]:
    """Judge what all folds found, column by column."""
    return {column: evaluate_folds([result[column] for result in results if column in result]) for column in columns}


def _read_forest(path: Path, target: TargetSpec, suffix: str, model: Predictions) -> Predictions:
    found = read_predictions(path, target, suffix=suffix).get("test")
    forest = None if found is None else found.of_samples(model.sample_ids)
    if forest is None:
        raise InputError(path, "does not have the fold's test samples", "remove it and resume the run")
    return dataclasses.replace(forest, groups=model.groups)


def pooled(folds: Sequence[FoldResult], who: str) -> Predictions:
    """One predictor's predictions of all folds, one below the other.

    Where samples are there several times, their predictions belong together as groups do. Where several studies were
    left out, so do the samples of each: what is found of all is for a further study.
    """
    parts = [fold.predictions[who] for fold in folds]
    first = parts[0]
    ids = np.concatenate([part.sample_ids for part in parts])
    groups = None if first.groups is None else np.concatenate([part.groups for part in parts])
    if len({fold.study for fold in folds}) > 1:
        groups = np.repeat([fold.study for fold in folds], [len(part) for part in parts]).astype(object)
    elif groups is None and len(np.unique(ids.astype(str))) < len(ids):
        groups = ids
    return Predictions(
        kind=first.kind,
        sample_ids=ids,
        observed=np.concatenate([part.observed for part in parts]),
        predicted=np.concatenate([part.predicted for part in parts]),
        classes=first.classes,
        probabilities=np.concatenate([part.probabilities for part in parts]) if first.classes else None,
        groups=groups,
        exposure=None if first.exposure is None else np.concatenate([part.exposure for part in parts]),
    )


def averaged(folds: Sequence[FoldResult], who: str) -> Predictions:
    """One row a sample: the mean over the repeats of the predicted numbers, or of the classes' probabilities."""
    found = pooled(folds, who)
    ids, first, sample_of = np.unique(found.sample_ids.astype(str), return_index=True, return_inverse=True)
    single = found.select(first)
    if len(ids) == len(found):
        return single
    has_groups = folds[0].predictions[who].groups is not None
    single = dataclasses.replace(single, groups=single.groups if has_groups else None)
    if found.probabilities is None:
        return dataclasses.replace(single, predicted=_means(found.predicted[:, None], sample_of)[:, 0])
    probabilities = _means(found.probabilities, sample_of)
    predicted = np.array(found.classes, dtype=object)[probabilities.argmax(axis=1)]
    return dataclasses.replace(single, predicted=predicted, probabilities=probabilities)


def _means(values: np.ndarray, sample_of: np.ndarray) -> np.ndarray:
    """Mean over the rows of each sample."""
    sums = np.zeros((sample_of.max() + 1, values.shape[1]))
    np.add.at(sums, sample_of, values)
    return sums / np.bincount(sample_of)[:, None]


COLUMNS = ("predictor", "metric", "value", "low", "high", "fold_mean", "fold_sd", "repeat_mean", "repeat_sd")
Scores = Mapping[str, float]


@dataclass(frozen=True, kw_only=True, eq=False)
class CrossValidation:
    """All folds of one target, judged.

    Attributes
    ----------
    folds
        The folds, repeat by repeat.
    judgement
        The predictors on all held-out samples. Its predictions are averages over the repeats; its metrics are those of
        all predictions (see :mod:`aam.evaluation.cross_validation`).
    differences
        Predictor other than the model -> how much larger each of the model's metrics is, paired.
    fold_scores, repeat_scores
        Predictor -> its metrics in each fold, and over all folds of each repeat.
    coverage
        How often the folds' intervals or sets held the truth of their held-out samples; None where there are none.
    """

    folds: Sequence[FoldResult]
    judgement: Judgement
    differences: Mapping[str, Mapping[str, Interval]]
    fold_scores: Mapping[str, Sequence[Scores]]
    repeat_scores: Mapping[str, Sequence[Scores]]
    coverage: CoverageRecord | None

    @property
    def num_repeats(self) -> int:
        """Times that every sample was held out."""
        return len({fold.repeat for fold in self.folds})

    @property
    def blend(self) -> BlendRecord | None:
        """How the first fold's model was blended; None where the folds train no blends."""
        return self.folds[0].blend


def evaluate_folds(folds: Sequence[FoldResult]) -> CrossValidation:
    """Compare the predictors on all samples that were held out."""
    together = {who: pooled(folds, who) for who in folds[0].predictions}
    main, guess = together["model"].kind.main_metric, together["model"].kind.guess
    results = {who: evaluate(found) for who, found in together.items()}
    differences = {who: compare(together["model"], found) for who, found in together.items() if who != "model"}
    for found in (results, differences):
        found |= {guess: _without_correlation(found[guess])} if guess in found else {}
    coverage, across = _coverage(folds), across_studies(_tables_by_study(folds))
    if across is not None and across.are_few:
        results, differences = without_ends(results), without_ends(differences)
        coverage = None if coverage is None else coverage_without_ends(coverage)
    judgement = Judgement(
        "folds",
        {who: averaged(folds, who) for who in together},
        results,
        {who: found[main] for who, found in differences.items()},
        across,
    )
    repeats = [[fold for fold in folds if fold.repeat == repeat] for repeat in sorted({f.repeat for f in folds})]
    return CrossValidation(
        folds=folds,
        judgement=judgement,
        differences=differences,
        fold_scores={who: [score(fold.predictions[who]) for fold in folds] for who in together},
        repeat_scores={who: [score(pooled(repeat, who)) for repeat in repeats] for who in together},
        coverage=coverage,
    )


def _without_correlation(found: Mapping[str, Interval]) -> dict[str, Interval]:
    """Metrics of the constant prediction, which has no correlation: over folds it would be that of the folds' means."""
    return {name: Interval(*[np.nan] * 3) if name.startswith("spearman") else one for name, one in found.items()}


def _tables_by_study(folds: Sequence[FoldResult]) -> dict[str, dict[str, Predictions]]:
    """Each study that was left out, with its predictions by each predictor."""
    own = {name: [fold for fold in folds if fold.study == name] for name in dict.fromkeys(f.study for f in folds)}
    return {name: {who: pooled(of, who) for who in of[0].predictions} for name, of in own.items() if name}


def _coverage(folds: Sequence[FoldResult]) -> CoverageRecord | None:
    """That of the folds which have intervals: where no validation sample has the target there are none."""
    covered = [fold for fold in folds if fold.coverage is not None]
    if not covered:
        return None
    records = [fold.coverage for fold in covered if fold.coverage is not None]
    return pool_coverage(records, pooled(covered, "model").groups)


def mean_and_spread(scores: Sequence[Scores], name: str) -> tuple[float, float]:
    """Mean and standard deviation (of a sample) of a metric, where it is defined; NaN where it is not, or once only."""
    values = np.array([found[name] for found in scores])
    values = values[np.isfinite(values)]
    return (
        float(values.mean()) if len(values) else np.nan,
        float(values.std(ddof=1)) if len(values) > 1 else np.nan,
    )


def write_metrics(path: Path, found: Mapping[str, CrossValidation]) -> None:
    """Write every metric of every predictor, and how much larger the model's is than each of the others'.

    ``value, low, high`` are over all held-out samples with the 95 % interval; then mean and standard deviation over the
    folds, and over the repeats where there are several. Where there are several targets the first column, ``target``,
    names them.

    Parameters
    ----------
    path
        The file.
    found
        Column of each target -> its folds.
    """
    labelled = len(found) > 1
    with atomic_write(path) as file:
        file.write("\t".join([*(["target"] if labelled else []), *COLUMNS]) + "\n")
        for column, of_target in found.items():
            label = [column] if labelled else []
            file.writelines("\t".join([*label, *row]) + "\n" for row in _rows(of_target))


def _rows(found: CrossValidation) -> Iterator[list[str]]:
    for who, intervals in found.judgement.results.items():
        yield from _rows_of(who, intervals, found.fold_scores[who], found.repeat_scores[who])
    for who, intervals in found.differences.items():
        folds, repeats = (
            [
                {name: ours[name] - theirs[name] for name in ours}
                for ours, theirs in zip(scores["model"], scores[who], strict=True)
            ]
            for scores in (found.fold_scores, found.repeat_scores)
        )
        yield from _rows_of(f"model - {who}", intervals, folds, repeats)


def _rows_of(
    label: str, intervals: Mapping[str, Interval], folds: Sequence[Scores], repeats: Sequence[Scores]
) -> Iterator[list[str]]:
    for name, interval in intervals.items():
        is_repeated = len(repeats) > 1 and np.isfinite(interval.value)
        over_repeats = mean_and_spread(repeats, name) if is_repeated else (np.nan, np.nan)
        numbers = (interval.value, interval.low, interval.high, *mean_and_spread(folds, name), *over_repeats)
        yield [label, name, *(f"{number:.6g}" if np.isfinite(number) else "" for number in numbers)]
