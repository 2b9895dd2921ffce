"""Ranges of ordered classes that grow from the most probable one.

A range begins as the most probable class and takes in, one after the other, the more probable of its two neighbours:
so it is always without gaps, and of two ranges of a sample one holds the other. What it holds before a class joins is
the score of that class: ordinal adaptive prediction sets, calibrated by split conformal prediction.

Legend of shapes: ``B`` samples, ``C`` classes from low to high.

References
----------
Lu, Angelopoulos, Pomerantz (2022), Improving trustworthiness of AI disease severity rating in medical imaging with
ordinal conformal prediction sets, arXiv:2207.02238 (algorithm 1).
"""

from __future__ import annotations

import numpy as np


def held_before(probabilities_BC: np.ndarray) -> np.ndarray:
    """Probability that the growing range of each sample holds before each class joins it.

    Parameters
    ----------
    probabilities_BC
        Probabilities, in the order of the classes.

    Returns
    -------
    numpy.ndarray
        ``B x C`` (float64): 0 for the most probable class, and the larger the later a class joins. Of neighbours that
        are equally probable the lower one joins first.
    """
    shares_BC = np.asarray(probabilities_BC, dtype=np.float64)
    rows, size = np.arange(len(shares_BC)), shares_BC.shape[1]
    padded = np.pad(shares_BC, ((0, 0), (1, 1)), constant_values=-1.0)  # a class beyond the ends never joins first
    low_B = shares_BC.argmax(axis=1)
    high_B = low_B.copy()
    found_BC = np.zeros_like(shares_BC)
    held_B = shares_BC[rows, low_B]
    for _ in range(size - 1):
        below_B, above_B = padded[rows, low_B], padded[rows, high_B + 2]
        goes_down = below_B >= above_B
        joins_B = np.where(goes_down, low_B - 1, high_B + 1)
        found_BC[rows, joins_B] = held_B
        held_B = held_B + shares_BC[rows, joins_B]
        low_B, high_B = np.where(goes_down, joins_B, low_B), np.where(goes_down, high_B, joins_B)
    return found_BC
