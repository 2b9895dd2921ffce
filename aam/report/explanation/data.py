"""What the page of an explanation is made of, and how things are chosen for it.

Legend of shapes: ``N`` samples that are explained, ``A`` ASVs, ``G`` things, ``O`` outputs.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from scipy.sparse import csr_array

from aam.data.targets.kinds import Predictions, TargetSpec
from aam.data.targets.targets import Targets
from aam.explanation.effects import Effects
from aam.explanation.groups import ASV, CLADE, RANKS, AsvGroups
from aam.explanation.model import MODEL
from aam.explanation.results.explanation import Explanation, Seen
from aam.learners.clades import Clades

SPOKEN = ("genus", "family", "species", "order", "class", "phylum", "domain", CLADE, ASV)
"""Levels in the order in which sentences prefer them."""
LARGEST_SHOWN = 0.1
"""Share of the ASVs above which a clade is no longer spoken of, if there are smaller ones: it is most of a sample."""
SHARED = 0.5
"""Share of the smaller of two groups' ASVs in both from which on one of them says what the other says."""


@dataclass(frozen=True, kw_only=True, eq=False)
class ExplanationView:
    """What was found of a model, and the samples in which it was found.

    Attributes
    ----------
    model
        How the model is called.
    specs
        Its targets.
    predictions
        Column of each target -> predictions of the ``N`` samples, with truths where they are known and groups.
    effects
        Of all methods, learners and levels.
    groups
        Level -> the groups of ASVs that its effects are of.
    asv_ids, counts
        The ``A`` ASVs, and their reads in the samples, ``N x A``.
    clades
        The tree of the ASVs.
    has_taxonomy
        Whether taxa have names.
    group_column
        The metadata column of the groups.
    seen
        What the model knows of the samples.
    methods
        Name of each method -> its title, and a sentence on what it measures.
    notes
        What else is worth saying.
    command, options
        How it was made.
    """

    model: str
    specs: Sequence[TargetSpec]
    predictions: Mapping[str, Predictions]
    effects: Sequence[Effects]
    groups: Mapping[str, AsvGroups]
    asv_ids: np.ndarray
    counts: csr_array
    clades: Clades | None = None
    has_taxonomy: bool = False
    group_column: str | None = None
    seen: Seen = "unknown"
    methods: Mapping[str, tuple[str, str]] = dataclasses.field(default_factory=dict)
    notes: Sequence[str] = ()
    command: str = ""
    options: Sequence[tuple[str, str]] = ()

    @property
    def targets(self) -> Targets:
        """The targets together, and their outputs."""
        return Targets(specs=tuple(self.specs))

    def by_output(self, effects: Effects) -> bool:
        """Whether there is an effect on each output (a number or a class), and not on each target or something else."""
        return len(effects.outputs) == len(self.targets.output_names)

    @property
    def num_samples(self) -> int:
        """Samples that are explained."""
        return int(self.counts.shape[0])

    def shares(self, level: str, names: Sequence[str]) -> np.ndarray:
        """Share of groups of a level among the reads of each sample, ``N x G``."""
        place_of = {name: place for place, name in enumerate(self.groups[level].names)}
        chosen = self.groups[level].take(np.array([place_of[name] for name in names], dtype=np.int64))
        total = np.asarray(self.counts.sum(axis=1), dtype=np.float64).ravel()
        found: np.ndarray = chosen.counts(self.counts).toarray() / np.maximum(total, 1)[:, None]
        return found

    def of_level(self, level: str, learner: str = MODEL) -> list[Effects]:
        """The effects of a level on a learner, a method each, in the order of the methods."""
        return [one for one in self.effects if one.level == level and one.learner == learner]

    @property
    def spoken(self) -> Effects | None:
        """The effects that sentences are about: of taxa where they are known, else of clades or ASVs.

        They are changes of predictions of the whole model, where a method measures these.
        """
        return next(iter(self.told), None)

    @property
    def told(self) -> list[Effects]:
        """One for each level in the order of ``SPOKEN``: of the first method that measures changes, if one does."""
        levels = [[one for one in self.of_level(level) if len(one)] for level in SPOKEN if level in self.groups]
        return [max(own, key=lambda one: one.is_change) for own in levels if own]


