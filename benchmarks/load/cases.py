"""The cases: what is made, what is measured, and at which sizes."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from benchmarks.load.child import Row, in_child

Sizes = Mapping[str, int]
Run = Callable[[str, Path, Mapping[str, Any]], Row]


@dataclass(frozen=True)
class Case:
    """One promise and how it is tried.

    Attributes
    ----------
    title
        What it is about.
    promise
        In words.
    make
        Module and name of the function that writes the inputs.
    parts
        Module and name of each measurement, and its arguments besides the sizes.
    full, small
        Sizes of the promise, or as near as a workstation allows; and of the tests.
    """

    title: str
    promise: str
    make: str
    parts: tuple[tuple[str, Mapping[str, Any]], ...]
    full: Sizes
    small: Sizes = field(default_factory=dict)


WAYS: tuple[tuple[str, Mapping[str, Any]], ...] = tuple(
    ("tables.read", {"way": way}) for way in ("anew", "cold", "warm")
)
STARTS = tuple(
    ("steps.start", {"command": command, "part": part, "steps": 6})
    for command, parts in (("pretrain", ("few", "cold", "warm")), ("train", ("few", "warm")))
    for part in parts
)
STREAMED: tuple[tuple[str, Mapping[str, Any]], ...] = (
    ("streaming.read", {}),
    *(("streaming.command", {"name": name}) for name in ("unifrac", "pretrain", "train", "explain", "predict")),
)


def _streamed(samples: int, asvs: int, files: int, small: Sizes | None = None) -> Case:
    """A table in files that are never one in memory."""
    return Case(
        f"{samples:,} samples in {files} file{'s' if files > 1 else ''}",
        "every command in 4 GB, without the files ever being one in memory",
        "streaming.make_parts",
        STREAMED,
        {"samples": samples, "asvs": asvs, "each": 100, "files": files},
        small or {},
    )


CASES = {
    "L1": Case(
        "EMP-like table",
        "read in 60 s and 3 GB",
        "tables.make_table",
        WAYS,
        {"samples": 27_000, "asvs": 300_000, "each": 1_852},
        {"samples": 1_000, "asvs": 10_000, "each": 500},
    ),
    "L2": Case(
        "large meta-study (a fifth of 1 G counts)",
        "1 G counts in 16 GB",
        "tables.make_table",
        WAYS,
        {"samples": 300_000, "asvs": 1_000_000, "each": 667},
        {"samples": 8_000, "asvs": 2_000, "each": 120},
    ),
    "L3": Case(
        "widest samples",
        "memory of a step is bounded by the token limit",
        "steps.make_wide",
        (("steps.step", {}),),
        {"asvs": 50_000, "token_limit": 1_024, "width": 128},
        {"asvs": 2_000, "token_limit": 100, "width": 32},
    ),
    "L4": Case(
        "tree of a million tips",
        "10 s, 200 MB beyond its text",
        "trees.make_bush",
        (("trees.read", {}),),
        {"tips": 1_000_000},
        {"tips": 60_000},
    ),
    "L5": Case(
        "Greengenes2-size tree (a quarter of 20 M tips)",
        "as L4 a tip; 20 M tips in 5 min and 4 GB",
        "trees.make_bush",
        (("trees.read", {}),),
        {"tips": 5_000_000},
    ),
    "L6": Case(
        "ladder",
        "linear time, no recursion",
        "trees.make_ladder",
        (("trees.climb", {}),),
        {"tips": 1_000_000},
        {"tips": 40_000},
    ),
    "L7": Case(
        "UniFrac of a batch",
        "50 ms; equal to scikit-bio",
        "trees.make_bush",
        (("trees.batch", {"pool": 5_000, "exact": False}), ("trees.batch", {"pool": 300_000, "exact": False})),
        {"tips": 300_000},
    ),
    "L7-exact": Case(
        "UniFrac of a batch on a smaller tree",
        "50 ms; equal to scikit-bio",
        "trees.make_bush",
        (("trees.batch", {"pool": 5_000, "exact": True}),),
        {"tips": 5_000},
        {"tips": 400},
    ),
    "L8": Case(
        "stored distances",
        "mapped, rows on demand",
        "distances.make_array",
        (("distances.mapped", {}),),
        {"samples": 27_000},
        {"samples": 600},
    ),
    "L8-whole": Case(
        "stored distances that cannot be mapped",
        "read as a whole",
        "distances.make_others",
        (("distances.whole", {"name": "matrix.h5"}), ("distances.whole", {"name": "matrix.tsv"})),
        {"samples": 5_000},
        {"samples": 300},
    ),
    "L9": Case(
        "cache of ASV vectors",
        "mapped, whole or not at all",
        "vectors.make_vectors",
        (("vectors.keep", {}), ("vectors.find", {})),
        {"asvs": 2_000_000, "width": 128},
        {"asvs": 50_000, "width": 64},
    ),
    "L10": Case(
        "prediction",
        "memory constant in samples",
        "predictions.make_model",
        (("predictions.predict", {}), ("predictions.stream", {})),
        {"samples": 100_000},
        {"samples": 3_000},
    ),
    "million": Case(
        "a million samples, half a million ASVs",
        "trains in 4 GB, starts in 60 s, steps as quick as on a small study",
        "steps.make_study",
        STARTS,
        {"samples": 1_000_000, "asvs": 500_000, "each": 50},
    ),
    "parts-1k": _streamed(1_000, 5_000, 10, {"samples": 300, "asvs": 400, "each": 20, "files": 3}),
    "parts-10k": _streamed(10_000, 20_000, 10),
    "parts-100k": _streamed(100_000, 100_000, 10),
    "parts-1m": _streamed(1_000_000, 500_000, 10),
    "whole-1m": _streamed(1_000_000, 500_000, 1),
}


def run_case(name: str, folder: Path, *, small: bool = False, run: Run = in_child) -> Iterator[Row]:
    """Make the inputs of a case, and measure each of its parts in a process of its own; the inputs are removed.

    Parameters
    ----------
    name
        Of :data:`CASES`.
    folder
        Takes the inputs.
    small
        At the size of the tests.
    run
        Calls a function in a process of its own.
    """
    case = CASES[name]
    sizes = case.small if small else case.full
    place = folder / name
    place.mkdir(parents=True)
    try:
        run(case.make, place, sizes)
        for measurement, more in case.parts:
            yield run(measurement, place, {**sizes, **more})
    finally:
        shutil.rmtree(place, ignore_errors=True)
