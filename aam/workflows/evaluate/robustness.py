"""Samples predicted anew after they were disturbed on purpose.

All disturbed copies stand in one study, so that what is known of its ASVs is found once.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from scipy.sparse import csr_array, vstack

from aam.data.study.perturbation import contaminated, other_samples, thinned, with_losses
from aam.data.study.study import Study
from aam.data.targets.kinds import Predictions
from aam.evaluation.coverage import judge_held
from aam.evaluation.decode_predictions import PredictionDecoder
from aam.evaluation.errors.levels import in_cells
from aam.evaluation.metrics import compare, evaluate
from aam.evaluation.result_table import ResultTable, Row
from aam.learners.novelty.judgement import judge
from aam.progress import Bar
from aam.workflows.evaluate.labelled import LabelledSamples

DEPTHS = (10_000, 5_000, 2_000, 1_000, 500, 200, 100)
CONTAMINATION = (0.01, 0.02, 0.05, 0.1, 0.2, 0.5)
LOSSES = (0.1, 0.2, 0.4, 0.6, 0.8)
NONE, DEPTH, FOREIGN, LOST = "none", "depth", "contamination", "lost ASVs"
AT_ONCE = 512


@dataclass(frozen=True)
class Step:
    """One disturbance: its kind, its size, and the disturbed reads (``N x A``)."""

    kind: str
    size: float
    counts_NA: csr_array


def chosen_samples(number: int, most: int, seed: int) -> np.ndarray:
    """Rows of so many samples at most, drawn at random, ascending."""
    if number <= most:
        return np.arange(number)
    return np.sort(np.random.default_rng(seed).choice(number, most, replace=False))


def disturbed(study: Study, groups: np.ndarray | None, seed: int) -> list[Step]:
    """The samples as they are, and every disturbance of them; depths that no sample has are left out."""
    counts, keys = study.table.counts, study.keys
    deepest = int(counts.sum(axis=1).max())
    steps = [Step(NONE, float("nan"), counts)]
    steps += [Step(DEPTH, float(at), thinned(counts, at, keys, seed)) for at in DEPTHS if at < deepest]
    if len(study) > 1:
        others = other_samples(study.sample_ids if groups is None else groups, seed)
        steps += [Step(FOREIGN, share, contaminated(counts, share, others, keys, seed)) for share in CONTAMINATION]
    return steps + [Step(LOST, share, with_losses(counts, share, keys, seed)) for share in LOSSES]


def copies(study: Study, tables: Sequence[csr_array]) -> Study:
    """One study of the same samples several times, with other reads each time; ASVs that none has are left out.

    They stay where earlier samples may have them.
    """
    counts = csr_array(vstack(list(tables), format="csr"))
    present = np.unique(counts.indices) if study.earlier is None else np.arange(counts.shape[1])
    times, table = len(tables), study.table
    rows = np.tile(np.arange(len(study)), times)
    asvs = {name: getattr(table, name)[present] for name in ("asv_ids", "sequences")}
    samples = {name: getattr(table, name)[rows] for name in ("sample_ids", "studies")}
    kept = csr_array(counts[:, present])
    kept.sort_indices()
    sheet = study.metadata
    assert sheet is not None
    cells = {name: values[rows] for name, values in sheet.columns.items()}
    return dataclasses.replace(
        study,
        table=dataclasses.replace(table, counts=kept, **asvs, **samples),
        tokens=study.tokens[present],
        lengths=study.lengths[present],
        keys=study.keys[rows],
        metadata=dataclasses.replace(sheet, sample_ids=samples["sample_ids"], columns=cells),
        targets={},
        weights=None,
        tree=None,
        phylogeny=None,
        distances=None,
        taxonomy_labels=None,
        earlier=None if study.earlier is None else study.earlier.take(rows),
    )


def robustness_tables(
    found: LabelledSamples, decoder: PredictionDecoder, most: int, passes: int, *, seed: int, progress: bool
) -> dict[str, ResultTable]:
    """The main metric of each target after each disturbance.

    Parameters
    ----------
    found
        The samples.
    decoder
        Of the model, at the level of the intervals.
    most
        Samples that are disturbed, at most.
    passes
        Rarefied draws of each.
    seed
        Of the choice and the disturbances.
    progress
        Show a bar.

    Returns
    -------
    dict
        Column -> its table: a row for each disturbance, and one (``none``) for the samples as they are.
    """
    rows = chosen_samples(len(found), most, seed)
    study, samples = found.study.with_means_of_now.take(rows), found.samples.take(rows)
    steps = disturbed(study, samples.groups, seed)
    many = copies(study, [step.counts_NA for step in steps])
    learned = np.concatenate(list(_predicted(found, many, passes, progress=progress)), axis=1)
    is_new = judge(found.predictor.familiarity, many).is_new_N.reshape(len(steps), len(rows))
    known = found.predictor.familiarity is not None
    by_step = [
        decoder.predictions(learned[:, place * len(rows) : (place + 1) * len(rows)], samples)
        for place in range(len(steps))
    ]
    warned = is_new.mean(axis=1) if known else np.full(len(steps), np.nan)
    return {
        column: ResultTable.of_records(_rows(steps, [tables[place] for tables in by_step], warned))
        for place, column in enumerate(decoder.targets.columns)
    }


def _predicted(found: LabelledSamples, many: Study, passes: int, *, progress: bool) -> Iterator[np.ndarray]:
    with Bar("disturbing", "samples", len(many), wanted=progress) as bar:
        for some in found.predictor.predict_in_draws(many, np.arange(len(many)), passes, AT_ONCE):
            yield some.learned
            bar.advance(len(some.rows_B))


def _rows(steps: Sequence[Step], tables: Sequence[Predictions], warned: np.ndarray) -> Iterator[Row]:
    tables = [table.known() for table in tables]
    whole = tables[0]
    if not len(whole):
        return
    main = whole.kind.main_metric
    for step, table, share in zip(steps, tables, warned, strict=True):
        change = compare(table, whole)[main]
        row: dict[str, object] = {"disturbance": step.kind, "size": step.size, "samples": len(table)}
        row |= in_cells(main, evaluate(table)[main])
        row |= in_cells("change", change)
        yield row | {"covered": _covered(table), "unlike_training": float(share)}


def _covered(table: Predictions) -> float:
    """Share of the truths that intervals or sets hold, groups counting the same; NaN without intervals."""
    if table.sets is not None:
        codes = [table.classes.index(label) for label in table.observed]
        held = table.sets[np.arange(len(codes)), codes]
    elif table.low is not None and table.high is not None:
        held = (table.low <= table.observed) & (table.observed <= table.high)
    else:
        return float("nan")
    return judge_held({0.5: held}, {0.5: held}, table.groups)[0].share.value
