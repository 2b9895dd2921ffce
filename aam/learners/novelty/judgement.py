"""How much of a sample, and of a whole table, a model has not seen in training.

Legend: ``N`` samples of a study, ``A`` its ASVs.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from scipy.stats import binom

from aam.data.counts.blocks import present
from aam.data.readers.strand import Comparison, SequenceSet, compare
from aam.learners.novelty.familiarity import RATE, SHALLOW, Familiarity
from aam.text import plural, shorten

if TYPE_CHECKING:
    from aam.data.study.study import Study
    from aam.learners.known_asvs import KnownAsvs
    from aam.learners.reference import Reference

FAR = 0.5
"""Share of its words of six bases from which on a new ASV is far from all known ones."""
FAR_MORE = 0.2
"""By how much nearer an ASV is to a known one where it lies on the other strand."""
HALF = 0.5
HARDLY_ANY = 0.05
"""Share of reads of known ASVs below which a table may not be what the model was made for."""
FAR_BEYOND = 2
"""Novelty that chance does not explain, even of a single sample."""
TOO_UNLIKELY = 0.01
"""Probability of so many samples beyond the limit where all are like those of training."""
SAMPLES_AT_ONCE = 512
STRAND, LENGTH, SEQUENCES = "other strand", "other length", "unknown sequences"
NAMES = "unknown names"
UNLIKE, FEW_READS, UNKNOWN = "unlike training samples", "shallow", "novelty unknown"
NOT_SAID = (
    "the model is older, or of an unfinished run, and does not say what its training samples were like: how unlike "
    "them these samples are is unknown"
)


@dataclass(frozen=True, eq=False)
class Novelty:
    """How much of each sample of a study is new to a model.

    Attributes
    ----------
    familiar_N
        Share of its reads that are of known ASVs.
    novelty_N
        1 where it is as unlike the training samples as 5 % of these are unlike each other, more where it is more unlike
        them; NaN where the model does not say.
    warning_N
        What is the matter, in a word or two; empty where nothing is.
    rate
        Share of samples like those of training whose novelty is above 1.
    """

    familiar_N: np.ndarray
    novelty_N: np.ndarray
    warning_N: np.ndarray
    rate: float = RATE

    @property
    def is_new_N(self) -> np.ndarray:
        """Which samples are unlike the training samples."""
        return np.asarray(self.novelty_N > 1)

    def columns(self, rows: np.ndarray) -> dict[str, list[str]]:
        """The columns of a table of predictions, for some samples."""
        numbers = {"familiar_reads": self.familiar_N, "novelty": self.novelty_N}
        cells = {name: ["" if np.isnan(v) else f"{v:.4g}" for v in values[rows]] for name, values in numbers.items()}
        return {**cells, "warning": list(map(str, self.warning_N[rows]))}


@dataclass(frozen=True)
class Verdict:
    """What is to be said of a whole table.

    Attributes
    ----------
    lines
        What is worth knowing.
    notes
        What the user should look at.
    problem, remedy
        Why the model should not predict it, and the way out; empty where it may.
    """

    lines: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    problem: str = ""
    remedy: str = ""

    @property
    def warnings(self) -> list[str]:
        """What is to be said loudly: why the model should not predict it, and what the user should look at."""
        return [*([self.problem] if self.problem else []), *self.notes]


def familiar_reads(reference: Reference, study: Study, rows: np.ndarray) -> np.ndarray:
    """Share of each sample's reads that are of known ASVs (``B``)."""
    reads = reference.reads_of(study, rows)
    known: np.ndarray = np.asarray(reads.exact.sum(axis=1), dtype=np.float64).ravel() / reads.total
    return known


