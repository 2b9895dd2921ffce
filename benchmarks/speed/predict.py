"""How many samples and ASVs a second a model predicts, and in how much memory, beside the plain way.

`product`: what `aam predict` does after it has read the table, which is to encode each ASV of the table once, then to
draw and predict the samples batch by batch. `plain`: the ASV encoder is run for every (sample, ASV) pair of a batch; it
is measured on some batches. The model has learned nothing, which changes no time. `whole command` is `aam predict`
from its start to its end, with all that it reads.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from statistics import median
from typing import Any

import torch

from aam.config import TableOptions
from aam.data.batches.loaders import LoaderOptions
from aam.data.targets.kinds import NUMBERS, TargetSpec
from aam.data.targets.targets import Targets
from aam.models.folder.description import ModelDescription
from aam.models.folder.weights import load_model, save_model
from aam.models.inference import BatchPredictor, read_for_model
from aam.models.sequence_encoder import SelfSupervision, SequenceEncoder
from aam.models.sequence_predictor import PredictorPlan, SequencePredictor
from benchmarks.speed import common
from benchmarks.speed.common import Measured, number
from benchmarks.speed.epochs import encode_pairs
from benchmarks.speed.studies import Files, add_study, settings_of, study_files, training

TITLE = "Prediction"
TARGET = TargetSpec(column="value", kind=NUMBERS, transform="zscore", shift=0.0, scale=1.0, mean=0.0)
HEADER = (
    "way",
    "batch",
    "seconds",
    "of these, encoding ASVs",
    "samples a second",
    "pairs a second",
    "peak memory, GB",
    "times faster than plain",
)


def save_fresh_predictor(folder: Path, settings: dict[str, str], files: Files) -> Path:
    """A model folder with a predictor that has learned nothing."""
    config = training(files, output_dir="none", **settings)
    torch.manual_seed(0)
    encoder = SequenceEncoder(config.model, SelfSupervision())
    plan = PredictorPlan(
        targets=Targets(specs=(TARGET,)), head=config.head, loss=config.loss, covariates=config.covariates
    )
    predictor = SequencePredictor(encoder, plan)
    sampling = config.sampling
    description = ModelDescription(
        options=config.model,
        supervision=encoder.supervision,
        predictor=plan,
        data={
            "trim_length": None,
            "max_bp": None,
            "rarefy_depth": 5000,
            "token_limit": sampling.token_limit,
            "asv_sampling": sampling.asv_sampling,
        },
        record={},
    )
    save_model(folder, dict(predictor.state_dict()), description)
    return folder


def measure(table: str, model: str, device: str, batch_size: int, repeats: int) -> Measured:
    """Seconds to encode the table's ASVs and to predict all its samples."""
    study, sampling, predictor = _read(table, model)
    options = LoaderOptions(batch_size=batch_size)
    rows = torch.arange(len(study)).numpy()
    encoding, predicting = [], []
    for _ in range(repeats):
        started = time.perf_counter()
        interpreter = BatchPredictor([predictor], study, sampling, options, torch.device(device))
        common.wait_for(device)
        encoded = time.perf_counter()
        for _output in interpreter.run(rows):
            pass
        encoding.append(encoded - started)
        predicting.append(time.perf_counter() - encoded)
    pairs = sum(int(batch.mask_BS.sum()) for batch in interpreter.data.fixed_loader(rows))
    found = {"encoding": median(encoding), "seconds": median(encoding) + median(predicting)}
    return {**found, "samples": len(study), "asvs": len(study.tokens), "pairs": pairs}


@torch.no_grad()
def measure_plain(table: str, model: str, device: str, batch_size: int, batches: int) -> Measured:
    """Seconds to predict the samples of some batches with the ASV encoder run for every pair, scaled to all samples."""
    study, sampling, predictor = _read(table, model)
    predictor.to(device).eval()
    rows = torch.arange(len(study)).numpy()
    data = BatchPredictor([predictor], study, sampling, LoaderOptions(batch_size=batch_size), torch.device(device)).data
    seconds, timed, pairs = 0.0, 0, 0
    started = time.perf_counter()
    for done, batch in enumerate(data.fixed_loader(rows)):
        here = int(batch.mask_BS.sum())
        pairs += here
        if done < batches:
            paired, vectors_ND = encode_pairs(predictor, batch, device)
            predictor.predict(predictor(paired, None, vectors_ND)).float().cpu()
            seconds, timed = time.perf_counter() - started, timed + here
    scaled = seconds / timed * pairs
    return {"seconds": scaled, "samples": len(study), "asvs": len(study.tokens), "pairs": pairs}


