"""What an encoder adds to ASVs and clades: predictions of held-out groups, kept in files."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from benchmarks.encoder.features import Features
from benchmarks.encoder.ridge import (
    Held,
    folds_of,
    held_out,
    linear_kernel,
    mean_of,
    radial_kernel,
    score,
    stack_of,
)
from benchmarks.encoder.studies import Judged

KERNELS = {"lin": linear_kernel, "rbf": radial_kernel}
PLAIN, SOFT = ("C", "D"), "K"
Predictions = dict[str, Held]
"""Predictions by kernel and features, such as ``rbfD``."""


def predictions(features: Features, judged: Judged, seed: int) -> Predictions:
    """Predictions by the linear and the radial kernel of each of the features."""
    fold_of = folds_of(judged, seed)
    return {
        f"{kernel}{letter}": held_out(make(values), judged, fold_of)
        for letter, values in features.items()
        for kernel, make in KERNELS.items()
    }


def kept(path: Path, found: Predictions) -> Predictions:
    """Write predictions into a file, and give them back."""
    path.parent.mkdir(parents=True, exist_ok=True)
    arrays = {f"{name}.{part}": getattr(one, part) for name, one in found.items() for part in ("outer", "inner")}
    np.savez(path, **arrays)
    return found


def read_kept(path: Path) -> Predictions:
    """Predictions from a file of :func:`kept`."""
    with np.load(path) as arrays:
        names = dict.fromkeys(name.split(".")[0] for name in arrays.files)
        return {name: Held(arrays[f"{name}.outer"], arrays[f"{name}.inner"]) for name in names}


def scores(judged: Judged, seed: int, plain: Predictions, learned: Mapping[str, Held]) -> dict[str, float]:
    """How good the parts and their sums are.

    A letter is the mean of the two kernels of its features; ``CD`` the mean of the four kernels without an encoder;
    with a plus an encoder's two are joined; ``CT`` has the encoder's clades in place of those of the DNA. ``stack`` has
    weights from inner folds, and ``weight`` is what they give to the encoder's two kernels in all.
    """
    fold_of = folds_of(judged, seed)
    base = _of(plain, PLAIN)
    found = {letter: score(mean_of(_of(plain, letter)), judged) for letter in (*PLAIN, SOFT)}
    found["CD+K"] = score(mean_of([*base, *_of(plain, SOFT)]), judged)
    found["CD"] = score(mean_of(base), judged)
    found["stack CD"] = score(stack_of(base, judged, fold_of)[0], judged)
    letters = sorted({name[3:] for name in learned})
    for letter in letters:
        mine = _of(learned, letter)
        found[letter] = score(mean_of(mine), judged)
        found[f"CD+{letter}"] = score(mean_of([*base, *mine]), judged)
    found["CT"] = score(mean_of([*_of(plain, "C"), *_of(learned, "T")]), judged)
    found["CD+TS"] = score(mean_of([*base, *_of(learned, "TS")]), judged)
    for letter in ("E", "S"):
        predicted, weights = stack_of([*base, *_of(learned, letter)], judged, fold_of)
        found[f"stack CD+{letter}"] = score(predicted, judged)
        found[f"weight {letter}"] = float(weights[len(base) :].sum())
    return found


def _of(found: Mapping[str, Held], letters: Sequence[str]) -> list[Held]:
    return [found[f"{kernel}{letter}"] for letter in letters for kernel in KERNELS]
