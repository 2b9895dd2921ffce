"""Columns of the metadata that look like groups of samples: subjects, plots, cages.

Samples of one subject are alike. Where they lie on both sides of a split, a model can recognise the subject, and
figures are better than for a new one.
"""

from __future__ import annotations

import re
from collections.abc import Collection
from typing import NamedTuple

import numpy as np

from aam.data.readers.metadata import Metadata
from aam.data.readers.metadata_values import NUMBER
from aam.text import shorten

UNITS = (
    "subject|host|patient|participant|individual|indiv|donor|person|volunteer|child|infant|baby|mother|family|household|"
    "twin|animal|mouse|rat|pig|dog|cat|cow|horse|frog|fish|bird|cage|pen|tank|litter|herd|colony|plot|pot|tree|cadaver|"
    "body|study"
)
NUMBERED = "id|no|nr|num|number|code|name|identifier|randomization_number"
USUAL = re.compile(
    rf"(?:[a-z]+_)?(?:(?:{UNITS})_?(?:{NUMBERED})|(?:{UNITS})_(?:{UNITS})_?(?:{NUMBERED})|(?:{UNITS})|[a-z]+_?id)s?",
    re.IGNORECASE,
)
NOT_GROUPS = re.compile(
    r".*(?:body.?site|common.name|scientific.name|sample.?(?:id|name|no)|date|time|descri|note|cohort|qiita.study).*|"
    r"(?:sample|run|barcode|plate|well|lib|library|(?:mi)?seq|site|domain|pool|taxon|assembly|shared)_?id",
    re.IGNORECASE,
)
DATE = re.compile(r"\d{1,4}[-/.]\d{1,2}(?:[-/.]\d{1,4})?(?:[ T]\d.*)?")
LEAST = 3
LEAST_UNNAMED = 8
MOST_SHARE_UNNAMED = 1 / 3
REPEATED = 0.9


class Grouping(NamedTuple):
    """A column that looks like groups: its name, and how many values it has for how many samples."""

    column: str
    groups: int
    samples: int

    @property
    def words(self) -> str:
        """What to do about it, in one line."""
        name = shorten(self.column)
        quoted = f"'{self.column}'" if re.search(r"[^\w.-]", self.column) else self.column
        return (
            f"column '{name}' looks like groups of samples ({self.groups:,} values in {self.samples:,} samples): "
            f"--group-column {quoted} keeps each on one side; without it, figures may be better than for a new one"
        )


def likely_grouping(sheet: Metadata, left_out: Collection[str] = ()) -> Grouping | None:
    """The column that looks most like groups of samples.

    A usual name (subject, host, patient, plot, cage, perhaps as an id) goes first; else a column of texts, few of which
    occur once. Of several, the one that most samples have, and of these the one with most values.

    Parameters
    ----------
    sheet
        The metadata of the samples that are used.
    left_out
        Columns that are something else: targets.

    Returns
    -------
    Grouping or None
        None where there is none.
    """
    found = [(name, labels) for name in sheet.columns if name not in left_out and len(labels := sheet.labels(name))]
    named = [one for name, labels in found if (one := _named(name, labels)) is not None]
    unnamed = [] if named else [one for name, labels in found if (one := _unnamed(name, labels)) is not None]
    return max(named or unnamed, key=lambda one: (one.samples, one.groups), default=None)


def group_labels(sheet: Metadata, column: str) -> np.ndarray:
    """Group of each sample (object); one without a value stands for itself.

    Raises
    ------
    InputError
        If there is no such column.
    """
    labels = sheet.labels(column)
    alone = [f"(no {column}: {sample_id})" for sample_id in sheet.sample_ids]
    return np.where(labels == "", alone, labels).astype(object)


def _named(name: str, labels: np.ndarray) -> Grouping | None:
    known = labels[labels != ""].astype(str)
    if not USUAL.fullmatch(re.sub(r"[\s.-]+", "_", name)) or NOT_GROUPS.fullmatch(name):
        return None
    groups = len(np.unique(known))
    is_one = groups >= LEAST and 2 * len(known) >= 3 * groups and 2 * len(known) >= len(labels)
    return Grouping(name, groups, len(known)) if is_one else None


def _unnamed(name: str, labels: np.ndarray) -> Grouping | None:
    if NOT_GROUPS.fullmatch(name) or (labels == "").any():
        return None
    values, counts = np.unique(labels.astype(str), return_counts=True)
    if not LEAST_UNNAMED <= len(values) <= MOST_SHARE_UNNAMED * len(labels):
        return None
    is_repeated = counts[counts > 1].sum() >= REPEATED * len(labels)
    is_text = not any(DATE.fullmatch(value) or NUMBER.fullmatch(value) for value in values)
    return Grouping(name, len(values), len(labels)) if is_repeated and is_text else None
