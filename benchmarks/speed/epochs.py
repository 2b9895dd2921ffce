"""Seconds of a fine-tuning epoch: the whole model, a frozen encoder, and the plain way to use a frozen encoder.

`whole model` and `frozen` are `aam train` as a user runs it, with validation and checkpoints; the seconds are those of
its `metrics.csv`. A frozen run keeps the samples' vectors: `frozen, first epochs` are those that make them, one for
each draw (two draws here, to save time), `frozen` those after them; `frozen, on disk` keeps them in files instead of
memory, `frozen, nothing kept` encodes the samples anew in every epoch. `frozen, plain` has no cache at all: for every
batch the ASV encoder is run anew for every (sample, ASV) pair of it, in training and in validation, then the sample
encoder and the head as usual; it is measured on some batches of an epoch and scaled up by the number of pairs. `all
reads` is without rarefaction, where there is one draw. The second table is what comes before the first epoch: the
vectors of all ASVs, encoded, and read from the cache where an earlier run has kept them. What the encoder has learned
plays no role, so it has learned nothing.
"""

from __future__ import annotations

import argparse
import csv
import os
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from statistics import median
from typing import Any
from unittest import mock

import numpy as np
import torch
from torch import Tensor

from aam.alphabet import PAD
from aam.data.batches.batch import Batch, Sample, make_batch
from aam.data.study.study import load_study
from aam.models import vector_cache as vector_store
from aam.models.folder.weights import load_model
from aam.models.sequence_encoder import SequenceEncoder
from aam.models.sequence_predictor import SequencePredictor
from aam.models.vector_cache import cached_asv_vectors
from aam.runs.directory import RunDirectory
from aam.training.memory import kept_draws
from aam.training.run.build_run import Prepared, prepare_training
from aam.training.run.fit import fit
from aam.training.step.optim import parameter_groups
from benchmarks.speed import common
from benchmarks.speed.common import Measured, number
from benchmarks.speed.plain import Plain
from benchmarks.speed.studies import (
    Files,
    add_study,
    save_fresh_encoder,
    settings_of,
    study_files,
    training,
)

TITLE = "A fine-tuning epoch"
ALL_READS = {"rarefy_depth": "none"}
WHOLE, FROZEN, FIRST, PLAIN = "whole model", "frozen", "frozen, first epochs", "frozen, plain"
ON_DISK, NOTHING = "frozen, on disk", "frozen, nothing kept"
MOST_BYTES = {FROZEN: (10**9, 0), ON_DISK: (0, 20 * 10**9), NOTHING: (0, 0)}
"""What may be kept in memory and on disk."""
DRAWS = 2
EPOCHS_OF_NOTHING = 2
HEADER = ("encoder", "reads", "seconds an epoch", "epochs or batches", "peak memory, GB", "times faster than plain")
HEADER_OF_ASVS = ("vectors of all ASVs", "seconds", "ASVs", "peak memory, GB")
ENCODED, READ = "encoded", "read from the cache"


def measure(files: Files, settings: dict[str, Any], device: str) -> Measured:
    """Train the whole model for real; the median of all epochs but the first, which warms up."""
    with tempfile.TemporaryDirectory() as folder:
        seconds = _seconds_of_epochs(_prepare(files, settings, None, device, folder), folder)
    return _median(seconds[1:] or seconds)


def measure_frozen(files: Files, settings: dict[str, Any], encoder: str, device: str, way: str) -> Measured:
    """Train the head for real; the median of the epochs from kept vectors, and beside it that of the first ones.

    Parameters
    ----------
    files, settings
        What is read, and options of the run.
    encoder
        Model folder of the encoder to freeze.
    device
        Where to compute.
    way
        A key of ``MOST_BYTES``: where vectors are kept. Where nothing is, all epochs are alike.
    """
    memory, disk = MOST_BYTES[way]
    limits = {"DRAWS": DRAWS, "MOST_BYTES": memory, "MOST_BYTES_ON_DISK": disk}
    with mock.patch.multiple(kept_draws, **limits), tempfile.TemporaryDirectory() as folder:
        prepared = _prepare(files, settings, encoder, device, folder)
        seconds = _seconds_of_epochs(prepared, folder)
        draws = DRAWS if prepared.data.is_random(prepared.split.train) else 1
    if way == NOTHING:
        return _median(seconds)
    return {**_median(seconds[draws:]), "first": _median(seconds[:draws])}


