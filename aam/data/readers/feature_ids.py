"""What the ids of a table's ASVs are: DNA, names whose DNA a FASTA gives, or names of taxa and of references.

Models that read DNA need it of every ASV. What looks at counts alone takes any names.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from aam.data.readers.sequences import FEWEST_BASES, IS_GAP, is_dna, upper_case
from aam.data.readers.taxonomy import PREFIX
from aam.errors import InputError
from aam.text import plural, shorten

if TYPE_CHECKING:
    import numpy as np

HASHES = {32: "md5", 40: "sha1", 64: "sha256"}
COMPLEMENT = str.maketrans("ACGTRYSWKMBDHVN", "TGCAYRSWMKVHDBN")
IDS = "asv_ids"
"""How tables of a model must be treated (beside trimming and rarefaction) if it knows ASVs by names and not by DNA."""
NAMES = "names"
NO_DNA = "aam rf-baseline (asv, clr) and --learners no-dna need no DNA"


def of_ids(*, has_dna: bool) -> dict[str, str]:
    """What a model keeps of the ids of its training tables."""
    return {} if has_dna else {IDS: NAMES}


def takes_names(data: Mapping[str, Any]) -> bool:
    """Whether a model knows ASVs by their names, by what it keeps of its training tables."""
    return data.get(IDS) == NAMES


def check_ids(
    data: Mapping[str, Any], asv_ids: Sequence[str] | np.ndarray, *, has_dna: bool, source: str | Path
) -> None:
    """Refuse a table whose ASVs have DNA for a model that knows names, or the other way round.

    Parameters
    ----------
    data
        What the model keeps of its training tables.
    asv_ids, has_dna, source
        Of the table.
    """
    if takes_names(data) == has_dna:
        first, known = shorten(str(asv_ids[0])), "names of ASVs" if has_dna else "the DNA of ASVs"
        problem = f"the ASV ids {'have' if has_dna else 'have no'} DNA (first: {first}), and the model knows {known}"
        raise InputError(source, problem, "give a table with ids as in training")


def are_sequences(ids: Sequence[str]) -> bool:
    """Whether all ids are DNA of a length that sequences have."""
    return min(map(len, ids)) >= FEWEST_BASES and is_dna(upper_case(ids))


def hash_name(name: str) -> str:
    """The hash function that a name looks like the result of; empty where it is none."""
    return HASHES.get(len(name), "") if re.fullmatch("[0-9a-f]+", name) else ""


def is_taxon(name: str) -> bool:
    """Whether a name is a lineage (``k__Bacteria;p__Firmicutes``) or one of its ranks (``g__Blautia``)."""
    return PREFIX.match(name) is not None or (";" in name and "=" not in name)  # OTU7;size=12; is of another kind


def looks_like_features(ids: Sequence[str]) -> bool:
    """Whether names are those of ASVs whatever else is known: all DNA, hashes of one kind, or most of them taxa."""
    if are_sequences(ids):
        return True
    kind = hash_name(ids[0])
    return all(hash_name(name) == kind for name in ids) if kind else 2 * sum(map(is_taxon, ids)) > len(ids)


def are_mostly_features(names: Sequence[str]) -> bool:
    """Whether more than half of some columns are named as ASVs; the others may be columns of metadata."""
    found = sum(is_taxon(name) or bool(hash_name(name)) or are_sequences([name]) for name in names)
    return 2 * found > len(names)


def transposed(
    source: str | Path, sample_ids: Sequence[str], asv_ids: Sequence[str], asvs: Collection[str] = ()
) -> InputError | None:
    """The error of a table whose columns are ASVs; None where it cannot be seen that they are.

    Parameters
    ----------
    source
        The table.
    sample_ids, asv_ids
        Its columns and rows.
    asvs
        Names that are known to be those of ASVs: of a FASTA, of a tree.
    """
    if asvs and are_among(asv_ids, asvs):
        return None
    inverted = looks_like_features(sample_ids) and not looks_like_features(asv_ids)
    if inverted or (asvs and are_among(sample_ids, asvs)):
        return transposed_error(source, sample_ids[0])
    return None


def transposed_error(source: str | Path, first: str, samples: str = "") -> InputError:
    """The error of a table whose columns are ASVs, or whose rows are the samples of a file."""
    kind = "DNA" if are_sequences([first]) else hash_name(first) or ("taxa" if is_taxon(first) else "ASVs")
    looks = f"the rows are the samples of {samples}" if samples else f"sample ids look like {kind}"
    problem = f"{looks} (first: {shorten(first)}): the table seems transposed"
    return InputError(source, problem, "ASVs must be the rows, samples the columns (in R: t(x))")


def are_among(ids: Iterable[str], known: Collection[str]) -> bool:
    """Whether more than half of some ids are known."""
    ids = list(ids)
    return 2 * sum(name in known for name in ids) > len(ids)


def resolve(source: Path, asv_ids: Sequence[str], known: Mapping[str, str]) -> tuple[list[str], list[str]]:
    """The DNA of each ASV: the sequence of its id in ``known``, or else the id itself.

    Returns
    -------
    tuple
        Sequences in upper case with T for U, and notes on what was changed.

    Raises
    ------
    InputError
        If ids are neither known nor DNA, or two of them are the same sequence in other letters.
    """
    own = [name for name in asv_ids if name not in known]
    upper = upper_case(own)
    if not is_dna(upper):
        raise _not_dna_error(source, asv_ids, own, upper, known)
    _check_same(source, asv_ids, known)
    if len(set(upper)) < len(upper):
        first, second = _first_equal(own, upper)
        remedy = "make them one ASV, with the sum of their counts"
        raise InputError(source, f"'{shorten(first)}' and '{shorten(second)}' are the same sequence", remedy)
    changed = sum(1 for before, after in zip(own, upper, strict=True) if before != after)
    notes = [f"{plural(changed, 'ASV')} in lower case or with U, read as upper case and T"] if changed else []
    sequence_of = {**dict(zip(own, upper, strict=True)), **known} if known else dict(zip(own, upper, strict=True))
    return [sequence_of[name] for name in asv_ids], notes


def _first_equal(ids: Sequence[str], upper: Sequence[str]) -> tuple[str, str]:
    seen: dict[str, str] = {}
    for name, sequence in zip(ids, upper, strict=True):
        if sequence in seen:
            return seen[sequence], name
        seen[sequence] = name
    raise AssertionError("there are equal sequences")


def _difference(own: str, given: str) -> str:
    """What a sequence is that another was expected to be."""
    if given == own.translate(COMPLEMENT)[::-1]:
        return "its reverse complement"
    if shorten(given) != shorten(own):
        return shorten(given)
    alike = next((at for at, (one, other) in enumerate(zip(own, given, strict=False)) if one != other), len(own))
    return f"another from base {min(alike, len(given)) + 1:,} on"


def _check_same(source: Path, asv_ids: Sequence[str], known: Mapping[str, str]) -> None:
    """Refuse sequences that differ from ids that are DNA themselves."""
    given = [name for name in asv_ids if len(name) >= FEWEST_BASES and name in known] if known else []
    upper = upper_case(given)
    other = [(name, own) for name, own in zip(given, upper, strict=True) if is_dna([own]) and known[name] != own]
    if not other:
        return
    name, own = other[0]
    first = f"'{shorten(name)}' has {_difference(own, known[name])}"
    problem = f"{len(other):,} of {len(asv_ids):,} ASV ids are DNA, but other sequences in --sequences (first: {first})"
    raise InputError(source, problem, "leave out --sequences, or give those of this table")


def _not_dna_error(
    source: Path, asv_ids: Sequence[str], own: Sequence[str], upper: Sequence[str], known: Mapping[str, str]
) -> InputError:
    wrong = [name for name, sequence in zip(own, upper, strict=True) if not is_dna([sequence])]
    first = wrong[0]
    bare = IS_GAP.sub("", first)
    gap = IS_GAP.search(first)
    if gap is not None and len(bare) >= FEWEST_BASES and is_dna(upper_case([bare])):
        problem = f"ASV id {asv_ids.index(first) + 1:,} has '{shorten(gap[0])}': aligned sequences are not accepted"
        return InputError(source, problem, "give the ASVs without gaps")
    number = f"{len(wrong):,} of {len(asv_ids):,}"
    if is_taxon(first):
        problem = f"{number} ASV ids are names of taxa (first: {shorten(first)})"
        return InputError(source, problem, f"give the table before it was collapsed; {NO_DNA}")
    if known:
        theirs = "" if len(wrong) < len(asv_ids) else f", first of --sequences: {shorten(next(iter(known)))}"
        problem = f"{number} ASVs have no sequence (first: {shorten(first)}{theirs})"
        return InputError(source, problem, "the files of --sequences must have all of them")
    kind = hash_name(first) or ("an OTU of a reference" if first.isdecimal() else "")
    looks = f", looks like {kind}" if kind else ""
    problem = f"{number} ASV ids are not DNA (first: {shorten(first)}{looks})"
    only = "" if hash_name(first) or len(wrong) < len(asv_ids) else f"; {NO_DNA}"
    return InputError(source, problem, f"give the sequences with --sequences{only}")
