"""What merged tables have in common, what would make it more, and turning tables of the other strand around."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from pathlib import Path

import numpy as np
from scipy.sparse import csr_array

from aam.data.readers.sequences import AMBIGUOUS, FEWEST_BASES, is_dna
from aam.data.readers.strand import Comparison, Fit, SequenceSet, compare, reverse_complement
from aam.files.limits import limits
from aam.text import plural, shorten

MOST_PAIRS = 6
MOSTLY = 0.8
"""Share of the reads of one of two tables from which on they fit as they are."""
FEWEST_MIXED = 10
"""Of fewer ASVs it is not said that they lie on both strands: some palindrome may be among them."""
MOST_ALONE = 500
"""ASVs of a single table that are looked at, those with the most reads: every table that is read pays for it."""
PRIMER_BASES = range(15, 31)
LOUD = "warning: "
"""Notes that begin so are about results that would be wrong."""
_TO_N = str.maketrans(dict.fromkeys(AMBIGUOUS.decode(), "N"))


class Turning:
    """Turns the sequences of tables around, one table after the other.

    Parameters
    ----------
    wanted
        ``yes``, ``no`` (or None), or ``auto``: where they fit the reference far better the other way round.
    reference
        Sequences in the right direction; those of the first table where left out.
    name
        What they are called.
    """

    def __init__(self, wanted: str | None, reference: SequenceSet | None = None, name: str = "the model") -> None:
        self.wanted = wanted or "no"
        self.reference = reference
        self.name = name

    def apply(self, source: Path, sequences: list[str], counts: csr_array) -> tuple[list[str], list[str]]:
        """The sequences of a table (in upper case) in the direction that is wanted, and notes.

        Parameters
        ----------
        source
            The table's file.
        sequences
            DNA of its ASVs; ambiguous letters may be among it.
        counts
            Their counts, samples x ASVs.
        """
        if self.wanted == "no":
            return sequences, []
        if self.wanted == "yes":
            note = f"{plural(len(sequences), 'ASV')} read as reverse complements (--reverse-complement yes)"
            return list(map(reverse_complement, sequences)), [note]
        own = _comparable(sequences, counts)
        if own is None:
            return sequences, []
        if self.reference is None:
            self.reference, self.name = own, source.name
            return sequences, []
        found = compare(own, self.reference)
        if not found.is_other_strand:
            return sequences, []
        note = f"read as reverse complements, which fit {shorten(self.name)} ({_evidence(found)})"
        return list(map(reverse_complement, sequences)), [note]


def _comparable(sequences: Sequence[str], counts: csr_array) -> SequenceSet | None:
    """The sequences whose lengths are those of ASVs, for a comparison."""
    reads = np.asarray(counts.sum(axis=0)).ravel()
    kept = [row for row, one in enumerate(sequences) if FEWEST_BASES <= len(one) <= limits().sequence_bases]
    return SequenceSet.of([sequences[row].translate(_TO_N) for row in kept], reads[kept]) if kept else None


def _evidence(found: Comparison) -> str:
    best, now = found.best, found.now
    if best.shared:
        return f"{percent(best.reads)} of its reads are then of shared ASVs, {percent(now.reads)} as they were"
    same, other = found.similar
    return f"{percent(other)} of its reads then have words in common with it, {percent(same)} as they were"


@dataclass(frozen=True, kw_only=True)
class Finding:
    """What would make two tables share more.

    Attributes
    ----------
    text
        What is the matter, in a line.
    reverse
        Whether ``--reverse-complement auto`` helps.
    trim_length
        The ``--trim-length`` that helps; None where none does.
    """

    text: str
    reverse: bool = False
    trim_length: int | None = None

    @property
    def options(self) -> str:
        """The options that help."""
        return option_words(self.reverse, self.trim_length)


def option_words(reverse: bool, trim_length: int | None) -> str:
    """The options that turn sequences around and trim them, as they are typed."""
    words = ["--reverse-complement auto"] if reverse else []
    return " ".join([*words, *([f"--trim-length {trim_length}"] if trim_length is not None else [])])


def explain(sequences: SequenceSet, reference: SequenceSet, names: tuple[str, str]) -> Finding | None:
    """What is the matter with sequences that have little in common with a reference; None where nothing is.

    Parameters
    ----------
    sequences, reference
        At least one sequence each.
    names
        What both are called.
    """
    found, (name, other) = compare(sequences, reference), names
    if found.is_unrelated:
        text = f"{name} has nothing in common with {other} on either strand: is it another region of the gene?"
        return Finding(text=text)
    best, tables = found.best, zip(names, (sequences, reference), strict=True)
    if found.is_mixed:
        unknown = "" if best.changes else f"{name} or {other}"
        mixed = next((one for one, own in tables if is_on_both_strands(own)), unknown)
        if mixed:
            return Finding(text=on_both_strands(mixed))
    if not best.changes:
        return None
    *matters, last = _matters(best, sequences, reference)
    matter = f"{', '.join(matters)} and {last}" if matters else last
    text = f"{name} {matter}, compared with {other}: {_then(best, other)} {_remedy(best, names)}"
    return Finding(text=text, reverse=best.reverse, trim_length=best.length)


def is_on_both_strands(sequences: SequenceSet) -> bool:
    """Whether a good part of the reads has relatives on the other strand."""
    few = sequences.searched
    return len(few.reads) >= FEWEST_MIXED and compare(few.turned, few).is_mixed


def on_both_strands(name: str) -> str:
    """What to say of a table whose reads are."""
    return f"the reads of {name} lie on both strands: orient them before ASVs are made of them"


def _then(best: Fit, other: str) -> str:
    """What they would have in common, up to what makes it so."""
    if not best.shared:
        return "no ASV would be shared, but their sequences could be compared"
    shares = f"{percent(best.reads)} of its reads and {percent(best.reference_reads)} of those of {other}"
    return f"{best.shared:,} of its {plural(best.asvs, 'ASV')} would be shared ({shares})"


def _matters(best: Fit, sequences: SequenceSet, reference: SequenceSet) -> Iterator[str]:
    if best.reverse:
        yield "is on the other strand"
    if best.offset:
        yield f"begins {plural(abs(best.offset), 'base')} {'later' if best.offset > 0 else 'earlier'}"
    if best.length is not None:
        mine, theirs = (int(np.median(one.lengths)) for one in (sequences, reference))
        yield f"has sequences of {mine} bases instead of {theirs}" if mine != theirs else "has other lengths"


def _remedy(best: Fit, names: tuple[str, str]) -> str:
    options = option_words(best.reverse, best.length)
    if not best.offset:
        return f"with {options}"
    longer = names[1] if best.offset > 0 else names[0]
    end = "last" if best.reverse and best.offset < 0 else "first"
    primer = "; was a primer left on?" if abs(best.offset) in PRIMER_BASES else ""
    cut = f"without the {end} {plural(abs(best.offset), 'base')} of {longer}, which no option cuts{primer}"
    return f"with {options} and {cut}" if options else cut


def sharing_notes(
    counts: csr_array, studies: np.ndarray, sequences: np.ndarray, labels: Mapping[str, str]
) -> list[str]:
    """How many ASVs and reads each pair of merged tables shares, and what would make them share more.

    Of a single table it is said where its reads lie on both strands.

    Parameters
    ----------
    counts
        Counts of the merged table, samples x ASVs.
    studies
        Table of each sample.
    sequences
        DNA of the ASVs, or their names where it is not known.
    labels
        What each table is called.
    """
    names = list(dict.fromkeys(studies.tolist()))
    if len(names) == 1:
        own = _most_reads(np.asarray(counts.sum(axis=0)).ravel(), sequences)
        return [f"{LOUD}{on_both_strands(labels[names[0]])}"] if own is not None and is_on_both_strands(own) else []
    place = {name: row for row, name in enumerate(names)}
    # Of the same type as the places of the counts, of which the product would make a copy else.
    kind = counts.indices.dtype
    rows = np.array([place[name] for name in studies], dtype=kind)
    at = rows, np.arange(len(rows), dtype=kind)
    member = csr_array((np.ones(len(rows), dtype=np.int64), at), (len(names), len(rows)))
    reads = csr_array(member @ counts)
    called = [shorten(labels[name], 40) for name in names]
    return [*_pair_lines(reads, called), *_finding_lines(reads, sequences, called)]


def _pair_lines(reads: csr_array, called: Sequence[str]) -> list[str]:
    """A line for each pair of tables, those that share the fewest reads first."""
    has = (reads > 0).astype(np.int64)
    shared = (has @ has.T).toarray()
    own, total = shared.diagonal(), np.asarray(reads.sum(axis=1)).ravel()
    parts = (reads @ has.T).toarray() / total[:, None]
    pairs = sorted(combinations(range(len(called)), 2), key=lambda pair: max(parts[pair], parts[pair[::-1]]))
    lines = [
        f"{called[one]} and {called[two]} share {shared[one, two]:,} of "
        f"{plural(int(own[one] + own[two] - shared[one, two]), 'ASV')} "
        f"({percent(parts[one, two])} and {percent(parts[two, one])} of their reads)"
        for one, two in pairs[:MOST_PAIRS]
    ]
    left = len(pairs) - len(lines)
    return [*lines, f"{plural(left, 'other pair')} of tables share as much or more"] if left else lines


def _finding_lines(reads: csr_array, sequences: np.ndarray, called: Sequence[str]) -> list[str]:
    """What is the matter with tables that do not fit the first one."""
    findings: dict[Finding, None] = {}
    known = reads[[0]]
    for row in range(1, len(called)):
        own = reads[[row]]
        common = own.multiply(known > 0).sum() / own.sum(), known.multiply(own > 0).sum() / known.sum()
        if max(common) < MOSTLY:
            finding = _compared(own, known, sequences, (called[row], called[0]))
            findings |= {finding: None} if finding is not None else {}
    lines = [f"{LOUD}{finding.text}" for finding in list(findings)[:MOST_PAIRS]]
    left = len(findings) - len(lines)
    if left:
        lines.append(f"{LOUD}{plural(left, 'other table')} {'does' if left == 1 else 'do'} not fit {called[0]} either")
    lengths = [finding.trim_length for finding in findings if finding.trim_length is not None]
    together = option_words(any(finding.reverse for finding in findings), min(lengths, default=None))
    if len({finding.options for finding in findings} - {""}) > 1:
        lines.append(f"{LOUD}all of these together: {together}")
    return lines


def _compared(own: csr_array, known: csr_array, sequences: np.ndarray, names: tuple[str, str]) -> Finding | None:
    """What is the matter with one table; nothing where ASVs are names."""
    mine, first = (_of_dna(sequences[one.indices].tolist(), one.data) for one in (own, known))
    return None if mine is None or first is None else explain(mine, first, names)


def _most_reads(reads: np.ndarray, sequences: np.ndarray) -> SequenceSet | None:
    """The sequences of a single table with the most reads; None where they are names."""
    most = np.sort(np.argsort(-reads, kind="stable")[:MOST_ALONE])
    return _of_dna(sequences[most].tolist(), reads[most])


def _of_dna(texts: list[str], reads: np.ndarray) -> SequenceSet | None:
    return SequenceSet.of(texts, reads) if is_dna(texts) else None


def percent(part: float) -> str:
    """A share as a percentage that says 0% and 100% only where they are exact."""
    if part in (0, 1):
        return f"{part:.0%}"
    return "< 0.1%" if part < 0.001 else "> 99.9%" if part > 0.999 else f"{part:.1%}"
