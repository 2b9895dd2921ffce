"""The augmentations of a run on its training samples: functions of the seed, the epoch and the sample, in any company.

The other sample of a mixture is drawn from the training part and not from the batch, so that neither the batches nor
the number of processes matters. Legend: ``N`` samples, ``A`` ASVs, ``U`` sequences of a batch, ``L`` bases.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from aam.config.augmentation import AugmentationOptions
from aam.data.augmentation import Drawn, Mixing, OfReads, OfSequences, find_augmentation
from aam.data.study.rarefaction import draw_rng, sample_key
from aam.phylogeny.clade_ranges import Outline, outline_of_sequences

if TYPE_CHECKING:
    from aam.data.study.study import Study

DrawOf = Callable[[int], Drawn]
"""The rarefied draw of a row of the study."""


class Partner(NamedTuple):
    """The other sample of a mixture, its row in the study, and the share of the first."""

    row: int
    share: float


class Augmented(NamedTuple):
    """A sample as it is learned from: its reads, what it is mixed with, and what is done to its sequences."""

    drawn: Drawn
    partner: Partner | None
    sequences: tuple[float, ...]


class Pools:
    """The training samples that others may be mixed with, in the order of their ids.

    Parameters
    ----------
    rows
        Their rows in the study.
    keys_N
        A number for each sample of the study that depends on its id alone.
    stratum_N
        Samples are mixed within their stratum.
    """

    def __init__(self, rows: np.ndarray, keys_N: np.ndarray, stratum_N: np.ndarray) -> None:
        ordered = rows[np.lexsort((keys_N[rows], stratum_N[rows]))]
        codes, starts = np.unique(stratum_N[ordered], return_index=True)
        self.rows_of = dict(zip(codes.tolist(), np.split(ordered, starts[1:]), strict=True))
        self.stratum_N = stratum_N

    def other(self, row: int, rng: np.random.Generator) -> int | None:
        """The row of another sample of a training sample's stratum; None where it is alone."""
        rows = self.rows_of[int(self.stratum_N[row])]
        if len(rows) == 1:
            return None
        while (found := int(rows[rng.integers(len(rows))])) == row:
            pass
        return found


