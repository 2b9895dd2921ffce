"""`aam predict`: what a trained model says of new samples."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from rich.console import Console
from rich.progress import track

from aam.config import PredictConfig
from aam.errors import CheckpointError, InputError
from aam.files.atomic import atomic_write, check_output
from aam.files.text import plural

if TYPE_CHECKING:
    from aam.data.study import Study
    from aam.data.targets import TargetSpec
    from aam.interpret.predict import Passes

SAMPLES_AT_ONCE = 512


def run(config: PredictConfig) -> None:
    """Predict every sample of a table with a model folder."""
    from aam.interpret.predict import read_for_model
    from aam.models.folder import load_model

    options = config.predict
    check_output(options.output, options.overwrite)
    if not options.output.absolute().parent.is_dir():
        raise InputError(options.output, f"there is no folder {options.output.parent}", "make it first")
    console = Console(highlight=False, soft_wrap=True)
    model, description = load_model(options.model)
    target = description.target
    if target is None:
        raise CheckpointError(f"{options.model}: a pre-trained encoder has no target; fine-tune it with aam train")
    study, sampling = read_for_model(config.table, description)
    observed = _observed(options.metadata, target, study)
    for note in _notes(study):
        console.print(note, markup=False)
    started = time.monotonic()
    with _passes(config, model, study, sampling) as passes:
        _write(options.output, study, target, observed, options.output_variance, passes)
    took = time.monotonic() - started
    console.print(
        f"predicted {target.column} of {plural(len(study), 'sample')} in {took:.1f} s: {options.output}", markup=False
    )


@contextmanager
def _passes(config: PredictConfig, model: object, study: Study, sampling: object) -> Iterator[Iterator[Passes]]:
    """The predictions, made while they are taken, with a progress bar."""
    from aam.data.datamodule import LoaderOptions
    from aam.interpret.predict import Interpreter, predict_in_passes
    from aam.training.device import choose_device

    options = config.predict
    loading = LoaderOptions(batch_size=options.batch_size, seed=options.seed)
    interpreter = Interpreter(model, study, sampling, loading, choose_device(options.device))  # type: ignore[arg-type]
    passes = predict_in_passes(interpreter, np.arange(len(study)), options.prediction_passes, SAMPLES_AT_ONCE)
    total = -(-len(study) // SAMPLES_AT_ONCE)
    console = Console(stderr=True)
    hidden = not (options.progress and console.is_terminal)
    yield iter(track(passes, "predicting", total=total, console=console, disable=hidden, transient=True))


def _observed(metadata: Path | None, target: TargetSpec, study: Study) -> dict[str, str]:
    """The target's cells of the sample sheet, where it has the column."""
    from aam.data.metadata import read_metadata

    if metadata is None:
        return {}
    sheet = read_metadata(metadata)
    if target.column not in sheet.columns:
        return {}
    cells = sheet.columns[target.column]
    found = dict(zip(sheet.sample_ids, cells, strict=True))
    return {str(sample_id): str(found.get(sample_id, "")) for sample_id in study.sample_ids}


def _notes(study: Study) -> Iterator[str]:
    yield from study.notes
    depth = study.rarefy_depth
    if depth is None:
        return
    reads = np.asarray(study.table.counts.sum(axis=1)).ravel()
    few = study.sample_ids[reads < depth]
    if len(few):
        share = f"{plural(len(few), 'sample')} of {len(reads):,} (first: {few[0]})"
        yield f"fewer reads than the model's rarefaction depth of {depth:,}: {share}; all their reads are used"


def _write(
    path: Path,
    study: Study,
    target: TargetSpec,
    observed: dict[str, str],
    with_spread: bool,
    passes: Iterator[Passes],
) -> None:
    header = ["sample_id", "predicted", *(f"probability_{name}" for name in target.classes)]
    header += (["predicted_std"] if with_spread else []) + (["observed"] if observed else [])
    with atomic_write(path) as file:
        file.write("\t".join(header) + "\n")
        for some in passes:
            for row, cells in zip(some.rows_B, _rows(some, target, with_spread), strict=True):
                sample_id = str(study.sample_ids[row])
                more = [observed[sample_id]] if observed else []
                file.write("\t".join([sample_id, *cells, *more]) + "\n")


def _rows(some: Passes, target: TargetSpec, with_spread: bool) -> Iterator[Sequence[str]]:
    """Prediction, probabilities and spread of each sample, as text."""
    from aam.interpret.predict import labels_of

    if target.kind == "regression":
        for mean, deviation in zip(some.mean, some.deviation, strict=True):
            yield [f"{mean:.10g}", *([f"{deviation:.6g}"] if with_spread else [])]
        return
    labels = labels_of(target, some.mean)
    best = some.mean.argmax(axis=1)
    for row, label in enumerate(labels):
        spread = [f"{some.deviation[row, best[row]]:.6g}"] if with_spread else []
        yield [str(label), *(f"{p:.6g}" for p in some.mean[row]), *spread]
