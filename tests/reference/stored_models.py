"""Model folders of format 3 in ``format3/``: how each was trained, and what is predicted with it.

They were written once, and stay as they are when the format changes: whatever reads models must go on reading these.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from aam import AAMEncoder
from tests.reference.cases import COVARIATES, HERE, TREE, Workplace, counts_of

FORMAT = 3
STORED = HERE / "format3"
SHEET = {"metadata": "study/new_metadata.tsv"}


def _encoder(work: Workplace, name: str) -> None:
    work.pretrain(name, tree=TREE)


def _regressor(work: Workplace, name: str) -> None:
    targets = {"metadata_column": ("gradient", "ph"), "normalize_by": "site", "interval_level": 0.5}
    work.train(name, "--no-forest-baseline", **targets, **COVARIATES, val_prediction_passes=2)


def _quantiles(work: Workplace, name: str) -> None:
    options = {"metadata_column": "gradient", "loss_type": "quantile", "quantiles": "0.1,0.25,0.5,0.75,0.9"}
    work.train(name, "--no-forest-baseline", **options)


def _classifier(work: Workplace, name: str) -> None:
    options = {"metadata_column": "group", "categorical_columns": "site", "categorical_fusion": "gmu"}
    work.train(name, "--no-forest-baseline", "--classifier", **options)


def _ensemble(work: Workplace, name: str) -> None:
    options = {"metadata_column": "gradient", "ensemble": 2, "target_transform": "log-zscore"}
    work.train(name, "--no-forest-baseline", **options, interval_level=0.5)


MODELS: dict[str, Callable[[Workplace, str], None]] = {
    "encoder": _encoder,
    "regressor": _regressor,
    "quantiles": _quantiles,
    "classifier": _classifier,
    "ensemble": _ensemble,
}
PREDICTED: dict[str, tuple[tuple[str, ...], dict[str, Any]]] = {
    "regressor": (("--output-variance",), {**SHEET, "prediction_passes": 3, "seed": 7}),
    "quantiles": ((), {"interval_level": 0.6}),
    "classifier": ((), SHEET),
    "ensemble": ((), {}),
}
"""Switches and options of `aam predict` for each stored predictor."""


def predict(work: Workplace, name: str) -> Path:
    """Predict the new samples with a stored model; of the encoder, their vectors."""
    if name == "encoder":
        return _vectors(work)
    switches, options = PREDICTED[name]
    return work.predict(STORED / name, f"{name}.tsv", *switches, **options)


def write_predictions(work: Workplace, folder: Path) -> None:
    """Store what the models say."""
    folder.mkdir(exist_ok=True)
    for name in MODELS:
        (folder / f"{name}.tsv").write_bytes(predict(work, name).read_bytes())


def _vectors(work: Workplace) -> Path:
    counts = counts_of(work.folder / "study" / "new_table.tsv")
    vectors = np.asarray(AAMEncoder.load(STORED / "encoder", device="cpu").transform(counts))
    header = "\t".join(["sample_id", *map(str, range(vectors.shape[1]))])
    rows = ["\t".join([name, *map(repr, row)]) for name, row in zip(counts.index, vectors.tolist(), strict=True)]
    path = work.folder / "encoder.tsv"
    path.write_text("\n".join([header, *rows, ""]))
    return path