@dataclass(frozen=True, eq=False)
class Augmenter:
    """Augmentations with their strengths, and what they need to know of the study.

    Attributes
    ----------
    chosen
        The augmentations and their strengths, in the order in which they are applied.
    seed
        Seed of the run.
    keys_N
        A number for each sample that depends on its id alone.
    everyone, alike, same_class
        The training samples: all of them, those that may be mixed, and those of one class among these.
    outline
        The tree whose clades are mixed, where clades are.
    """

    chosen: tuple[tuple[Mixing | OfReads | OfSequences, float], ...]
    seed: int
    keys_N: np.ndarray
    everyone: Pools
    alike: Pools
    same_class: Pools
    outline: Outline | None = None

    @classmethod
    def of(
        cls,
        options: AugmentationOptions,
        study: Study,
        rows: np.ndarray,
        seed: int,
        alike_N: np.ndarray | None = None,
        class_N: np.ndarray | None = None,
    ) -> Augmenter | None:
        """The augmentations that options ask for; None where they ask for none.

        Parameters
        ----------
        options
            Names and strengths.
        study, rows
            The study, and its training samples.
        seed
            Seed of the run.
        alike_N
            What the two samples of a mixture must have in common, as a number; None for nothing.
        class_N
            The class of each sample; None where there are none.
        """
        if not options.strengths:
            return None
        chosen = tuple((find_augmentation(name), strength) for name, strength in options.strengths)
        alike_N = np.zeros(len(study), dtype=np.int64) if alike_N is None else alike_N
        both_N = alike_N if class_N is None else joint_codes(alike_N, class_N)
        needs_tree = any(isinstance(one, Mixing) and one.needs_clades for one, _ in chosen)
        return cls(
            chosen=chosen,  # type: ignore[arg-type]
            seed=seed,
            keys_N=study.keys,
            everyone=Pools(rows, study.keys, np.zeros(len(study), dtype=np.int64)),
            alike=Pools(rows, study.keys, alike_N),
            same_class=Pools(rows, study.keys, both_N),
            outline=_outline(study) if needs_tree else None,
        )

    @property
    def mixes(self) -> bool:
        """Whether samples are mixed with their targets."""
        return any(isinstance(one, Mixing) for one, _ in self.chosen)

    @property
    def adds_asvs(self) -> bool:
        """Whether a sample may have the ASVs of another one."""
        return any(one.adds_asvs for one, _ in self.chosen)

    @property
    def of_sequences(self) -> tuple[tuple[OfSequences, float], ...]:
        """Those that change sequences."""
        return tuple((one, strength) for one, strength in self.chosen if isinstance(one, OfSequences))

    def __call__(self, epoch: int, row: int, drawn: Drawn, draw_of: DrawOf) -> Augmented:
        """A training sample as it is learned from in an epoch.

        Parameters
        ----------
        epoch, row
            The epoch, and the sample's row in the study.
        drawn
            Its rarefied draw.
        draw_of
            Gives those of others.
        """
        drawn, partner = self._mixed(epoch, row, drawn, draw_of)
        sequences = []

        def other(rng: np.random.Generator) -> Drawn | None:
            found = self.everyone.other(row, rng)
            return None if found is None else draw_of(found)

        for one, strength in self.chosen:
            if isinstance(one, OfReads):
                drawn = one.changed(drawn, strength, self._rng(epoch, row, one.name), other)
            elif isinstance(one, OfSequences):
                sequences.append(one.of_sample(strength, self._rng(epoch, row, one.name), epoch))
        return Augmented(drawn, partner, tuple(sequences))

    def _rng(self, epoch: int, row: int, name: str) -> np.random.Generator:
        """Random numbers of their own, so that one augmentation does not change what another does."""
        return draw_rng(self.seed, epoch, int(self.keys_N[row]), sample_key(name) & 0xFFFFFFFF)

    def _mixed(self, epoch: int, row: int, drawn: Drawn, draw_of: DrawOf) -> tuple[Drawn, Partner | None]:
        if not self.mixes:
            return drawn, None
        rng = self._rng(epoch, row, "mixing")
        left = rng.random()
        for one, strength in self.chosen:
            if not isinstance(one, Mixing):
                continue
            left -= strength
            if left < 0:
                pool = self.same_class if one.within_class else self.alike
                found = pool.other(row, rng)
                return (drawn, None) if found is None else self._mixture(one, drawn, draw_of(found), found, rng)
        return drawn, None

    def _mixture(
        self, how: Mixing, first: Drawn, second: Drawn, row: int, rng: np.random.Generator
    ) -> tuple[Drawn, Partner | None]:
        """A mixture with as many reads as the first sample."""
        asvs, reads_2S = together(first, second)
        share_2S = reads_2S / reads_2S.sum(axis=1, keepdims=True)
        share = how.share(rng)
        clades = self.outline.clades(asvs) if how.needs_clades and self.outline is not None else None
        abundance = how.mixed(share_2S[0], share_2S[1], share, rng, clades)
        if not abundance.sum() > 0:
            return first, None
        reads = whole_reads(abundance, int(first.reads.sum()), rng)
        return Drawn(asvs[reads > 0], reads[reads > 0]), Partner(row, share)


def together(first: Drawn, second: Drawn) -> tuple[np.ndarray, np.ndarray]:
    """The ASVs of two samples, ascending, and the reads of each (``2 x S``, int64)."""
    asvs = np.union1d(first.asvs, second.asvs)
    reads = np.zeros((2, len(asvs)), dtype=np.int64)
    for place, one in enumerate((first, second)):
        reads[place, np.searchsorted(asvs, one.asvs)] = one.reads
    return asvs, reads


