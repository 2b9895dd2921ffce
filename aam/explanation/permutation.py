"""Permutation: by how much predictions become worse where the reads of some ASVs are another sample's.

The donor is of another group of samples, so that what is exchanged says nothing of the truth any more. The effect is
the increase of the mean error: what the model as a whole loses without what these ASVs say. An effect below 0 is one of
ASVs that mislead the model on these samples: exchange draws predictions towards their middle, so that those that were
wrong err less. Where a model knows nothing, effects are therefore below 0 rather than 0.

ASVs that occur together can stand in for each other: one alone then has little effect, and all together have much. So
whole clades are exchanged beside single ASVs, and each ASV is shown with the smallest clade that it is in.

Legend of shapes: ``N`` samples that are explained, ``G`` groups, ``T`` targets, ``V`` variants.

References
----------
Breiman (2001), Random forests, Machine Learning 45. Strobl et al. (2008), Conditional variable importance for random
forests, BMC Bioinformatics 9 (relatives that stand in for each other).
"""

from __future__ import annotations

import numpy as np
from scipy.sparse import csr_array

from aam.explanation.effects import Effects
from aam.explanation.exchange import donors, exchanged, exchanges, one_unit
from aam.explanation.groups import AsvGroups
from aam.explanation.increase import Things, increases, losses, unmeasurable
from aam.explanation.method import Method, Subject, register
from aam.explanation.model import MODEL, with_counts
from aam.explanation.redraw import redrawn
from aam.explanation.screening import screened
from aam.explanation.variants import AT_ONCE, Variants

MOST_EXCHANGES = 40_000
"""Of all levels and permutations; the groups of which there are too many are screened."""
LEAST_DRAWS = 3
"""Permutations, where fewer draws are asked for: one alone is a matter of luck."""


def num_draws(subject: Subject) -> int:
    """Permutations."""
    return max(subject.draws, LEAST_DRAWS)


def donors_of(subject: Subject, draw: int) -> np.ndarray:
    """The donors of a permutation, the same for all that is exchanged, so that effects can be compared."""
    return donors(subject.unit_N, np.random.default_rng([subject.seed, draw]))


class Permutation(Method):
    """Exchange of each group of ASVs between samples of different units."""

    name = "permutation"
    title = "Permutation"
    summary = "the increase of the error where the reads of these ASVs are those of a sample of another group"
    needs_truths = True
    in_auto = True

    def unable(self, subject: Subject) -> str:
        """Where there is none to exchange with."""
        return one_unit(subject.unit_N) or unmeasurable(subject)

    def left_out(self, subject: Subject) -> tuple[str, ...]:
        """Groups of a level that has very many."""
        chosen = zip(subject.groups, _levels(subject), strict=True)
        return tuple(
            f"permutation of {len(groups):,} of {len(whole):,} groups of level {whole.level}, "
            "those whose shares go most with the predictions"
            for whole, groups in chosen
            if len(groups) < len(whole)
        )

    def num_predictions(self, subject: Subject) -> int:
        """One for each different exchange, and one for each sample as it is."""
        found = exchanges(_reads(subject, 0), donors_of(subject, 0), _levels(subject))
        return num_draws(subject) * (len(subject) + len(found))

    def explain(self, subject: Subject) -> list[Effects]:
        """Increases of the error by the groups of all levels, of each learner."""
        levels = _levels(subject)
        total: list[dict[str, np.ndarray]] = [{} for _ in levels]
        for draw in range(num_draws(subject)):
            counts, donor_N = _reads(subject, draw), donors_of(subject, draw)
            found = exchanges(counts, donor_N, levels)
            for learner, change_VT, lost_NT in _changes(subject, found, (counts, csr_array(counts[donor_N])), draw):
                for place, groups in enumerate(levels):
                    by_sample = _by_sample(found.variant[place], len(groups), change_VT, lost_NT)
                    total[place][learner] = total[place].get(learner, 0.0) + by_sample / num_draws(subject)
        return [
            one
            for groups, by_learner in zip(levels, total, strict=True)
            for one in increases(subject, self.name, _things(groups, _counts(subject)), by_learner)
        ]


def _changes(
    subject: Subject, found: Variants, reads: tuple[csr_array, csr_array], draw: int
) -> list[tuple[str, np.ndarray, np.ndarray]]:
    """Each learner, the increase of the error of each variant (``V x T``), and the error as it is (``N x T``).

    ``reads`` are those of the samples and of their donors.
    """
    model, study, rows, (counts, given) = subject.model, subject.study, subject.rows, reads
    whole = model.predict(with_counts(study, rows, counts), np.arange(len(rows)), draw)
    subject.on_done(len(subject))
    lost = {learner: losses(subject, predicted) for learner, predicted in whole.items()}
    pieces: dict[str, list[np.ndarray]] = {learner: [] for learner in lost}
    for start in range(0, len(found), AT_ONCE):
        some = slice(start, start + AT_ONCE)
        sample = found.sample_V[some]
        mixed = exchanged(csr_array(counts[sample]), csr_array(given[sample]), found.members_of(some))
        variants = with_counts(study, rows[sample], mixed)
        for learner, predicted in model.predict(variants, np.arange(len(sample)), draw).items():
            pieces[learner].append(losses(subject, predicted, sample) - lost[learner][sample])
        subject.on_done(len(sample))
    return [
        (learner, np.concatenate(pieces[learner]) if pieces[learner] else lost_NT[:0], lost_NT)
        for learner, lost_NT in lost.items()
    ]


def _by_sample(variant: csr_array, number: int, change_VT: np.ndarray, lost_NT: np.ndarray) -> np.ndarray:
    """The increase in each sample, ``N x G x T``: 0 where nothing is exchanged, NaN where the truth is unknown."""
    found = np.where(np.isnan(lost_NT), np.nan, 0.0)[:, None, :].repeat(number, axis=1)
    sample, group = variant.nonzero()
    found[sample, group] = change_VT[variant.data - 1]
    return np.asarray(found)


def _reads(subject: Subject, draw: int) -> csr_array:
    """Reads of the explained samples in a permutation, drawn anew where several draws are asked for."""
    several = subject.draws > 1
    return redrawn(subject.study, subject.rows, draw % subject.draws, seed=subject.seed, several=several)


def _counts(subject: Subject) -> csr_array:
    return csr_array(subject.study.table.counts[subject.rows])


def _levels(subject: Subject) -> list[AsvGroups]:
    """The groups that are exchanged."""
    counts, donor_N = _counts(subject), donors_of(subject, 0)
    own = with_counts(subject.study, subject.rows, counts)
    predicted_NO = subject.model.predict(own, np.arange(len(subject)))[MODEL]
    most = MOST_EXCHANGES // (num_draws(subject) * max(1, len(subject.groups)))
    return [screened(groups, counts, donor_N, predicted_NO, most) for groups in subject.groups]


def _things(groups: AsvGroups, counts: csr_array) -> Things:
    support_G = np.bincount(groups.counts(counts).indices, minlength=len(groups))
    return Things(level=groups.level, names=groups.names, labels=groups.labels, support_G=support_G)


register(Permutation())
