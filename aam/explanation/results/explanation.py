"""An explanation: what all methods found of some predictions, beside the samples, the groups and the names.

Legend of shapes: ``N`` samples that are explained (one may be there once for each model), ``O`` outputs.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

import numpy as np
from scipy.sparse import csr_array

from aam.data.study.study import Study
from aam.data.targets.kinds import Predictions, TargetSpec
from aam.explanation.effects import Effects
from aam.explanation.groups import AsvGroups
from aam.explanation.results.association import Association, associate
from aam.explanation.results.refitted import RefittedParts
from aam.explanation.results.tables import asvs_table, effects_table, groups_table, members_table, samples_tables
from aam.files.columns import Columns
from aam.learners.clades import Clades
from aam.text import plural

Seen = Literal["new groups", "new samples", "training", "unknown"]
"""What the models know of the explained samples: neither them nor their groups, not them, some of them, or not said."""


@dataclass(frozen=True, kw_only=True, eq=False)
class ExplainedSamples:
    """The samples whose predictions are explained.

    Attributes
    ----------
    rows_N
        Their rows in the study.
    model_N
        Which of the models explains each.
    unit_N
        Group of each as a number, which intervals draw whole; a number for each sample where each stands for itself.
    predicted_NO
        Predictions in the user's units, or probabilities of classes.
    truth_NO
        True values, or 0 and 1 for classes; NaN where unknown. None where no truths are known.
    """

    rows_N: np.ndarray
    model_N: np.ndarray
    unit_N: np.ndarray
    predicted_NO: np.ndarray
    truth_NO: np.ndarray | None = None

    def __len__(self) -> int:
        return len(self.rows_N)


@dataclass(frozen=True, kw_only=True, eq=False)
class Explanation:
    """What predictions rest on.

    Attributes
    ----------
    specs
        The targets.
    outputs
        Names of the outputs: the targets, or the classes of the one target.
    models
        Names of the models: one, or those of folds and seeds.
    study
        The samples of the table, with metadata.
    samples
        Those that are explained.
    predictions
        Column of each target -> their predictions, with truths where they are known, and groups.
    asvs
        All ASVs of the table, with their labels and taxa.
    groups
        Groups of ASVs whose effects were asked for, by level.
    associations
        How common the groups of each level are, and what their shares go with.
    effects
        What each method found, by level and learner.
    methods
        Name of each method -> its title, and a sentence on what it measures.
    clades
        The tree of the clades, and the node of each ASV (-1 where it is not in the tree); None where there is none. The
        clade ``clade-17`` is node 17.
    has_taxonomy
        Whether taxa have names.
    group_column
        The metadata column of the groups; None where each sample stands for itself.
    seen
        What the models know of the samples.
    notes
        What is to be said of it.
    refitted
        What the microbiome, the metadata and both can tell, where learners were fitted anew.
    """

    specs: tuple[TargetSpec, ...]
    outputs: tuple[str, ...]
    models: tuple[str, ...]
    study: Study
    samples: ExplainedSamples
    predictions: Mapping[str, Predictions]
    asvs: AsvGroups
    groups: tuple[AsvGroups, ...]
    associations: tuple[Association, ...]
    effects: tuple[Effects, ...]
    methods: Mapping[str, tuple[str, str]]
    clades: Clades | None = None
    has_taxonomy: bool = False
    group_column: str | None = None
    seen: Seen = "unknown"
    notes: tuple[str, ...] = ()
    refitted: RefittedParts | None = None

    def __repr__(self) -> str:
        columns = ", ".join(spec.column for spec in self.specs)
        return f"<Explanation of {plural(len(self.samples), 'prediction')} of {columns}>"

    @property
    def sample_ids(self) -> np.ndarray:
        """Ids of the explained samples, ``N``."""
        return self.study.sample_ids[self.samples.rows_N]

    @property
    def counts(self) -> csr_array:
        """Reads of the explained samples, ``N x A``."""
        return self.study.table.counts[self.samples.rows_N]

    def find(self, method: str, level: str, learner: str = "model") -> Effects | None:
        """What one method found of one level; None where it was not asked."""
        wanted = (method, level, learner)
        return next((one for one in self.effects if (one.method, one.level, one.learner) == wanted), None)

    def effects_table(self) -> Columns:
        """A row for each ASV, clade or taxon and output, the most important first: ``effects.tsv``."""
        return effects_table(self.effects, self.groups, self.associations)

    def asvs_table(self) -> Columns:
        """A row for each ASV with its effects, as QIIME 2 reads feature metadata: ``asvs.tsv``."""
        association = associate(self.asvs, self.counts, self.samples.predicted_NO, self.samples.truth_NO)
        return asvs_table(self.asvs, association, self.effects)

    def groups_table(self) -> Columns:
        """A row for each group: what it is, how common it is, and what its share goes with: ``groups.tsv``."""
        return groups_table(self.groups, self.associations, self.outputs)

    def members_table(self) -> Columns:
        """A row for each ASV of each group: ``members.tsv.gz``."""
        return members_table(self.groups, self.asvs.names)

    def samples_tables(self, top: int | None = None) -> list[Columns]:
        """Effects in single samples, of the ``top`` most important things of each level (None: of all)."""
        return list(samples_tables(self.effects, self.sample_ids, top))
