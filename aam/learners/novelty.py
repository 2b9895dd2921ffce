"""How much of a sample a model has not seen: reads of new ASVs, and how far these are from the known ones."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from aam.text import plural

if TYPE_CHECKING:
    from aam.data.study.study import Study
    from aam.learners.reference import Reference

FAR = 0.5
"""Share of its words of six bases from which on a new ASV is far from all known ones."""


def familiar_reads(reference: Reference, study: Study, rows: np.ndarray) -> np.ndarray:
    """Share of each sample's reads that are of known ASVs (``B``)."""
    reads = reference.reads_of(study, rows)
    known: np.ndarray = np.asarray(reads.exact.sum(axis=1), dtype=np.float64).ravel() / reads.total
    return known


def novelty(reference: Reference, study: Study, rows: np.ndarray) -> np.ndarray:
    """Distance of each sample's reads from the nearest known ASV, on average (``B``).

    A read of a known ASV is at 0, one that shares no word of six bases with any at 1.
    """
    counts, distance = study.table.counts[rows], reference.placement(study).distance
    found: np.ndarray = np.asarray(counts @ distance).ravel() / np.asarray(counts.sum(axis=1)).ravel()
    return found


def novelty_lines(reference: Reference | None, study: Study, rows: np.ndarray) -> list[str]:
    """What the log says of the ASVs of some samples; nothing where all are known.

    Parameters
    ----------
    reference
        What the model knows; None for one that compares nothing.
    study, rows
        The study, and which of its samples.
    """
    if reference is None or not len(rows):
        return []
    counts = study.table.counts[rows]
    present = np.unique(counts.indices)
    placement = reference.placement(study)
    distance = placement.distance[present]
    is_new = placement.known[present] < 0
    if not is_new.any():
        return []
    share = 1 - float(familiar_reads(reference, study, rows).mean())
    far = int((distance > FAR).sum())
    told = f", {far:,} of them far from all known ones" if far else ""
    nearest = f"; each counts with its nearest known ASV (median distance {np.median(distance[is_new]):.2f}){told}"
    return [
        f"new to the model: {plural(int(is_new.sum()), 'ASV')} of {len(present):,}, {share:.1%} of a sample's reads on "
        f"average{nearest if reference.has_dna else ''}"
    ]