def view_of(
    explanation: Explanation, model: str, command: str = "", options: Sequence[tuple[str, str]] = ()
) -> ExplanationView:
    """What the page shows of an explanation.

    Parameters
    ----------
    explanation
        What was found.
    model
        How the model is called.
    command, options
        How it was made.
    """
    return ExplanationView(
        model=model,
        specs=explanation.specs,
        predictions=explanation.predictions,
        effects=explanation.effects,
        groups={one.level: one for one in explanation.groups},
        asv_ids=np.array(explanation.asvs.names, dtype=object),
        counts=explanation.counts,
        clades=explanation.clades,
        has_taxonomy=explanation.has_taxonomy,
        group_column=explanation.group_column,
        seen=explanation.seen,
        methods=explanation.methods,
        notes=explanation.notes,
        command=command,
        options=options,
    )


def distinct(
    effects: Effects, groups: AsvGroups | None, output: int, most: int, first: Collection[str] = ()
) -> list[int]:
    """Places of the most important things of an output, among those that some sample has.

    Of nested groups the more important one stands for both. Clades of more than ``LARGEST_SHOWN`` of the ASVs are
    passed over where there are smaller ones.

    Parameters
    ----------
    effects
        The things.
    groups
        Their ASVs; None for things that share none.
    output
        Whose importance counts.
    most
        How many at most.
    first
        Names of things that come before the others.
    """
    is_later = [name not in first for name in effects.names]
    order = np.lexsort([-np.nan_to_num(effects.importance_GO[:, output]), is_later])
    order = order[effects.support_G[order] > 0]
    if groups is None:
        return order[:most].tolist()
    members = members_of(groups)
    largest = LARGEST_SHOWN * groups.members.shape[1] if groups.level == CLADE else np.inf
    small = [place for place in order.tolist() if len(members[effects.names[place]]) <= largest]
    chosen: list[int] = []
    for place in small or order.tolist():
        if len(chosen) == most:
            break
        own = members[effects.names[place]]
        others = [members[effects.names[one]] for one in chosen]
        if all(len(own & other) < SHARED * min(len(own), len(other)) for other in others):
            chosen.append(place)
    return chosen


def members_of(groups: AsvGroups) -> dict[str, frozenset[int]]:
    """Name of each group -> its ASVs."""
    starts, asvs = groups.members.indptr.tolist(), groups.members.indices.tolist()
    return {name: frozenset(asvs[starts[g] : starts[g + 1]]) for g, name in enumerate(groups.names)}


def outputs_shown(explanation: ExplanationView) -> list[tuple[int, str, TargetSpec]]:
    """The outputs that are worth a figure: place, title and target.

    Of two classes the second says what the first does; of many classes the most frequent are shown.
    """
    targets = explanation.targets
    return [
        (outputs.start + code, targets.output_names[outputs.start + code], spec)
        for spec, outputs in zip(targets.specs, targets.outputs, strict=True)
        for code in _codes_shown(spec, explanation.predictions[spec.column])
    ]


def code_of(explanation: ExplanationView, output: int, column: str) -> int:
    """Which class of its target an output is; 0 of a number."""
    targets = explanation.targets
    return output - targets.outputs[targets.columns.index(column)].start


def target_of(explanation: ExplanationView, output: int) -> int:
    """Place of the target that an output is of."""
    return next(place for place, own in enumerate(explanation.targets.outputs) if output < own.stop)


def _codes_shown(spec: TargetSpec, table: Predictions) -> list[int]:
    """The outputs of one target that are worth a figure."""
    if len(spec.classes) <= 2:
        return [1] if spec.classes else [0]
    known = table.observed if (table.observed != "").any() else table.predicted
    counts = np.array([(known == name).sum() for name in spec.classes])
    return sorted(np.argsort(-counts, kind="stable")[:MOST_CLASSES].tolist())


MOST_CLASSES = 4


def level_words(level: str, number: int = 2) -> str:
    """A level as a noun."""
    singular = {ASV: "ASV", CLADE: "clade", "part": "part of the input"}
    several = {"genus": "genera", "family": "families", "species": "species", "class": "classes", "phylum": "phyla"}
    several |= {ASV: "ASVs", "part": "parts of the input"}
    if number == 1:
        return singular.get(level, level)
    return several.get(level, f"{singular.get(level, level)}s")


assert set(SPOKEN) == {ASV, CLADE, *RANKS}
