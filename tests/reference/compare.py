"""Compares numbers with those that are stored: to the last digit, or as nearly as other processors come.

Where a processor rounds otherwise, training amplifies it. So what was trained may differ by a share, and what jumps
when a number changes a little (ranks, counts of truths held, the order of the report's worst samples) is compared to
the last digit alone.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple


class Tolerance(NamedTuple):
    """How far a number may be off: by a share of the stored one, or absolutely."""

    share: float
    absolute: float = 0.0


TRAINED = Tolerance(1e-3, 1e-3)
COMPUTED = Tolerance(1e-9, 1e-12)
PREDICTED = Tolerance(1e-4, 1e-5)
"""Without training, by a stored model."""
# A weight whose gradient is zero but for rounding, such as a shift of all vectors that no head sees, takes Adam's full
# steps to either side.
WEIGHTS = Tolerance(1e-2, 0.5)
VECTORS = Tolerance(1e-2, 0.05)
OF_SECTION = {
    "weights": WEIGHTS,
    "embeddings": VECTORS,
    "transform": VECTORS,
    "forest_predictions.tsv": COMPUTED,
    "cv_forest_predictions.tsv": COMPUTED,
    "predictions": PREDICTED,
}
OF_CASE = {"distance_matrices": COMPUTED, "random_forest": COMPUTED, "simulation": COMPUTED}
ONLY_EXACT = re.compile(r"/(report/\d+|cv_metrics\.tsv|coverage/[^/]+/found|\w+_spearman|weights/\d+/sha256)(/|$)")


def differences(case: str, expected: Mapping[str, Any], found: Mapping[str, Any], exact: bool) -> list[str]:
    """Where a case differs from what is stored, each as one line.

    Parameters
    ----------
    case
        Its name.
    expected, found
        The stored numbers and those of now, by section.
    exact
        Whether every digit must be the same.
    """
    lines = []
    for section, stored in expected.items():
        now = found.get(section)
        place = f"{case}/{section}"
        if now is None:
            lines.append(f"{place}: is missing")
        elif section == "files":
            lines += [f"{place}: {name} is missing" for name in sorted(set(stored) - set(now))]
        else:
            if section == "weights":
                stored, now = _without_names(stored), _without_names(now)
            tolerance = None if exact else OF_CASE.get(case, OF_SECTION.get(section, TRAINED))
            lines += _differences(place, stored, now, tolerance)
    return lines


def _without_names(tensors: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Tensors in an order that does not depend on their names, which a rebuilt model may change."""
    bare = [{key: value for key, value in tensor.items() if key != "name"} for tensor in tensors]
    return sorted(bare, key=lambda tensor: (tensor["shape"], tensor["magnitude"], tensor["sum"]))


def _differences(place: str, stored: Any, now: Any, tolerance: Tolerance | None) -> Iterator[str]:
    if tolerance is not None and ONLY_EXACT.search(place):
        return
    if isinstance(stored, dict) and isinstance(now, dict):
        if list(stored) != list(now):
            yield f"{place}: {list(stored)} is stored, {list(now)} found"
            return
        for name in stored:
            yield from _differences(f"{place}/{name}", stored[name], now[name], tolerance)
    elif isinstance(stored, list) and isinstance(now, list):
        if len(stored) != len(now):
            yield f"{place}: {len(stored)} values are stored, {len(now)} found"
            return
        for number, (before, after) in enumerate(zip(stored, now, strict=True)):
            yield from _differences(f"{place}/{number}", before, after, tolerance)
    elif not _same(stored, now, tolerance):
        yield f"{place}: {stored!r} is stored, {now!r} found"


def _same(stored: Any, now: Any, tolerance: Tolerance | None) -> bool:
    if stored == now or (stored != stored and now != now):
        return True
    before, after = _number(stored), _number(now)
    if tolerance is None or before is None or after is None:
        return False
    return math.isclose(before, after, rel_tol=tolerance.share, abs_tol=tolerance.absolute)


def _number(value: Any) -> float | None:
    """The number that a value is, or that a cell of a table says."""
    if isinstance(value, bool) or not isinstance(value, (int, float, str)):
        return None
    try:
        return float(value)
    except ValueError:
        return None
