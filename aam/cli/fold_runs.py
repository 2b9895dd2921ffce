"""The run of one fold: its folder, its lists of samples, its configuration and its random forest."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from aam.cli.options import parse
from aam.config import TrainConfig, replace
from aam.config.sections import LARGEST_SEED
from aam.data.folds import Fold
from aam.data.split import Split
from aam.data.study import Study
from aam.data.targets import TargetSpec
from aam.errors import InputError
from aam.files.atomic import write_text
from aam.files.run_directory import RunDirectory
from aam.files.run_log import say
from aam.files.text import read_ids
from aam.training.record import LISTS as LIST_NAMES

FOLDS, LISTS, FORESTS = "folds", "lists", "forests"


@dataclass(frozen=True, kw_only=True, eq=False)
class FoldRun:
    """A fold and where it lies.

    Attributes
    ----------
    fold
        Its samples.
    ids
        Part -> ids of its samples.
    directory
        The run directory of its model.
    lists
        The folder of its lists of samples.
    forest
        The table of its random forest's predictions.
    """

    fold: Fold
    ids: Mapping[str, list[str]]
    directory: RunDirectory
    lists: Path
    forest: Path

    @property
    def repeat(self) -> int:
        """From 1."""
        return self.fold.repeat

    @property
    def number(self) -> int:
        """Within the repeat, from 1."""
        return self.fold.number

    @property
    def name(self) -> str:
        """Of its folder."""
        return self.fold.name

    def seed(self, config: TrainConfig) -> int:
        """The run's seed in the first repeat, and one more in each that follows."""
        return (config.run.seed + self.repeat - 1) % (LARGEST_SEED + 1)

    def config(self, config: TrainConfig) -> TrainConfig:
        """What an ordinary run of this fold is told."""
        train, validation, test = (self.lists / name for name in LIST_NAMES.values())
        return replace(
            config,
            cv=None,
            cv_repeats=1,
            train_samples=train,
            val_samples=validation,
            test_samples=test,
            forest_baseline=False,
            report=False,
            output_dir=self.directory.path,
            overwrite=False,
            resume_from=None,
            seed=self.seed(config),
        )


def fold_runs(folds: Sequence[Fold], study: Study, run: RunDirectory) -> list[FoldRun]:
    """Where each fold of a cross-validation lies in its run directory."""
    return [
        FoldRun(
            fold=fold,
            ids={part: list(map(str, study.sample_ids[rows])) for part, rows in fold.split.parts().items()},
            directory=RunDirectory(run.path / FOLDS / fold.name),
            lists=run.path / LISTS / fold.name,
            forest=run.path / FORESTS / f"{fold.name}.tsv",
        )
        for fold in folds
    ]


def write_lists(runs: Sequence[FoldRun]) -> None:
    """Write the lists of samples of all folds."""
    for fold in runs:
        fold.lists.mkdir(parents=True, exist_ok=True)
        for part, ids in fold.ids.items():
            write_text(fold.lists / LIST_NAMES[part], "".join(f"{sample_id}\n" for sample_id in ids))


def check_lists(runs: Sequence[FoldRun]) -> None:
    """Refuse to go on with lists of samples that are not those of the folds.

    Raises
    ------
    InputError
        Naming the first list that differs.
    """
    for fold in runs:
        for part, ids in fold.ids.items():
            path = fold.lists / LIST_NAMES[part]
            if read_ids(path) != ids:
                raise InputError(path, f"does not hold the samples of {fold.name}", "start a new run")


def resumed(config: TrainConfig, fold: FoldRun) -> TrainConfig:
    """What a fold that was begun is told to go on: its own options, and of the new ones those that change no result."""
    own: TrainConfig = parse("train", ["--resume-from", str(fold.directory.path)]).config
    own = replace(own, progress=config.run.progress, cache=config.table.cache)
    wanted = config.model.gradient_checkpointing
    return own if wanted is None else replace(own, gradient_checkpointing=wanted)


def fit_forest_of(fold: FoldRun, study: Study, target: TargetSpec, seed: int) -> None:
    """Fit a random forest on all samples that the fold does not test, and write what it says of those that it tests.

    The model needs its validation samples to be chosen by; a forest does not, and whoever used one would not keep them
    from it.
    """
    from aam.report.baselines import predict_with_forest
    from aam.report.predictions import write_predictions

    split = fold.fold.split
    learned = np.union1d(split.train, split.validation)
    both = Split(learned, np.empty(0, dtype=np.int64), split.test)
    parts = predict_with_forest(study, both, target, seed=seed)
    fold.forest.parent.mkdir(exist_ok=True)
    write_predictions(fold.forest, parts)
    say(f"random forest on the fold's {len(learned):,} training and validation samples: {fold.forest}")
