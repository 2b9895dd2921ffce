"""How good a cross-validated predictor is: over all held-out samples, and from fold to fold.

References
----------
Bengio, Grandvalet (2004), No unbiased estimator of the variance of k-fold cross-validation, JMLR 5: why the spread of
the folds is shown as what it is, and the intervals are those of the samples that were drawn.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from aam.evaluation.baseline_comparison import Judgement
from aam.evaluation.catalogue import Interval
from aam.evaluation.coverage import CoverageRecord, pool_coverage
from aam.evaluation.fold_results import FoldResult, averaged, pooled
from aam.evaluation.metrics import compare, evaluate, score
from aam.files.atomic import atomic_write

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
        all predictions (see :mod:`aam.evaluation.fold_results`).
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


def evaluate_folds(folds: Sequence[FoldResult]) -> CrossValidation:
    """Compare the predictors on all samples that were held out."""
    names = list(folds[0].predictions)
    together = {who: pooled(folds, who) for who in names}
    differences = {who: compare(together["model"], found) for who, found in together.items() if who != "model"}
    main = together["model"].kind.main_metric
    judgement = Judgement(
        "folds",
        {who: averaged(folds, who) for who in names},
        {who: evaluate(found) for who, found in together.items()},
        {who: found[main] for who, found in differences.items()},
    )
    repeats = [[fold for fold in folds if fold.repeat == repeat] for repeat in sorted({f.repeat for f in folds})]
    return CrossValidation(
        folds=folds,
        judgement=judgement,
        differences=differences,
        fold_scores={who: [score(fold.predictions[who]) for fold in folds] for who in names},
        repeat_scores={who: [score(pooled(repeat, who)) for repeat in repeats] for who in names},
        coverage=_coverage(folds),
    )


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
        over_repeats = mean_and_spread(repeats, name) if len(repeats) > 1 else (np.nan, np.nan)
        numbers = (interval.value, interval.low, interval.high, *mean_and_spread(folds, name), *over_repeats)
        yield [label, name, *(f"{number:.6g}" if np.isfinite(number) else "" for number in numbers)]