def measure_asvs(files: Files, settings: dict[str, Any], encoder: str, device: str, cache: str) -> Measured:
    """Seconds to the vectors of all ASVs of the study.

    Parameters
    ----------
    files, settings, encoder, device
        As in :func:`measure_frozen`.
    cache
        Folder of the cache: the first process to come fills it, the others read it.
    """
    config = training(files, output_dir="none", device=device, **settings)
    study = load_study(config.table, config.study, config.sampling, None)
    model, _ = load_model(Path(encoder))
    assert isinstance(model, SequenceEncoder)
    with mock.patch.dict(os.environ, AAM_CACHE_DIR=cache), mock.patch.object(vector_store, "SECONDS_WORTH_KEEPING", 0):
        started = time.perf_counter()
        found = cached_asv_vectors(model.asv_encoder.to(device), study.tokens, torch.device(device), cache=True)
        common.wait_for(device)
        seconds = time.perf_counter() - started
    return {"seconds": seconds, "asvs": len(study.tokens), "said": found.line}


def _median(seconds: list[float]) -> Measured:
    return {"seconds": median(seconds), "runs": len(seconds)}


def _seconds_of_epochs(prepared: Prepared, folder: str) -> list[float]:
    run = RunDirectory(Path(folder))
    run.checkpoints.mkdir()
    fit(prepared, run, "train")
    with run.metrics.open(encoding="utf-8") as file:
        return [float(row["seconds"]) for row in csv.DictReader(file)]


def measure_plain(files: Files, settings: dict[str, Any], encoder: str, device: str, batches: int) -> Measured:
    """Seconds of an epoch in which the ASV encoder is run for every pair, from some of its batches."""
    with tempfile.TemporaryDirectory() as folder:
        prepared = _prepare(files, settings, encoder, device, folder)
    model = prepared.model
    assert isinstance(model, SequencePredictor)
    model.base.requires_grad_(False).eval()
    optimizer = torch.optim.AdamW(parameter_groups(model.head, 0.01), fused=True)
    train, validation = prepared.data.train_dataloader(), prepared.data.val_dataloader()
    measured, pairs_of_train = _time_batches(model, train, batches, optimizer, device)
    also, pairs_of_validation = _time_batches(model, validation, batches, None, device)
    seconds = measured * pairs_of_train + also * pairs_of_validation
    shown = min(batches, len(train)) + min(batches, len(validation))
    return {"seconds": seconds, "runs": shown, "pairs": pairs_of_train + pairs_of_validation}


def _prepare(files: Files, settings: dict[str, Any], encoder: str | None, device: str, folder: str) -> Prepared:
    more = {} if encoder is None else {"pretrained_encoder": encoder, "freeze_base": True}
    here = {"output_dir": folder, "device": device, "num_workers": 0, "cache": False}
    return prepare_training(training(files, **here, **more, **settings))


def _time_batches(
    model: SequencePredictor, loader: Any, number_: int, optimizer: torch.optim.Optimizer | None, device: str
) -> tuple[float, int]:
    """Seconds of a pair in the first batches, loading included, and the pairs of all batches."""
    seconds, timed, pairs = 0.0, 0, 0
    started = time.perf_counter()
    for done, batch in enumerate(loader):
        here = int(batch.mask_BS.sum())
        pairs += here
        if done < number_:
            _run(model, batch, optimizer, device)
            common.wait_for(device)
            seconds, timed = time.perf_counter() - started, timed + here
    return seconds / timed, pairs


def _run(model: SequencePredictor, batch: Batch, optimizer: torch.optim.Optimizer | None, device: str) -> None:
    """Encode every pair of a batch, then predict; learn if there is an optimiser."""
    paired, vectors_ND = encode_pairs(model, batch, device)
    with torch.set_grad_enabled(optimizer is not None):
        loss = model.head.loss(model.head.compare(model(paired, None, vectors_ND), paired))
    if optimizer is not None:
        loss.backward()
        optimizer.step()
        optimizer.zero_grad()


@torch.no_grad()
def encode_pairs(model: SequencePredictor, batch: Batch, device: str) -> tuple[Batch, Tensor]:
    """The batch with each pair as an ASV of its own, and the pairs' vectors, in the plain way; both on the device."""
    tokens_NL = batch.tokens_UL[batch.index_BS[batch.mask_BS]].numpy()
    samples, first = [], 0
    for row, counts_S in enumerate(batch.counts_BS.numpy()):
        counts = counts_S[counts_S > 0]
        pairs = np.arange(first, first := first + len(counts))
        samples.append(Sample(row, pairs, counts, pairs, counts))
    paired = make_batch(samples, tokens_NL, (tokens_NL != PAD).sum(axis=1))
    paired.target_BT, paired.weight_B = batch.target_BT, batch.weight_B
    paired = paired.to(device)
    return paired, Plain(model.base).encode(paired.tokens_UL)[0]


