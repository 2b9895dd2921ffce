"""DNA from ids and FASTA: which letters are understood, which are refused, and all of them at once.

The checks run over all sequences joined to one text, so that a million of them take seconds.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from pathlib import Path

from aam.errors import InputError, Problems
from aam.files.archive import read_content
from aam.files.limits import limits
from aam.text import ONCE, decode_text, duplicates, first_bytes, plural, shorten

FEWEST_BASES = 10
LARGEST_AMBIGUITY = 0.05
SEQUENCE_TYPES = ("FeatureData[Sequence]", "FeatureData[RNASequence]")

AMBIGUOUS = b"RYSWKMBDHVN"
_UPPER = bytes.maketrans(b"acgtuU" + AMBIGUOUS.lower(), b"ACGTTT" + AMBIGUOUS)
_TO_N = bytes.maketrans(AMBIGUOUS, b"N" * len(AMBIGUOUS))
_NOT_DNA = re.compile(rb"[^ACGTRYSWKMBDHVN\n]")
OTU = re.compile(r"\S+\s+([A-Za-z]+\d+)\|\d+(?:\||\s|$)")
"""A header of mothur's get.oturep: ``sequence  Otu001|number of reads|groups``."""
IS_GAP = re.compile(r"[-.\s>]")


def upper_case(texts: Sequence[str]) -> list[str]:
    """DNA in upper case with T for U; other texts may change, but never become DNA."""
    return "\n".join(texts).encode().translate(_UPPER).decode().split("\n") if texts else []


def is_dna(texts: Iterable[str]) -> bool:
    """Whether all of the texts (in upper case, without line breaks) are DNA, ambiguous letters included."""
    return _NOT_DNA.search("\n".join(texts).encode()) is None


def read_sequences(paths: Sequence[Path]) -> dict[str, str]:
    """Read FASTA files, plain or in QIIME 2 archives.

    Returns
    -------
    dict
        Id (the first word after ``>``) -> DNA in upper case with T for U. Ambiguous letters are as they were.

    Raises
    ------
    InputError
        If a file is not FASTA, has gaps or letters that are no DNA, or an id stands for two sequences.
    """
    found: dict[str, str] = {}
    for path in paths:
        records = _read_fasta(path)
        for name, sequence in records.items():
            if found.setdefault(name, sequence) != sequence:
                raise InputError(path, f"id '{shorten(name)}' has another sequence in another file", "use one of them")
    return found


def _read_fasta(path: Path) -> dict[str, str]:
    content = read_content(path, SEQUENCE_TYPES, (".fasta", ".fa", ".fna"))
    text = "\n" + decode_text(content, path).strip()
    if not text.startswith("\n>"):
        raise InputError(path, f"not FASTA (starts with '{first_bytes(content)}')", "sequences start with a '>' line")
    names, parts = [], []
    for record in text[2:].split("\n>"):
        header, _, lines = record.partition("\n")
        names.append(header.split(maxsplit=1)[0] if header.strip() else "")
        parts.append("".join(lines.split()))
    sequences = upper_case(parts)
    _check_fasta(path, names, sequences)
    return dict(zip(names, sequences, strict=True)) | _of_otus(text, sequences)


def _of_otus(text: str, sequences: Sequence[str]) -> dict[str, str]:
    """Sequences by OTU in a FASTA of mothur's get.oturep, whose headers name it after the sequence."""
    found = [OTU.match(header) for header in re.findall(r"^>(.*)$", text, re.MULTILINE)]
    if not found or not all(found):
        return {}
    names = [match[1] for match in found if match]
    return dict(zip(names, sequences, strict=True)) if len(set(names)) == len(names) else {}


def _check_fasta(path: Path, names: Sequence[str], sequences: Sequence[str]) -> None:
    problems = Problems(path)
    for number, (name, sequence) in enumerate(zip(names, sequences, strict=True), start=1):
        if not name or not sequence:
            problems.add(f"record {number:,} has no {'bases' if name else 'id'}", "the file is damaged")
            break
    if problem := duplicates("id", names):
        problems.add(problem, ONCE)
    if not is_dna(sequences):
        wrong = [i for i, sequence in enumerate(sequences) if not is_dna([sequence])]
        first, gap = sequences[wrong[0]], IS_GAP.search(sequences[wrong[0]])
        letter = gap[0] if gap else next(letter for letter in first if not is_dna([letter]))
        what = "gaps: aligned sequences are not accepted" if gap else "letters that are not DNA"
        where = f"first: '{shorten(names[wrong[0]])}' has '{shorten(letter)}'"
        problems.add(f"{plural(len(wrong), 'sequence')} with {what} ({where})", "give unaligned DNA")
    problems.raise_if_any()


def finish(
    source: Path, sequences: Sequence[str], trim_length: int | None, max_bp: int | None
) -> tuple[list[str], list[str]]:
    """Cut sequences, read ambiguous letters as N, and refuse those that are too short, too long or too ambiguous.

    Returns
    -------
    tuple
        Sequences over ACGTN, and notes.

    Raises
    ------
    InputError
        With everything that is wrong with their lengths and letters.
    """
    notes = []
    if trim_length is not None:
        short = sum(1 for sequence in sequences if len(sequence) < trim_length)
        if short:
            notes.append(f"{plural(short, 'ASV')} shorter than --trim-length {trim_length} stay as they are")
        sequences = [sequence[:trim_length] for sequence in sequences]
    problems = Problems(source)
    _check_lengths(problems, sequences, max_bp)
    joined = "\n".join(sequences).encode()
    num_ambiguous = sum(joined.count(letter) for letter in AMBIGUOUS)
    if num_ambiguous:
        sequences = joined.translate(_TO_N).decode().split("\n")
        with_n = [sequence for sequence in sequences if "N" in sequence]
        _check_ambiguity(problems, with_n)
        notes.append(f"{plural(len(with_n), 'ASV')} with ambiguous bases ({num_ambiguous:,} in all), read as N")
    problems.raise_if_any()
    return list(sequences), notes


def _check_lengths(problems: Problems, sequences: Sequence[str], max_bp: int | None) -> None:
    most = min(max_bp or limits().sequence_bases, limits().sequence_bases)
    lengths = [len(sequence) for sequence in sequences]
    if min(lengths) < FEWEST_BASES:
        short = [sequence for sequence in sequences if len(sequence) < FEWEST_BASES]
        problem = f"{plural(len(short), 'ASV')} shorter than {FEWEST_BASES} bases (first: '{short[0]}')"
        problems.add(problem, "leave them out of the table")
    if max(lengths) > most:
        number = sum(1 for length in lengths if length > most)
        limit = f"--max-bp {most}" if most == max_bp else f"{most:,} bases"
        problem = f"{plural(number, 'ASV')} longer than {limit} (longest {max(lengths):,})"
        problems.add(problem, f"--trim-length {most} cuts them")


def _check_ambiguity(problems: Problems, with_n: Sequence[str]) -> None:
    wrong = [sequence for sequence in with_n if sequence.count("N") > LARGEST_AMBIGUITY * len(sequence)]
    if wrong:
        first = f"{shorten(wrong[0])}: {wrong[0].count('N')} of {len(wrong[0])}"
        problem = f"{plural(len(wrong), 'ASV')} with more than {LARGEST_AMBIGUITY:.0%} ambiguous bases (first: {first})"
        problems.add(problem, "leave them out of the table")