def judge(known: Familiarity | None, study: Study) -> Novelty:
    """How new each sample of a study is.

    Parameters
    ----------
    known
        What the model knows of its training data; None for one that does not say.
    study
        The samples.
    """
    number = len(study)
    if known is None:
        nothing = np.full(number, np.nan)
        return Novelty(nothing, nothing, np.full(number, UNKNOWN, dtype=object))
    placement, lengths = known.asvs.placement(study), study.lengths
    familiar = _share(study, placement.known >= 0)
    warning = np.full(number, "", dtype=object)
    reads, samples = _distances(known, study)
    few = study.table.counts.sum(axis=1) * SHALLOW < known.fewest_reads
    warning[np.asarray(few).ravel()] = FEW_READS
    novelty = np.fmax(reads, samples)
    warning[np.isnan(novelty)] = UNKNOWN
    warning[novelty > 1] = UNLIKE
    warning[(novelty > 1) & (reads >= samples)] = SEQUENCES if known.asvs.has_dna else NAMES
    rate = RATE if known.limits is None else known.limits.rate
    if not known.asvs.has_dna:
        return Novelty(familiar, novelty, warning, rate)
    strange = _share(study, (lengths < known.shortest) | (lengths > known.longest)) >= HALF
    warning[strange & (familiar < HARDLY_ANY)] = LENGTH
    warning[_share(study, _on_other_strand(known.asvs, study, placement.distance)) >= HALF] = STRAND
    return Novelty(familiar, novelty, warning, rate)


def verdict(known: Familiarity | None, study: Study, found: Novelty) -> Verdict:
    """What is to be said of a study as a whole.

    Parameters
    ----------
    known, study, found
        As of :func:`judge`, and what it found.
    """
    if known is None:
        return Verdict(notes=(NOT_SAID,))
    if not len(study):
        return Verdict()
    lines, notes = list(new_asvs(known.asvs, study)), []
    if known.limits is None:
        notes.append(NOT_SAID)
    else:
        line, is_loud = _samples_line(found)
        (notes if is_loud else lines).append(line)
    shallow = np.flatnonzero(found.warning_N == FEW_READS)
    if len(shallow):
        which = f"{plural(len(shallow), 'sample')} (first: {shorten(str(study.sample_ids[shallow[0]]))})"
        fewest = f"{known.fewest_reads:,}, the fewest of a training sample"
        lines.append(f"{FEW_READS}: less than half of {fewest}, in {which}")
    problem, remedy = _refusal(known, study, found)
    return Verdict(tuple(lines), tuple(notes), problem, remedy)


def new_asvs(asvs: KnownAsvs | None, study: Study) -> list[str]:
    """What the log says of the ASVs of a study; nothing where all are known.

    Parameters
    ----------
    asvs
        Those that the model knows; None for one that compares nothing.
    study
        The study.
    """
    if asvs is None or not len(study):
        return []
    found = np.flatnonzero(present(study.table.counts))
    placement = asvs.placement(study)
    distance = placement.distance[found]
    is_new = placement.known[found] < 0
    if not is_new.any():
        return []
    share = 1 - float(_share(study, placement.known >= 0).mean())
    far = int((distance > FAR).sum())
    told = f", {far:,} of them far from all known ones" if far else ""
    nearest = f"; each counts with its nearest known ASV (median distance {np.median(distance[is_new]):.2f}){told}"
    return [
        f"new to the model: {plural(int(is_new.sum()), 'ASV')} of {len(found):,}, {share:.1%} of a sample's reads on "
        f"average{nearest if asvs.has_dna else ''}"
    ]


def _distances(known: Familiarity, study: Study) -> tuple[np.ndarray, np.ndarray]:
    """Both distances of each sample from training, in units of their limits; NaN where there are none."""
    limits = known.limits
    if limits is None:
        nothing = np.full(len(study), np.nan)
        return nothing, nothing
    rows = np.arange(len(study))
    blocks = [rows[start : start + SAMPLES_AT_ONCE] for start in range(0, len(rows), SAMPLES_AT_ONCE)]
    samples = [known.from_samples(study, some) for some in blocks]
    apart = np.concatenate(samples) if samples else np.empty(0)
    reads = [known.from_known_asvs(study, some) for some in blocks]
    return np.concatenate([np.empty(0), *reads]) / limits.reads, apart / limits.samples