def table(results: dict[tuple[str, str], Measured]) -> str:
    """The results as Markdown; the ratio is to the plain row with the same reads."""
    rows = []
    for (name, reads), found in results.items():
        if "failed" in found:
            rows.append([name, reads, found["failed"], "", "", ""])
            continue
        beside = results.get((PLAIN, reads), {})
        ratio = beside["seconds"] / found["seconds"] if "seconds" in beside and name not in (PLAIN, WHOLE) else None
        cells = [number(found["seconds"], 3), str(found["runs"]), number(found.get("gigabytes")), number(ratio, 0)]
        rows.append([name, reads, *cells])
    return common.markdown_table(HEADER, rows)


def measure_all(
    options: argparse.Namespace, files: Files, encoder: str, settings: dict[str, Any]
) -> dict[tuple[str, str], Measured]:
    """All rows, one after the other."""
    results: dict[tuple[str, str], Measured] = {}

    def add(name: str, reads: str, function: Callable[..., Measured], case: dict[str, Any]) -> None:
        results[name, reads] = common.in_child(function, case, options.threads)
        print(name, reads, results[name, reads], flush=True)

    for reads, more in (("rarefied", {}), ("all reads", ALL_READS)):
        chosen = {**settings, **more}
        case = {"files": files, "device": options.device, "encoder": encoder}
        add(PLAIN, reads, measure_plain, {**case, "settings": chosen, "batches": options.batches})
        for way in MOST_BYTES if reads == "rarefied" else (FROZEN,):
            epochs = EPOCHS_OF_NOTHING if way == NOTHING else DRAWS + options.frozen_epochs
            head_alone = {**case, "settings": {**chosen, "epochs": epochs, "patience": epochs}, "way": way}
            add(way, reads, measure_frozen, head_alone)
            first = results[way, reads].pop("first", None)
            if way == FROZEN and first is not None:
                results[FIRST, reads] = first
    whole = {"files": files, "device": options.device}
    add(WHOLE, "rarefied", measure, {**whole, "settings": {**settings, "epochs": options.epochs}})
    return results


def measure_both_asvs(options: argparse.Namespace, case: dict[str, Any]) -> dict[str, Measured]:
    """The ASVs' vectors with an empty cache, and with the one that this leaves."""
    found = {}
    with tempfile.TemporaryDirectory() as cache:
        for way in (ENCODED, READ):
            found[way] = common.in_child(measure_asvs, {**case, "cache": cache}, options.threads)
            print(way, found[way], flush=True)
    return found


def table_of_asvs(found: dict[str, Measured]) -> str:
    """The ASVs' vectors as Markdown."""
    rows = []
    for way, one in found.items():
        if "failed" in one:
            rows.append([way, one["failed"], "", ""])
        else:
            rows.append([way, number(one["seconds"], 3), number(one["asvs"], 0), number(one["gigabytes"])])
    return common.markdown_table(HEADER_OF_ASVS, rows)


def arguments(given: list[str] | None = None) -> argparse.Namespace:
    """The program's options."""
    made = common.parser(__doc__, "epochs")
    add_study(made)
    made.add_argument("--epochs", type=int, default=2, help="epochs of the whole model (default 2)")
    made.add_argument("--frozen-epochs", type=int, default=10, help="epochs from kept vectors (default 10)")
    made.add_argument("--batches", type=int, default=4, help="batches that the plain way is timed on (default 4)")
    return made.parse_args(given)


def main(given: list[str] | None = None) -> None:
    """Measure, and write the table."""
    options = arguments(given)
    facts, settings = common.conditions(options), settings_of(options)
    with tempfile.TemporaryDirectory() as folder:
        name, files = study_files(options, Path(folder))
        encoder = save_fresh_encoder(Path(folder) / "encoder", settings)
        case = {"files": files, "settings": settings, "encoder": str(encoder), "device": options.device}
        asvs = measure_both_asvs(options, case)
        results = measure_all(options, files, str(encoder), settings)
    said = f"Study: {name}. Options that are not the defaults: {settings}."
    records = [{"encoder": key[0], "reads": key[1], **found} for key, found in results.items()]
    sections = [(__doc__ or "").strip(), said, table(results), table_of_asvs(asvs)]
    common.write_results(options.output, TITLE, sections, facts, {"study": name, "rows": records, "asvs": asvs})


if __name__ == "__main__":
    main()
