"""Parts: by how much predictions become worse without the microbiome as a whole, and without all covariates.

Each sample is given all reads, all covariates, or both, of a sample of another unit. This says what the model *uses*.
What either *could* tell, if a model had nothing else, says :mod:`aam.workflows.explain.parts`, which trains anew.

Legend of shapes: ``N`` samples that are explained.
"""

from __future__ import annotations

import dataclasses

import numpy as np
from scipy.sparse import csr_array

from aam.data.study.study import Study
from aam.explain.covariates import columns_read, given_by, mean_increases, with_cells
from aam.explain.effects import BOTH, METADATA, MICROBIOME, Effects
from aam.explain.exchange import one_unit
from aam.explain.increase import Things, increases, unmeasurable
from aam.explain.method import Method, Subject, register
from aam.explain.permutation import donors_of, num_draws

PART = "part"


def parts_of(subject: Subject) -> tuple[str, ...]:
    """What the model reads; the microbiome alone where there are no covariates."""
    return (MICROBIOME, METADATA, BOTH) if columns_read(subject) else (MICROBIOME,)


class Parts(Method):
    """Exchange of all reads, all covariates, or both, between samples of different units."""

    name = "parts"
    title = "Microbiome and metadata"
    summary = "the increase of the error where all reads, or all covariates, are those of a sample of another group"
    needs_truths = True
    in_auto = True

    def unable(self, subject: Subject) -> str:
        """Where there is none to exchange with."""
        return one_unit(subject.unit_N) or unmeasurable(subject)

    def num_predictions(self, subject: Subject) -> int:
        """One for each sample and part, and one for each sample as it is."""
        return num_draws(subject) * len(subject) * (1 + len(parts_of(subject)))

    def explain(self, subject: Subject) -> list[Effects]:
        """Increases of the error of each learner."""
        parts = parts_of(subject)

        def variants(draw: int) -> list[Study]:
            givers = subject.rows[donors_of(subject, draw)]
            return [_exchanged(subject, part, givers) for part in parts]

        support_G = np.full(len(parts), len(subject))
        things = Things(level=PART, names=parts, labels=parts, support_G=support_G)
        return increases(subject, self.name, things, mean_increases(subject, variants))


def _exchanged(subject: Subject, part: str, givers: np.ndarray) -> Study:
    """The study in which the explained samples have a part of others."""
    study, sheet = subject.study, subject.study.metadata
    assert sheet is not None
    if part != MICROBIOME:
        columns = tuple(dict.fromkeys(name for own in columns_read(subject).values() for name in own))
        study = with_cells(study, given_by(sheet, columns, subject.rows, givers))
    if part != METADATA:
        source = np.arange(len(study))
        source[subject.rows] = givers
        table = dataclasses.replace(study.table, counts=csr_array(study.table.counts[source]))
        study = dataclasses.replace(study, table=table)
    return study


register(Parts())