def _share(study: Study, chosen_A: np.ndarray) -> np.ndarray:
    """Share of each sample's reads that some ASVs have."""
    counts = study.table.counts
    found: np.ndarray = (counts @ chosen_A.astype(np.int64)) / np.asarray(counts.sum(axis=1), dtype=np.float64).ravel()
    return found


def _on_other_strand(asvs: KnownAsvs, study: Study, distance: np.ndarray) -> np.ndarray:
    """Which ASVs are far from all known ones, and nearer as their reverse complements."""
    found = distance > FAR
    far = np.flatnonzero(found)
    if len(far):
        turned = SequenceSet(study.tokens[far], np.ones(len(far))).turned
        found[far] = asvs.place_tokens(turned.tokens).distance + FAR_MORE < distance[far]
    return found


def _samples_line(found: Novelty) -> tuple[str, bool]:
    """How many samples are unlike those of training; and whether these are more than chance explains."""
    number, new = len(found.novelty_N), int(found.is_new_N.sum())
    line = (
        f"unlike the training samples: {new:,} of {plural(number, 'sample')} ({new / number:.0%}; "
        f"{found.rate:.0%} expected of samples like them)"
    )
    chance = float(binom.sf(new - 1, number, found.rate))
    if not new or (chance >= TOO_UNLIKELY and found.novelty_N.max() <= FAR_BEYOND):
        return line, False
    counted = Counter(map(str, found.warning_N[found.is_new_N])).most_common()
    kinds = ", ".join(f"{number:,} {warning}" for warning, number in counted)
    return f"{line}: {kinds}; neither their predictions nor their intervals can be trusted", True


def _refusal(known: Familiarity, study: Study, found: Novelty) -> tuple[str, str]:
    """Why hardly any read is of a known ASV, where there is a reason but other microbes, and the remedy."""
    if float(found.familiar_N.mean()) >= HARDLY_ANY:
        return "", ""
    told = f"{float(found.familiar_N.mean()):.1%} of its reads are known"
    if not known.asvs.has_dna:
        return f"its ASVs have other names than those of training ({told})", "name them by the same database and rank"
    reads = np.asarray(study.table.counts.sum(axis=0), dtype=np.float64).ravel()
    has_reads = np.flatnonzero(reads)
    own, others = SequenceSet(study.tokens[has_reads], reads[has_reads]), known.asvs
    compared = compare(own, SequenceSet(others.tokens, others.prevalence.astype(np.float64)))
    reason, remedy = _reason(compared, own, known)
    return (f"{reason} ({told})", remedy) if reason else ("", "")


def _reason(compared: Comparison, own: SequenceSet, known: Familiarity) -> tuple[str, str]:
    """What is the matter with a table, and what helps."""
    best = compared.best
    if compared.is_unrelated:
        reason = "its sequences resemble none of training: another region of the gene, or no 16S"
        return reason, "take a model of the same region"
    if compared.is_other_strand:
        return "its sequences lie on the other strand than those of training", "add --reverse-complement auto"
    if best.offset:
        where = "after" if best.offset > 0 else "before"
        reason = f"its sequences begin {plural(abs(best.offset), 'base')} {where} those of training"
        return reason, "cut primers as for training"
    if best.length is None:
        return "", ""
    shortest, longest = int(own.lengths.min()), int(own.lengths.max())
    lengths = [_range(shortest, longest), _range(known.shortest, known.longest)]
    reason = f"its sequences have {lengths[0]} bases, those of training {lengths[1]}"
    if shortest > known.longest and known.shortest == known.longest:
        return reason, f"add --trim-length {known.longest}"
    return reason, f"train again with --trim-length {best.length}"


def _range(first: int, last: int) -> str:
    return f"{first:,}" if first == last else f"{first:,} to {last:,}"