def whole_reads(abundance: np.ndarray, total: int, rng: np.random.Generator) -> np.ndarray:
    """So many reads in proportion to abundances; each ASV's differ by less than one from its part, which is their mean.

    Systematic sampling (Madow and Madow 1944, doi:10.1214/aoms/1177731312).
    """
    end = np.cumsum(abundance)
    end *= total / end[-1]
    end[-1] = total
    below = np.floor(end + rng.random())  # the last one is the total, as its fraction is below 1
    return np.diff(below, prepend=0.0).astype(np.int64)


def joint_codes(*codes_N: np.ndarray) -> np.ndarray:
    """A number for each sample that is the same where all of some numbers are."""
    found: np.ndarray = np.unique(np.column_stack(codes_N), axis=0, return_inverse=True)[1].reshape(-1)
    return found


def _outline(study: Study) -> Outline:
    """The outline of the study's tree; without one, of a tree of its DNA."""
    if study.phylogeny is not None:
        return Outline(study.phylogeny.tip_A, study.phylogeny.parting_T)
    prevalence = np.bincount(study.table.counts.indices, minlength=len(study.lengths))
    return outline_of_sequences(study.tokens, prevalence)


@dataclass(frozen=True, eq=False)
class ChangedSequences:
    """What augmentations make of the sequences of a batch.

    Attributes
    ----------
    chosen
        The augmentations and their strengths.
    seed
        Seed of the run.
    key_A
        A number for each ASV of the study that depends on its sequence alone.
    """

    chosen: tuple[tuple[OfSequences, float], ...]
    seed: int
    key_A: np.ndarray

    @classmethod
    def of(cls, augmenter: Augmenter, sequences: Sequence[str]) -> ChangedSequences | None:
        """Those of an augmenter; None where it leaves sequences as they are."""
        if not augmenter.of_sequences:
            return None
        keys = np.array([sample_key(one) for one in sequences], dtype=np.uint64)
        return cls(augmenter.of_sequences, augmenter.seed, keys)

    def __call__(
        self, asvs_U: np.ndarray, value_UV: np.ndarray, tokens_UL: np.ndarray, bases_U: np.ndarray
    ) -> tuple[np.ndarray, np.ndarray]:
        """Sequences as they are learned from, and their numbers of bases.

        Parameters
        ----------
        asvs_U
            Columns of the study.
        value_UV
            What each augmentation does to them.
        tokens_UL, bases_U
            The sequences as they are.
        """
        for (one, strength), value_U in zip(self.chosen, value_UV.T, strict=True):

            def chance(number_U: np.ndarray, word: str, shape: tuple[int, ...] = tokens_UL.shape) -> np.ndarray:
                return uniform(self.seed, word, self.key_A[asvs_U], number_U.astype(np.uint64), shape[1])

            tokens_UL, bases_U = one.changed(tokens_UL, bases_U, value_U, strength, chance)
        return tokens_UL, bases_U


def uniform(seed: int, word: str, key_U: np.ndarray, number_U: np.ndarray, length: int) -> np.ndarray:
    """Uniform numbers ``U x L`` in [0, 1) that depend on these numbers and the place alone.

    SplitMix64 (Steele, Lea and Flood 2014, doi:10.1145/2660193.2660195) of the place, begun at a hash of the others.
    """
    start_U = _scrambled(key_U ^ _scrambled(number_U + np.uint64(seed)) ^ np.uint64(sample_key(word)))
    place_L = np.arange(1, length + 1, dtype=np.uint64) * np.uint64(0x9E3779B97F4A7C15)
    return np.asarray((_scrambled(start_U[:, None] + place_L) >> np.uint64(11)) * 2.0**-53)


def _scrambled(value: np.ndarray) -> np.ndarray:
    value = value + np.uint64(0x9E3779B97F4A7C15)
    value = (value ^ (value >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    value = (value ^ (value >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    mixed: np.ndarray = value ^ (value >> np.uint64(31))
    return mixed
