from __future__ import annotations

import numpy as np
import pytest

from aam.data.readers.alike import alike_note, kept_word_note, label_notes
from aam.data.readers.metadata import Metadata


def column(*cells: str) -> Metadata:
    ids = np.array([f"s{number}" for number in range(len(cells))], dtype=object)
    return Metadata("m.tsv", ids, {"c": np.array(cells, dtype=object)}, ())


@pytest.mark.parametrize(
    "labels",
    [
        ("p1", "P1"),
        ("3", "3.0"),
        ("left palm", "left  palm"),
        ("left_palm", "Left palm"),
        ("1E2", "100"),
        ("\uff41", "a"),
    ],
)
def test_labels_that_differ_in_writing_alone_are_noted(labels: tuple[str, ...]) -> None:
    first, second = sorted(labels)
    assert alike_note("c", [*labels, "other", ""], "groups") == (
        f"column 'c': '{first}' and '{second}' differ only in how they are written, and count as different groups"
    )


@pytest.mark.parametrize("labels", [("p1", "p2"), ("3", "-3"), ("leftpalm", "left palm"), ("a", "b", "a")])
def test_other_labels_are_not_noted(labels: tuple[str, ...]) -> None:
    assert alike_note("c", labels, "groups") == ""


def test_classes_and_groups_are_looked_at_and_numbers_are_not() -> None:
    metadata = column("p1", "P1", "3", "3.0")
    values = {"c": metadata.labels("c"), "n": np.array([1.0, 1.0, 2.0, 3.0])}
    (note,) = label_notes(metadata, values, ())
    assert note.endswith("are written (2 such cases), and count as different classes")
    (note,) = label_notes(metadata, {}, ("c", "made of tables"))
    assert note.endswith("count as different groups")


def test_a_missing_word_that_may_be_a_class_is_noted() -> None:
    metadata = column("NA", "K", "NA", "not collected", "")
    note = kept_word_note(metadata, "c", metadata.labels("c"), ())
    assert note == "column 'c': 2 cells 'NA' taken as missing; --not-missing NA keeps it as a class"
    assert kept_word_note(metadata, "c", metadata.labels("c", ["na"]), ["na"]) == ""
