"""Sequences that evolve along a tree, with conserved and variable regions as in a 16S amplicon."""

from __future__ import annotations

import numpy as np

from aam.simulation.tree import SimulatedTree

LETTERS = np.frombuffer(b"ACGT", dtype=np.uint8)
FREQUENCIES = np.array([0.25, 0.23, 0.31, 0.21])
WITHIN_GROUP_RATIO = 2.0
RATE_SHAPE = 0.5
REGION = 9
ROWS_AT_ONCE = 16_384


def simulate_sequences(tree: SimulatedTree, length: int, rng: np.random.Generator) -> list[str]:
    """Evolve one sequence from the root to every tip; all tips differ.

    The model is F84 (Felsenstein and Churchill 1996, Mol. Biol. Evol. 13:93), simulated exactly: transitions are
    more frequent than transversions, base frequencies are unequal, and each site has its own rate.

    Parameters
    ----------
    tree
        Branch lengths are expected substitutions per site.
    length
        Number of bases.
    rng
        Source of the random numbers.

    Returns
    -------
    list of str
        DNA of each tip, from left to right.
    """
    rates = site_rates(length, rng)
    codes = np.empty((len(tree.parent), length), dtype=np.uint8)
    codes[-1] = _draw_bases(rng.random(length))
    for level in tree.levels:
        for start in range(0, len(level), ROWS_AT_ONCE):
            nodes = level[start : start + ROWS_AT_ONCE]
            codes[nodes] = _evolve(codes[tree.parent[nodes]], tree.length[nodes, None] * rates, rng)
    tips = codes[tree.tips]
    _make_distinct(tips, rates, rng)
    return [sequence.decode() for sequence in _text(tips).tolist()]


def site_rates(length: int, rng: np.random.Generator) -> np.ndarray:
    """Relative rate of each site, of mean 1: gamma-distributed, slow and fast sites in runs along the sequence."""
    noise = rng.standard_normal(length + REGION - 1)
    trend = np.convolve(noise, np.full(REGION, 1.0 / REGION), mode="valid")
    rates = np.sort(rng.gamma(RATE_SHAPE, 1.0, length))[np.argsort(np.argsort(trend))]
    return rates / rates.mean()


def _evolve(codes: np.ndarray, time: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Sequences at the lower end of branches; ``codes`` and ``time`` are (nodes, L), time in substitutions per site.

    A replacement event draws a base from all four, an event within a group from the purines or the pyrimidines only;
    a base may be replaced by itself. Of many events on one branch only the last general one, or else any one within
    the group, matters.
    """
    general_rate = 1.0 / _substitutions_per_event()
    general = rng.random(codes.shape) < -np.expm1(-general_rate * time)
    within = rng.random(codes.shape) < -np.expm1(-general_rate * WITHIN_GROUP_RATIO * time)
    within &= ~general
    evolved = codes.copy()
    evolved[general] = _draw_bases(rng.random(np.count_nonzero(general)))
    group = codes[within] % 2
    first_share = FREQUENCIES[:2] / (FREQUENCIES[:2] + FREQUENCIES[2:])
    evolved[within] = np.where(rng.random(len(group)) < first_share[group], group, group + 2)
    return evolved


def _substitutions_per_event() -> float:
    """Substitutions per unit of time where general events come at rate 1."""
    group = np.tile(FREQUENCIES[:2] + FREQUENCIES[2:], 2)
    within = np.sum(FREQUENCIES * (1.0 - FREQUENCIES / group))
    return float(1.0 - np.sum(FREQUENCIES**2) + WITHIN_GROUP_RATIO * within)


def _draw_bases(uniform: np.ndarray) -> np.ndarray:
    return np.searchsorted(np.cumsum(FREQUENCIES)[:-1], uniform, side="right").astype(np.uint8)


def _make_distinct(codes: np.ndarray, rates: np.ndarray, rng: np.random.Generator) -> None:
    """Substitute further bases, in place, in sequences that an earlier tip has too, until none is left."""
    share = rates / rates.sum()
    while True:
        _, first = np.unique(_text(codes), return_index=True)
        repeated = np.setdiff1d(np.arange(len(codes)), first)
        if not len(repeated):
            return
        sites = rng.choice(len(rates), len(repeated), p=share)
        step = rng.integers(1, len(LETTERS), len(repeated))
        codes[repeated, sites] = (codes[repeated, sites] + step) % len(LETTERS)


def _text(codes: np.ndarray) -> np.ndarray:
    return LETTERS[codes].view(f"S{codes.shape[1]}").ravel()
