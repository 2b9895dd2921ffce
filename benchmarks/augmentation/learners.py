"""Mixtures as further training samples of a learner that is not the network: as many as there are real ones.

As published for forests, linear models and support vector machines: each training sample of a fold is joined by one
mixture of it with another. Classes are mixed within themselves, since these learners take no shares of classes;
numbers have the weighted mean. No sample of a held-out fold is in a mixture.
"""

from __future__ import annotations

import dataclasses
import time

import numpy as np
from scipy.sparse import csr_array, vstack

from aam.config import AugmentationOptions
from aam.data.augmentation import Drawn
from aam.data.batches.augmenter import Augmented, Augmenter
from aam.data.study.study import Study
from aam.learners.members import new_member
from aam.learners.protocol import Labelled, Task
from aam.learners.reference import Reference
from benchmarks.network.store import Arrays, Store
from benchmarks.network.tasks import SEED, Part

WAYS = {"none": "", "again": "", "mixup": "mixup=1", "phylomix": "phylomix=1", "cutmix": "cutmix=1"}
"""No mixtures, the same with another seed, and the mixtures."""


def learner_predictions(part: Part, member: str, way: str, store: Store) -> tuple[np.ndarray, float]:
    """Predictions of the held-out samples of a fold by a learner, and seconds of one core, computed once."""
    kept = store.get(f"{part.name}.{member}.{way}", lambda: _computed(part, member, way))
    return kept["predicted"], float(kept["seconds"])


def _computed(part: Part, member: str, way: str) -> Arrays:
    start = time.process_time()
    study, learned = (part.study, part.train) if not WAYS[way] else with_mixtures(part, WAYS[way])
    task = Task(targets=part.targets, reference=Reference.fit(part.study, part.train.rows, SEED))
    learner = new_member(member, task, SEED + (way == "again"))
    learner.fit(study, learned.rows, learned.targets, learned.groups)
    found = learner.predict(part.study, part.test)
    return {"predicted": found, "seconds": np.array(time.process_time() - start)}


def with_mixtures(part: Part, augment: str) -> tuple[Study, Labelled]:
    """The study with a mixture of each training sample after all others, and the samples to learn from."""
    study, train = part.study, part.train
    class_N = np.zeros(len(study), dtype=np.int64)
    if part.num_classes:
        class_N[train.rows] = train.targets[:, 0]
    augmenter = Augmenter.of(AugmentationOptions(augment=(augment,)), study, train.rows, SEED, class_N, class_N)
    assert augmenter is not None
    counts = study.table.counts

    def drawn(row: int) -> Drawn:
        start, end = counts.indptr[row], counts.indptr[row + 1]
        return Drawn(counts.indices[start:end].astype(np.int64), counts.data[start:end])

    made = [augmenter(0, int(row), drawn(int(row)), drawn) for row in train.rows]
    ends = np.cumsum([0, *(len(one.drawn.asvs) for one in made)])
    reads = np.concatenate([one.drawn.reads for one in made])
    mixed = csr_array((reads, np.concatenate([one.drawn.asvs for one in made]), ends), (len(made), counts.shape[1]))
    both = study.take(np.concatenate([np.arange(len(study)), train.rows]))
    ids = np.array([*study.sample_ids, *(f"{one} mixed" for one in study.sample_ids[train.rows])], dtype=object)
    table = dataclasses.replace(both.table, counts=csr_array(vstack([counts, mixed], format="csr")), sample_ids=ids)
    learned = Labelled(
        rows=np.concatenate([train.rows, len(study) + np.arange(len(made))]),
        targets=np.concatenate([train.targets, _targets(part, made)]),
        groups=None if train.groups is None else np.concatenate([train.groups, train.groups]),
    )
    return dataclasses.replace(both, table=table), learned


def _targets(part: Part, made: list[Augmented]) -> np.ndarray:
    """Those of mixtures."""
    own, place_of = part.train.targets, {int(row): place for place, row in enumerate(part.train.rows)}
    if part.num_classes:
        return own
    pairs = [(one.partner.share, place_of[one.partner.row]) if one.partner else (1.0, 0) for one in made]
    share_B1 = np.array([share for share, _ in pairs])[:, None]
    mixed: np.ndarray = share_B1 * own + (1 - share_B1) * own[[place for _, place in pairs]]
    return mixed