def measure_command(table: str, model: str, device: str) -> Measured:
    """Seconds of the whole command."""
    with tempfile.TemporaryDirectory() as folder:
        words = ["--table", table, "--model", model, "--output", f"{folder}/predictions.tsv", "--device", device]
        started = time.perf_counter()
        command = [sys.executable, "-m", "aam", "predict", *words, "--no-progress"]
        subprocess.run(command, check=True, capture_output=True)
        return {"seconds": time.perf_counter() - started}


def _read(table: str, model: str) -> tuple[Any, Any, SequencePredictor]:
    predictor, description = load_model(Path(model))
    assert isinstance(predictor, SequencePredictor)
    study, sampling = read_for_model(TableOptions(table=(Path(table),)), description)
    return study, sampling, predictor


def table_of(results: dict[tuple[str, int], Measured]) -> str:
    """The results as Markdown; the ratio is to the plain row with the same batches."""
    rows = []
    for (way, batch), found in results.items():
        start = [way, str(batch or "")]
        if "failed" in found:
            rows.append([*start, found["failed"], *[""] * 5])
            continue
        seconds = found["seconds"]
        rates = [number(found[key] / seconds, 1) if key in found else "" for key in ("samples", "pairs")]
        plain = results.get(("plain", batch), {})
        ratio = number(plain["seconds"] / seconds, 1) if "seconds" in plain and way == "product" else ""
        memory = number(found["gigabytes"]) if way != "whole command" else ""
        rows.append([*start, number(seconds), number(found.get("encoding")), *rates, memory, ratio])
    return common.markdown_table(HEADER, rows)


def arguments(given: list[str] | None = None) -> argparse.Namespace:
    """The program's options."""
    made = common.parser(__doc__, "predict")
    add_study(made)
    made.add_argument("--batch-sizes", type=int, nargs="+", default=[32, 128], help="default 32 128")
    made.add_argument("--batches", type=int, default=3, help="batches that the plain way is timed on (default 3)")
    made.add_argument("--repeats", type=int, default=3, help="runs to take the median of (default 3)")
    return made.parse_args(given)


def main(given: list[str] | None = None) -> None:
    """Measure, and write the table."""
    options = arguments(given)
    facts, settings = common.conditions(options), settings_of(options)
    results: dict[tuple[str, int], Measured] = {}

    def add(way: str, size: int, function: Callable[..., Measured], case: dict[str, Any]) -> None:
        results[way, size] = common.in_child(function, case, options.threads)
        print(way, size, results[way, size], flush=True)

    with tempfile.TemporaryDirectory() as folder:
        name, files = study_files(options, Path(folder))
        model = save_fresh_predictor(Path(folder) / "model", settings, files)
        case = {"table": files["table"][0], "model": str(model), "device": options.device}
        for size in options.batch_sizes:
            plain = {**case, "batch_size": size, "batches": options.batches}
            product = {**case, "batch_size": size, "repeats": options.repeats}
            add("plain", size, measure_plain, plain)
            add("product", size, measure, product)
        add("whole command", 0, measure_command, case)
    sizes = next((found for found in results.values() if "asvs" in found), {"samples": 0, "asvs": 0, "pairs": 0})
    said = (
        f"Study: {name}; all {sizes['samples']:,} samples of its table, {sizes['asvs']:,} ASVs, {sizes['pairs']:,} "
        f"(sample, ASV) pairs at 5,000 reads a sample. Options that are not the defaults: {settings}."
    )
    records = [{"way": way, "batch": batch, **found} for (way, batch), found in results.items()]
    sections = [(__doc__ or "").strip(), said, table_of(results)]
    common.write_results(options.output, TITLE, sections, facts, {"study": name, "rows": records})


if __name__ == "__main__":
    main()
