"""The null: the same subject with truths that tell nothing, of which no importance may be left."""

from __future__ import annotations

import dataclasses

from aam.data.study.shuffling import shuffled_values
from aam.explain.method import Subject


def with_shuffled_truths(subject: Subject, seed: int) -> Subject:
    """The subject whose explained samples exchange their truths, all targets alike.

    No effect of permutation may then be clearly above 0; many are below (see :mod:`aam.explain.permutation`).

    Where all samples of a unit have one truth, whole units exchange theirs. For a model that learned from true values;
    one that learned from shuffled ones (:func:`~aam.workflows.benchmark.study.shuffled`) is a null by itself.

    Parameters
    ----------
    subject
        With truths.
    seed
        Seed of the permutation.
    """
    assert subject.truths is not None
    ids = subject.study.sample_ids[subject.rows]
    found = {}
    for column, values in subject.truths.items():
        own = shuffled_values(values[subject.rows], ids, subject.unit_N, seed)
        found[column] = values.copy()
        found[column][subject.rows] = own
    return dataclasses.replace(subject, truths=found)
