"""Tests corrected for their number."""

from __future__ import annotations

import numpy as np
from scipy.stats import false_discovery_control


def corrected(p_T: np.ndarray) -> np.ndarray:
    """P values corrected for the number of those that are defined; NaN where one is not.

    References
    ----------
    Benjamini, Hochberg (1995), doi:10.1111/j.2517-6161.1995.tb02031.x.
    """
    found = np.full(len(p_T), np.nan)
    is_known = np.isfinite(p_T)
    if is_known.any():
        found[is_known] = false_discovery_control(p_T[is_known])
    return found
