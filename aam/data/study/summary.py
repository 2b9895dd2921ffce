"""A study and its split in plain words, for the log."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from aam.data.counts.blocks import is_large, size_words
from aam.data.readers.computable import stand_in_line
from aam.data.readers.sharing import LOUD
from aam.data.study.split import Split
from aam.data.study.study import FlowStep, Study
from aam.text import plural


def describe(study: Study, split: Split | None = None) -> list[str]:
    """One line per fact: samples and ASVs kept and dropped, with the reason; reads, lengths and split sizes."""
    table = study.table
    reads = np.asarray(table.counts.sum(axis=1)).ravel()
    richness = np.diff(table.counts.indptr)
    lines = [_flow_line(step) for step in study.flow if step.dropped]
    lines.append(f"{len(study):,} samples of {len(study.table_ids):,} and {len(study.lengths):,} ASVs are kept")
    lines.append(f"reads per sample: {spread(reads)}")
    lines.append(f"ASVs per sample: {spread(richness)}")
    lines += [f"counts: {size_words(table.counts)}"] if is_large(table.counts) else []
    lines += [f"bases per ASV: {spread(study.lengths)}"] if study.has_dna else []
    depth = "all reads are used" if study.rarefy_depth is None else f"{study.rarefy_depth:,} reads are drawn from each"
    lines.append(f"rarefaction: {depth}")
    if split is not None:
        lines.append("split: " + ", ".join(f"{len(rows):,} {name}" for name, rows in split.parts().items()))
        lines.extend(split.notes)
    return [*lines, *_stand_ins(study), *study.notes]


def _stand_ins(study: Study) -> Iterator[str]:
    """Numbers of the targets that seem to stand for missing ones."""
    for column, values in study.targets.items():
        if values.dtype == np.float64 and (line := stand_in_line(column, values[~np.isnan(values)])):
            yield line


def has_warnings(study: Study) -> bool:
    """Whether the notes say that results would be wrong."""
    return any(note.startswith(LOUD) for note in study.notes)


def spread(values: np.ndarray) -> str:
    """Least, median and largest of some whole numbers, or the one value that they all have."""
    low, middle, high = (round(float(v)) for v in np.quantile(values, [0, 0.5, 1]))
    return f"{low:,}" if low == high else f"{low:,} to {high:,}, median {middle:,}"


def _flow_line(step: FlowStep) -> str:
    more = ", ..." if step.dropped > len(step.examples) else ""
    return f"{step.step}: {plural(step.dropped, 'sample')} dropped: {step.reason} ({', '.join(step.examples)}{more})"
