"""What the run that trained a model says of it: held-out results, the samples it learned from, their range."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from aam.data.targets.kinds import TargetSpec
from aam.evaluation.errors.held_out import HeldOut
from aam.evaluation.metrics import evaluate
from aam.evaluation.run_results import RunRecord, read_run
from aam.runs.layout import BASELINE, FINISHED
from aam.runs.sample_lists import learned_from, origin_of, run_of


@dataclass(frozen=True)
class TrainingRun:
    """A finished training run beside the model that is judged.

    Attributes
    ----------
    record
        Its files.
    is_forest
        Whether the model is the random forest beside it.
    """

    record: RunRecord
    is_forest: bool

    @property
    def group_column(self) -> str | None:
        """The column that it kept whole."""
        found = self.record.config.get("group_column")
        return None if found is None else str(found)

    def trained_ids(self) -> frozenset[str]:
        """The samples that it learned from, or chose the best epoch by."""
        return learned_from(self.record.path)

    def trained_groups(self) -> frozenset[str]:
        """Groups of the samples that it learned from, or chose by, as far as its predictions of these say."""
        parts = [self.record.predictions.get(part, {}) for part in ("out_of_fold", "validation")]
        groups = [table.groups for part in parts for table in part.values() if table.groups is not None]
        return frozenset(str(group) for own in groups for group in own)

    def held_out(self, target: TargetSpec, judged: np.ndarray) -> HeldOut | None:
        """Its held-out results; None where it has none of this target. ``judged`` are the samples that are judged."""
        record, part = self.record, self.record.evaluated_part
        found = (record.forest if self.is_forest else record.predictions).get(part, {}).get(target.column)
        if found is None or not len(found):
            return None
        same = len(set(found.sample_ids) & set(judged))
        return HeldOut(part=part, num_samples=len(found), num_same=same, metrics=evaluate(found))

    def range_of(self, target: TargetSpec) -> tuple[float, float] | None:
        """Smallest and largest number of the training samples; None for classes, or where they are not known."""
        if target.classes:
            return None
        found = self.record.predictions.get("out_of_fold", {}).get(target.column)
        if found is not None:
            return float(found.observed.min()), float(found.observed.max())
        vectors, first = self.record.embeddings, self.record.first_target
        if vectors is None or first is None or first.column != target.column or len(vectors.parts) < vectors.total:
            return None
        texts = [text for text, part in zip(vectors.observed, vectors.parts, strict=True) if part == "train" and text]
        values = np.array(texts, dtype=np.float64)
        return (float(values.min()), float(values.max())) if len(values) else None


def training_run(model: Path) -> TrainingRun | None:
    """The finished run of a model that lies in its run directory, or was taken into the index from it; else None."""
    run = run_of(model)
    if run is None or not (run / FINISHED).exists():
        return None
    record = read_run(run)
    is_forest = origin_of(model).resolve().is_relative_to(run / BASELINE)
    return None if record.targets is None else TrainingRun(record, is_forest)
