"""Model folders of each format in ``format3/`` to ``format6/``: how each was made, and what is predicted with it.

Those of formats 1 and 2 are refused. They were written once, and stay as they are when the format changes: whatever
reads models must go on reading these.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from aam import AAMEncoder
from aam.models.folder.container import read_model_folder, write_model_folder
from tests.reference.cases import COVARIATES, HERE, TABLE, TRAINING, TREE, Workplace, counts_of
from tests.reference.cases import SHEET as METADATA

ENCODER = "format3/encoder"
STATES = ("low", "middle", "high")
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


def _forest(work: Workplace, name: str) -> None:
    work.run(
        "rf-baseline",
        **{"table": TABLE, "metadata": METADATA, "group_column": "subject", "metadata_column": "gradient"},
        **{"n_estimators": 12, "output": "forest_scores.tsv", "output_dir": name},
    )


def _weighted(work: Workplace, name: str) -> None:
    """Two networks of which one counts three times as much: no command made such a model."""
    options = {"metadata_column": "gradient", "ensemble": 2}
    work.train(name, "--no-forest-baseline", **options, interval_level=0.5)
    folder = work.folder / name
    _, manifest, states = read_model_folder(folder)
    write_model_folder(folder / "model", replace(manifest, weights=(0.25, 0.75)), states)


def _blend(work: Workplace, name: str) -> None:
    inputs = {"table": TABLE, "metadata": METADATA, "group_column": "subject", "metadata_column": "gradient"}
    work.run("train", "--no-report", **inputs, learners="jaccard,clades-linear", output_dir=name)


def _first_of_6(work: Workplace, name: str) -> None:
    """A network in a blend, of the commit that brought format 6."""
    inputs = {"table": TABLE, "metadata": METADATA, "group_column": "subject", "metadata_column": "gradient"}
    options = {"learners": "clr-radial,network", "output_dir": name}
    work.run("train", "--no-report", "--no-progress", "--fine-tune", **inputs, **TRAINING, **options)


def _sheet_with_more(work: Workplace, name: str) -> str:
    """A sheet with a day within each subject, a state of each subject, and a whole number."""
    sheet = pd.read_csv(work.folder / "study" / name, sep="\t", index_col=0, dtype={"depth_cm": str, "ph": str})
    sheet["day"] = sheet.groupby("subject").cumcount() * 7
    sheet["state"] = sheet["subject"].map(lambda subject: STATES[int(subject.rpartition("_")[2]) % 3])
    sheet["number"] = (sheet["gradient"] * 10).astype(int)
    path = work.folder / "study" / f"more_{name}"
    sheet.to_csv(path, sep="\t")
    return str(path.relative_to(work.folder))


def _earlier(work: Workplace, name: str) -> None:
    """Ordered classes, carried forward from earlier samples."""
    inputs = {"table": TABLE, "metadata": _sheet_with_more(work, "metadata.tsv"), "group_column": "subject"}
    options = {"metadata_column": "state", "ordered": ",".join(STATES), "learners": "jaccard,clr-linear"}
    work.run("train", "--no-report", **inputs, **options, earlier_samples=2, time_column="day", output_dir=name)


def _counts(work: Workplace, name: str) -> None:
    sheet = _sheet_with_more(work, "metadata.tsv")
    work.train(name, "--no-forest-baseline", "--count-target", metadata=sheet, metadata_column="number", experts=2)


def _columns(work: Workplace, name: str) -> None:
    options = {"metadata_column": ("group", "site")}
    work.train(name, "--no-forest-baseline", "--classifier", **options)


MODELS: dict[str, Callable[[Workplace, str], None]] = {
    ENCODER: _encoder,
    "format3/regressor": _regressor,
    "format3/quantiles": _quantiles,
    "format3/classifier": _classifier,
    "format3/ensemble": _ensemble,
    "format4/regressor": _regressor,
    "format4/forest": _forest,
    "format4/weighted": _weighted,
    "format5/blend": _blend,
    "format6/first": _first_of_6,
    "format6/earlier": _earlier,
    "format6/counts": _counts,
    "format6/columns": _columns,
}
"""Each by its folder. The code that made one is that of a program of its format."""
PREDICTED: dict[str, tuple[tuple[str, ...], dict[str, Any]]] = {
    "format3/regressor": (("--output-variance",), {**SHEET, "prediction_passes": 3, "seed": 7}),
    "format3/quantiles": ((), {"interval_level": 0.6}),
    "format3/classifier": ((), SHEET),
    "format3/ensemble": ((), {}),
    "format4/regressor": (("--output-variance",), {**SHEET, "prediction_passes": 3, "seed": 7}),
    "format4/forest": ((), {}),
    "format4/weighted": ((), {}),
    "format5/blend": ((), {}),
    "format6/first": ((), {}),
    "format6/earlier": ((), {"metadata": "study/more_new_metadata.tsv"}),
    "format6/counts": ((), {}),
    "format6/columns": ((), {}),
}
"""Switches and options of `aam predict` for each stored predictor."""


def predictions_of(name: str) -> Path:
    """Where it is stored what a model predicted when it was made."""
    folder = HERE / name
    return folder.with_name("predictions") / f"{folder.name}.tsv"


def predict(work: Workplace, name: str) -> Path:
    """Predict the new samples with a stored model; of the encoder, their vectors."""
    if name == ENCODER:
        return _vectors(work)
    switches, options = PREDICTED[name]
    if "more_" in str(options.get("metadata")):
        _sheet_with_more(work, "new_metadata.tsv")
    return work.predict(HERE / name, f"{name.replace('/', '-')}.tsv", *switches, **options)


def write_predictions(work: Workplace, name: str) -> None:
    """Store what a model says."""
    stored = predictions_of(name)
    stored.parent.mkdir(exist_ok=True)
    stored.write_bytes(predict(work, name).read_bytes())


def _vectors(work: Workplace) -> Path:
    counts = counts_of(work.folder / "study" / "new_table.tsv")
    vectors = np.asarray(AAMEncoder.load(HERE / ENCODER, device="cpu").transform(counts))
    header = "\t".join(["sample-id", *map(str, range(vectors.shape[1]))])
    rows = ["\t".join([name, *map(repr, row)]) for name, row in zip(counts.index, vectors.tolist(), strict=True)]
    path = work.folder / "encoder.tsv"
    path.write_text("\n".join([header, *rows, ""]))
    return path
