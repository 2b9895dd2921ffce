"""Report section on the test samples that are unlike the training samples."""

from __future__ import annotations

from collections import Counter
from functools import partial

import numpy as np

from aam.data.targets.kinds import Predictions
from aam.evaluation.catalogue import metric, percent, value_of
from aam.evaluation.metrics import score
from aam.evaluation.run_results import NoveltyRecord, RunRecord
from aam.learners.novelty.familiarity import RATE
from aam.report.figures.novelty import novelty_chart
from aam.report.html import Cell, Picture, Section, Table
from aam.text import plural

LEAST_COMPARED = 5
"""Samples of a kind without which their metric is not shown."""


def novelty_section(record: RunRecord) -> Section | None:
    """How many test samples are unlike those of training, why, and how well these are predicted."""
    found = record.novelty
    if found is None or not np.isfinite(found.novelty_N).any():
        return None
    is_new = found.novelty_N > 1
    number, known = int(is_new.sum()), int(np.isfinite(found.novelty_N).sum())
    text = [
        f"{number:,} of {plural(known, 'test sample')} ({percent(number / known)}) "
        f"{'is' if number == 1 else 'are'} unlike the training samples; {percent(RATE)} are expected where test and "
        "training samples are alike.",
        f"On average {percent(float(np.nanmean(found.familiar_N)))} of a sample's reads are of ASVs known from "
        "training.",
    ]
    draw = partial(novelty_chart, found.novelty_N, found.familiar_N)
    caption = (
        "Left: novelty, above 1 (dashed line) where a sample is unlike the training samples. Right: share of its reads "
        "that are of ASVs known from training."
    )
    picture = Picture("novelty", draw, "Histograms of novelty and of familiar reads", caption)
    tables = [table for table in (_warnings(found), _errors(record, found, is_new)) if table is not None]
    return Section("novelty", "Novelty of the test samples", text, pictures=[picture], tables=tables)


def _warnings(found: NoveltyRecord) -> Table | None:
    counts = Counter(str(word) for word in found.warning_N if word)
    if not counts:
        return None
    first = {str(word): str(name) for word, name in reversed(list(zip(found.warning_N, found.sample_ids, strict=True)))}
    rows = [[Cell(word), Cell(first[word]), Cell(f"{count:,}")] for word, count in counts.most_common()]
    return Table(("warning", "first sample", "samples"), rows, "Warnings", frozenset({2}))


def _errors(record: RunRecord, found: NoveltyRecord, is_new: np.ndarray) -> Table | None:
    """The main metric of samples like those of training and of others."""
    if is_new.sum() < LEAST_COMPARED or (~is_new).sum() < LEAST_COMPARED:
        return None
    kinds = {"like the training samples": found.sample_ids[~is_new], "unlike them": found.sample_ids[is_new]}
    rows = []
    for column, table in record.predictions.get("test", {}).items():
        main = table.kind.main_metric
        some = {word: _of(table, ids) for word, ids in kinds.items()}
        cells = [
            Cell(value_of(main, score(one)[main]) if len(one) >= LEAST_COMPARED else "", plural(len(one), "sample"))
            for one in some.values()
        ]
        rows.append([Cell(column, metric(main).name), *cells])
    return Table(("target", *kinds), rows, "How well they are predicted", frozenset({1, 2}))


def _of(table: Predictions, ids: np.ndarray) -> Predictions:
    return table.select(np.flatnonzero(np.isin(table.sample_ids.astype(str), ids.astype(str))))
