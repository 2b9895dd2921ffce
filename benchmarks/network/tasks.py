"""Tasks of a suite, their folds, and how predictions are scored."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from sklearn.metrics import r2_score, roc_auc_score

from aam.config.commands.benchmark import BenchmarkOptions
from aam.data.study.folds import FoldOptions
from aam.data.study.study import Study
from aam.data.targets.fitting import fit_target
from aam.data.targets.kinds import Kind, TargetRules
from aam.data.targets.targets import Targets
from aam.learners.held_out import true_values
from aam.learners.protocol import Labelled
from aam.workflows.benchmark.study import OpenTask, open_task
from aam.workflows.benchmark.suite import read_suite

SUITE = Path(__file__).parents[1] / "accuracy" / "development.yaml"
TASKS = ("prairie-ph", "saliva-age", "infant-month", "forest-region", "infant-delivery")
"""Of the development suite, those that are computed quickly."""
SEED = 42


@dataclass(frozen=True, kw_only=True, eq=False)
class Part:
    """Training samples and samples that are held out.

    Attributes
    ----------
    name
        Of the task, the fold, and what else tells it from others; a name of files.
    study, kind
        The study, and what kind of target it has.
    targets, train
        What is learned, and the training samples with their truths on the scale of the metadata.
    test, truth
        Rows of the held-out samples, and their truths: numbers, or codes of classes.
    units
        Group of each held-out sample, or its id where there are no groups.
    """

    name: str
    study: Study
    kind: Kind
    targets: Targets
    train: Labelled
    test: np.ndarray
    truth: np.ndarray
    units: np.ndarray

    @property
    def num_classes(self) -> int:
        """Classes; 0 where the target is a number."""
        return len(self.targets.specs[0].classes)


def open_tasks(names: Sequence[str], data: Path) -> list[OpenTask]:
    """Tasks of the development suite with the folds of ``aam benchmark --repeats 1``; no tree is read."""
    suite = read_suite(BenchmarkOptions(suite=SUITE, output_dir=Path(), data=data, tasks=tuple(names)))
    folds = FoldOptions(number=suite.folds, repeats=1, seed=SEED)
    return [open_task(name, dataclasses.replace(suite.tasks[name], tree=None), folds) for name in names]


def parts_of(task: OpenTask) -> Iterator[Part]:
    """The folds of a task."""
    for fold in task.folds:
        yield part_of(task, task.training_rows(fold), fold.split.test, f"{task.name}-{fold.number}")


def part_of(task: OpenTask, train: np.ndarray, test: np.ndarray, name: str) -> Part:
    """Some samples of a task to learn from, and others to be predicted."""
    study, column = task.study, task.options.metadata_column
    assert study.metadata is not None
    assert study.target is not None
    rules = TargetRules(columns=(column,), kind=task.kind, transform="none")
    targets = Targets(specs=(fit_target(rules, study.target, train, study.metadata.source),))
    groups = None if task.groups is None else task.groups[train]
    return Part(
        name=name,
        study=study,
        kind=task.kind,
        targets=targets,
        train=Labelled(rows=train, targets=true_values(study, train, targets), groups=groups),
        test=test,
        truth=true_values(study, test, targets)[:, 0],
        units=(study.sample_ids if task.groups is None else task.groups)[test].astype(str),
    )


def score(truth: np.ndarray, predicted: np.ndarray, num_classes: int, weight_B: np.ndarray | None = None) -> float:
    """R2 of numbers ``B x 1``; of shares of classes ``B x C`` the mean AUROC of one class against the rest."""
    if not num_classes:
        return float(r2_score(truth, predicted[:, 0], sample_weight=weight_B))
    codes = range(1 if num_classes == 2 else 0, num_classes)
    return float(np.mean([roc_auc_score(truth == code, predicted[:, code], sample_weight=weight_B) for code in codes]))
