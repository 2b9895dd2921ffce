"""What is compared: the product's network with and without augmentations, trained on a fold of a task."""

from __future__ import annotations

import dataclasses
import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from aam.config import TrainConfig, from_flat
from aam.data.study.rarefaction import resolve_depth
from aam.data.study.study import Study
from aam.data.targets.fitting import fit_target
from aam.data.targets.kinds import TargetRules
from aam.data.targets.targets import Targets
from aam.learners.network import NetworkLearner
from aam.learners.protocol import Computing, Task
from benchmarks.network.store import Arrays, Store
from benchmarks.network.tasks import SEED, Part

DRAWS = 8
"""Rarefied draws that are averaged in prediction."""


@dataclass(frozen=True)
class Arm:
    """How a network is trained.

    Attributes
    ----------
    words
        What it is, and what was published of it.
    augment
        As ``--augment`` has it.
    seed
        Seed of the run.
    """

    words: str
    augment: tuple[str, ...] = ()
    seed: int = SEED


BASE = "none"
ARMS = {
    BASE: Arm("no augmentation but rarefaction"),
    "again": Arm("nothing but another seed: the noise of a difference", seed=SEED + 1),
    "phylomix": Arm("half of the samples mixed with another by clades of DNA", ("phylomix=0.5",)),
    "cutmix": Arm("half of the samples mixed with another by ASVs, classes within themselves", ("cutmix=0.5",)),
    "mixup": Arm("half of the samples are means of two", ("mixup=0.5",)),
    "drop": Arm("up to half of the ASVs lost", ("drop=0.5",)),
    "contaminate": Arm("up to a fifth of the reads of another sample", ("contaminate=0.2",)),
    "depth": Arm("a tenth of the reads or more", ("depth=0.1",)),
}


def config_of(arm: Arm, *, classifier: bool = False) -> TrainConfig:
    """The options of ``aam train``: the shipped encoder, frozen, and up to 40 epochs of the head."""
    return from_flat(
        TrainConfig,
        {
            "table": ["-"],
            "metadata": "-",
            "metadata_column": "-",
            "output_dir": "-",
            "classifier": classifier,
            "learners": "network",
            "pretrained_encoder": "small",
            "freeze_base": True,
            "epochs": 40,
            "device": "cpu",
            "num_workers": 0,
            "progress": False,
            "seed": arm.seed,
            "augment": list(arm.augment),
        },
    )


def with_depth(study: Study) -> Study:
    """The study rarefied as ``aam train`` does it; samples of fewer reads give all of them."""
    reads = np.asarray(study.table.counts.sum(axis=1)).ravel()
    return dataclasses.replace(study, rarefy_depth=resolve_depth("auto", reads, study.sample_ids))


def predictions(part: Part, name: str, store: Store) -> tuple[np.ndarray, float]:
    """Predictions of the held-out samples of a fold by an arm, and seconds of one core, computed once.

    Parameters
    ----------
    part
        The fold, whose study is rarefied.
    name
        The arm.
    store
        Where predictions are kept.
    """
    kept = store.get(f"{part.name}.{name}", lambda: _computed(part, ARMS[name]))
    return kept["predicted"], float(kept["seconds"])


def _computed(part: Part, arm: Arm) -> Arrays:
    start = time.process_time()
    study, old = part.study, part.targets.specs[0]
    assert study.metadata is not None
    assert study.target is not None
    rules = TargetRules(columns=(old.column,), kind=part.kind, transform="none" if old.classes else "zscore")
    targets = Targets(specs=(fit_target(rules, study.target, part.train.rows, study.metadata.source),))
    learned = targets.encode({old.column: study.target})[part.train.rows]
    task = Task(targets=targets, data={"rarefy_depth": study.rarefy_depth})
    learner = NetworkLearner(task, Computing(device="cpu", seed=SEED), config_of(arm, classifier=bool(old.classes)))
    learner.fit(study, part.train.rows, learned, part.train.groups)
    found = np.mean([learner.predict(study, part.test, draw) for draw in range(DRAWS)], axis=0)
    if not old.classes:
        found = targets.specs[0].decode(found)
    return {"predicted": found, "seconds": np.array(time.process_time() - start)}


def open_store(folder: Path, computes: bool = True) -> Store:
    """The predictions that are kept."""
    return Store(folder, computes)
