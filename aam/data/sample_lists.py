"""Lists of samples that say which part each sample is in."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from pathlib import Path

from aam.config import SplitOptions
from aam.errors import Attempts, InputError, Problems
from aam.files.text import plural, read_ids, shorten


def read_lists(options: SplitOptions) -> list[tuple[Path, list[str]]]:
    """The lists of samples that are given, with their files.

    Raises
    ------
    InputError
        With what is wrong with each that cannot be read.
    """
    attempt, lists = Attempts(), []
    for path in (options.train_samples, options.val_samples, options.test_samples):
        if path is not None:
            lists.append((path, attempt(partial(read_ids, path)) or []))
    attempt.raise_if_any()
    return lists


def check_lists(lists: Sequence[tuple[Path, list[str]]], known: set[str]) -> None:
    """Refuse samples that are not in the table, and those in two lists.

    Raises
    ------
    InputError
        With what is wrong with each list.
    """
    part_of: dict[str, Path] = {}
    found: list[str] = []
    for path, ids in lists:
        problems = Problems(path)
        if shared := [sample_id for sample_id in ids if sample_id in part_of]:
            problem = f"{plural(len(shared), 'sample')} also in {part_of[shared[0]].name} (first: {shorten(shared[0])})"
            problems.add(problem, "each may be in one part")
        if unknown := [sample_id for sample_id in ids if sample_id not in known]:
            first = shorten(unknown[0])
            problem = f"{len(unknown):,} of {plural(len(ids), 'sample')} not in the table (first: {first})"
            problems.add(problem, "take them out of the list")
        part_of |= dict.fromkeys(ids, path)
        found += problems.lines
    if found:
        raise InputError.of(tuple(found))
