"""What to say of labels: those that differ only in how they are written, and a class that counts as missing."""

from __future__ import annotations

import re
import unicodedata
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence

import numpy as np

from aam.data.readers.metadata import Metadata
from aam.data.readers.metadata_values import NUMBER, folded
from aam.text import plural, shorten

PERHAPS_NAMES = ("na", "nan", "null")
"""Words for a missing value that may be names as well: sodium, North America."""
BETWEEN_WORDS = re.compile(r"[\s_-]+")


def label_notes(metadata: Metadata, targets: Mapping[str, np.ndarray], groups: Sequence[str]) -> list[str]:
    """Notes of classes, and of labels of other columns, that differ only in how they are written.

    Parameters
    ----------
    metadata
        The metadata.
    targets
        Column -> what is predicted: numbers, or labels.
    groups
        Other columns of labels; those that are not in the metadata are passed over.
    """
    labels = {name: (values, "classes") for name, values in targets.items() if values.dtype == object}
    for name in groups:
        if name in metadata.columns:
            labels.setdefault(name, (metadata.labels(name), "groups"))
    notes = (alike_note(name, values, what) for name, (values, what) in labels.items())
    return [note for note in notes if note]


def kept_word_note(metadata: Metadata, column: str, labels: np.ndarray, missing: Sequence[str]) -> str:
    """A note of cells of a column of classes that count as missing and may be a class; empty where there are none."""
    asked, cells = folded(missing), metadata.column(column)
    left_out = Counter(str(cell) for cell, label in zip(cells, labels, strict=True) if label == "" and cell != "")
    words = [word for word in left_out if word.casefold() in PERHAPS_NAMES and word.casefold() not in asked]
    if not words:
        return ""
    number = f"{plural(left_out[words[0]], 'cell')} '{words[0]}'"
    return f"column '{shorten(column)}': {number} taken as missing; --not-missing {words[0]} keeps it as a class"


def alike_note(column: str, labels: Iterable[str], what: str) -> str:
    """A note of labels that differ only in case, blanks or the form of a number; empty where there are none.

    Parameters
    ----------
    column
        The column.
    labels
        Its labels, once or several times each; empty ones are missing.
    what
        What labels are, in the plural: ``classes``, ``groups``.
    """
    written: dict[str | float, list[str]] = {}
    for label in sorted(set(labels) - {""}):
        written.setdefault(_form(label), []).append(label)
    several = [same for same in written.values() if len(same) > 1]
    if not several:
        return ""
    first, second = (f"'{shorten(label)}'" for label in several[0][:2])
    more = f" ({plural(len(several), 'such case')})" if len(several) > 1 else ""
    return (
        f"column '{shorten(column)}': {first} and {second} differ only in how they are written{more}, "
        f"and count as different {what}"
    )


def _form(label: str) -> str | float:
    """What is left of a label without its case, its blanks and the form of a number."""
    if NUMBER.fullmatch(label):
        return float(label)
    return BETWEEN_WORDS.sub(" ", unicodedata.normalize("NFKC", label).casefold()).strip()
