"""What is explained, read: the table and metadata, the tree and the taxonomy, the groups of ASVs."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from aam.config import TableOptions
from aam.config.commands.explain import AUTO, ExplainOptions
from aam.data.readers.taxonomy import Taxonomy, read_taxonomy
from aam.data.study.alignment import missing_tips_error
from aam.data.study.earlier import with_earlier
from aam.data.study.study import Study
from aam.data.study.tips import tips_of
from aam.errors import CheckpointError, ConfigError
from aam.explanation.groups import ASV, CLADE, AsvGroups, asv_groups, clade_groups, clades_of, ranks_of, taxon_groups
from aam.learners.clades import Clades
from aam.learners.predictor import Predictor, load_predictor
from aam.learners.protocol import Computing
from aam.phylogeny.tree import read_cached_tree, read_tree
from aam.phylogeny.unifrac import Phylogeny
from aam.text import listed, plural, shorten
from aam.workflows.explain.sources import ModelSource
from aam.workflows.model_input import CheckedTable, ModelInput

TREATMENT = ("trim_length", "reverse_complement", "asv_ids")
"""What models must have done alike to their tables, to be explained by the same groups."""


@dataclass(frozen=True, kw_only=True, eq=False)
class NamedAsvs:
    """What the ASVs of the table are called, and the tree that they are in.

    Attributes
    ----------
    taxonomy
        Their taxonomy; None where none was given.
    clades
        The tree; None where there is neither a tree nor DNA.
    notes
        What is to be said of them.
    """

    taxonomy: Taxonomy | None
    clades: Clades | None
    notes: tuple[str, ...] = ()

    def groups(
        self, study: Study, levels: Sequence[str], rows: np.ndarray, most: int
    ) -> tuple[tuple[AsvGroups, ...], tuple[str, ...]]:
        """The groups of each level that enough of the explained samples have, and a note on levels with too many.

        Parameters
        ----------
        study, levels, rows
            The study, the levels that are asked for, and the rows of the explained samples.
        most
            Groups of a level.

        Raises
        ------
        ConfigError
            For clades where there are none.
        """
        names = self._all_levels(study) if tuple(levels) == (AUTO,) else tuple(levels)
        if CLADE in names and self.clades is None:
            raise ConfigError("--levels clade needs --tree: these ASVs have names and no DNA")
        counts = study.table.counts[rows]
        found = [one for name in names if len(one := self._groups(study, name).prevalent(counts))]
        cut = [f"{most:,} of {len(one):,} of the level {one.level}" for one in found if len(one) > most]
        note = f"the most prevalent groups are explained: {', '.join(cut)}; --max-groups takes more"
        return tuple(one.most_prevalent(counts, most) for one in found), (note,) if cut else ()

    def _all_levels(self, study: Study) -> tuple[str, ...]:
        clades = () if self.clades is None else (CLADE,)
        return (ASV, *clades, *(() if self.taxonomy is None else ranks_of(self.taxonomy, study)))

    def _groups(self, study: Study, level: str) -> AsvGroups:
        if level == ASV:
            return asv_groups(study, self.taxonomy)
        if level == CLADE:
            return clade_groups(study, self.taxonomy, self.clades)
        assert self.taxonomy is not None
        return taxon_groups(study, self.taxonomy, level)


def named_asvs(study: Study, options: ExplainOptions, *, cache: bool) -> NamedAsvs:
    """Read the taxonomy and the tree, or make a tree of the ASVs' DNA.

    Raises
    ------
    InputError
        If a file cannot be used, or lacks the ASVs.
    """
    taxonomy = None if options.taxonomy is None else read_taxonomy(options.taxonomy)
    notes = []
    if taxonomy is not None:
        ids = zip(study.table.asv_ids, study.table.sequences, strict=True)
        known = sum(name in taxonomy.lineages or sequence in taxonomy.lineages for name, sequence in ids)
        if not known:
            taxonomy.labels(study.table.asv_ids, study.table.sequences, 1)
        if known < len(study.lengths):
            notes.append(f"{len(study.lengths) - known:,} of {plural(len(study.lengths), 'ASV')} not in the taxonomy")
    if not {AUTO, CLADE} & set(options.levels):
        return NamedAsvs(taxonomy=taxonomy, clades=None, notes=tuple(notes))
    clades = None
    if options.tree is not None:
        clades, of_tree = _clades_of_tree(study, options, cache=cache)
        notes += of_tree
    elif study.has_dna or study.tree is not None:
        clades = clades_of(study)
    return NamedAsvs(taxonomy=taxonomy, clades=clades, notes=tuple(notes))


def _clades_of_tree(study: Study, options: ExplainOptions, *, cache: bool) -> tuple[Clades, list[str]]:
    """The tree of the ASVs that are its tips; -1 is the node of the others."""
    assert options.tree is not None
    tree = (read_cached_tree if cache else read_tree)(options.tree, options.root, options.clip_negative_branches)
    tips, notes = tips_of(study.table, tree)
    found = np.array([tip is not None for tip in tips])
    if not found.any() or (options.missing_tips == "error" and not found.all()):
        raise missing_tips_error(study.table, found, tree)
    pruned = tree.prune(list(tips[found]))
    node_A = np.full(len(tips), -1)
    node_A[found] = pruned.tips[Phylogeny(pruned, list(tips[found])).tip_A]
    lines = [*tree.notes, *notes]
    if not found.all():
        lines.append(f"{(~found).sum():,} of {plural(len(found), 'ASV')} are no tips of the tree, and in no clade")
    return Clades(pruned.parent, node_A, pruned.length), lines


def further_model(
    source: ModelSource, first: ModelInput, table: TableOptions, options: ExplainOptions
) -> tuple[Predictor, Study]:
    """Another model of the same targets, and the samples as it reads them.

    Raises
    ------
    CheckpointError
        If it cannot be read, predicts something else, or treats tables in another way.
    ConfigError, InputError
        If the metadata lack a column that it reads, or the samples are strangers to it.
    """
    computing = Computing(device=options.device, batch_size=options.batch_size, seed=options.seed, cache=table.cache)
    predictor = load_predictor(source.path, computing)
    check_alike(source, predictor, first.predictor)
    study = dataclasses.replace(first.study, rarefy_depth=predictor.manifest.data["rarefy_depth"])
    assert study.metadata is not None
    for column in predictor.manifest.needed_columns:
        study.metadata.column(column)
    study = with_earlier(study, predictor.manifest.earlier)
    CheckedTable.of(predictor, study, table).raise_if_refused(options)
    return predictor, study


def check_alike(source: ModelSource, predictor: Predictor, first: Predictor) -> None:
    """Refuse a model of other targets, or one that treats tables otherwise, beside the first."""
    own, other = predictor.targets, first.targets
    if own.columns != other.columns or own.kind.saved_name != other.kind.saved_name:
        predicts = f"predicts {listed(own.columns)}, and the first model {listed(other.columns)}"
        raise CheckpointError(f"{source.path}: {predicts}; models of the same targets are explained together")
    if any(mine.classes != theirs.classes for mine, theirs in zip(own.specs, other.specs, strict=True)):
        raise CheckpointError(f"{source.path}: its classes are not those of the first model; explain it by itself")
    for name in TREATMENT:
        mine, theirs = (one.manifest.data.get(name) for one in (predictor, first))
        if mine != theirs:
            what = f"{name.replace('_', ' ')} is {shorten(str(mine))}, and of the first model {shorten(str(theirs))}"
            raise CheckpointError(f"{source.path}: {what}; explain it by itself")
