"""The run of one fold: its samples, where it lies, its configuration and its random forest."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from aam.cli.sub_runs import SubRun
from aam.config import TrainConfig
from aam.data.covariates import CovariateSpec, features
from aam.data.folds import Fold
from aam.data.split import Split, sample_groups
from aam.data.study import Study
from aam.data.targets import Targets
from aam.files.run_directory import RunDirectory
from aam.files.run_log import say

FOLDS, LISTS, FORESTS = "folds", "lists", "forests"


@dataclass(frozen=True, kw_only=True, eq=False)
class FoldRun:
    """A fold and where it lies.

    Attributes
    ----------
    fold
        Its samples.
    sub
        The run of its model.
    forest
        The table of its random forest's predictions.
    """

    fold: Fold
    sub: SubRun
    forest: Path

    @property
    def labels(self) -> tuple[str, str]:
        """Repeat, and number within the repeat, both from 1."""
        return str(self.fold.repeat), str(self.fold.number)

    def config(self, config: TrainConfig) -> TrainConfig:
        """What an ordinary run of this fold is told."""
        return self.sub.config(config, cv=None, cv_repeats=1)


def fold_runs(folds: Sequence[Fold], study: Study, run: RunDirectory, config: TrainConfig) -> list[FoldRun]:
    """Where each fold of a cross-validation lies in its run directory; each repeat has seeds of its own."""
    return [
        FoldRun(
            fold=fold,
            sub=SubRun(
                name=fold.name,
                directory=RunDirectory(run.path / FOLDS / fold.name),
                lists=run.path / LISTS / fold.name,
                ids={part: list(map(str, study.sample_ids[rows])) for part, rows in fold.split.parts().items()},
                seed=config.run.later_seed((fold.repeat - 1) * config.evaluation.ensemble),
            ),
            forest=run.path / FORESTS / f"{fold.name}.tsv",
        )
        for fold in folds
    ]


def fit_forest_of(fold: FoldRun, study: Study, targets: Targets, config: TrainConfig) -> None:
    """Fit random forests on all samples that the fold does not test, and write what they say of those that it tests.

    The model needs its validation samples to be chosen by; a forest does not, and whoever used one would not keep them
    from it. Each target has a forest of its own, of the samples that have it. Covariates are those the fold's model
    is told, with the levels of its training samples.
    """
    from aam.report.baselines import predict_with_forest
    from aam.report.predictions import write_predictions

    split, groups = fold.fold.split, sample_groups(config.split, study)
    learned = np.union1d(split.train, split.validation)
    both = Split(learned, np.empty(0, dtype=np.int64), split.test)
    told = _covariates(config, study, split.train)
    tables = [
        dataclasses.replace(
            predict_with_forest(study, both, spec, covariates=told, seed=fold.sub.seed)["test"],
            groups=None if groups is None else groups[split.test],
        )
        for spec in targets.specs
    ]
    fold.forest.parent.mkdir(exist_ok=True)
    write_predictions(fold.forest, {"test": tables}, targets.columns)
    say(f"random forest on the fold's {len(learned):,} training and validation samples: {fold.forest}")


def _covariates(config: TrainConfig, study: Study, train_rows: np.ndarray) -> np.ndarray | None:
    """What the model is told of the samples besides, as columns of numbers."""
    if not config.covariates.columns:
        return None
    assert study.metadata is not None
    spec = CovariateSpec.fit(config.covariates, study.metadata, train_rows)
    return features(spec, *spec.encode(study.metadata))
