"""Steps on very rich samples, and from a command to the first steps on a very large study."""

from __future__ import annotations

import math
import os
import signal
import time
from pathlib import Path
from statistics import median
from typing import Any

from aam.cli.main import main
from aam.config import PretrainConfig, from_flat
from aam.data.batches.dataset import SampleDataset
from aam.models.size_estimate import BatchSizes, activation_bytes
from aam.training.memory.estimate import setting_of
from aam.training.memory.measure import measure_step
from aam.training.memory.worst_case import WorstCase
from aam.training.run.build_run import prepare_pretraining
from aam.training.step.module import TrainingModule
from benchmarks.load import make
from benchmarks.load.child import Meter, Row

WIDE_SAMPLES = 8
MORE_THAN_EXPECTED = 1.25
GIGABYTES, START_SECONDS, SLOWER = 4.0, 60.0, 1.25
PREEMPTED = 75
STEP_SECONDS = "step.txt"


def make_wide(folder: Path, asvs: int, token_limit: int, width: int) -> None:
    """Write a table in which each of a few samples has every ASV."""
    make.write_table(folder / "table.biom", WIDE_SAMPLES, asvs, asvs)


def step(folder: Path, asvs: int, token_limit: int, width: int) -> Row:
    """One pre-training step, forward and back, on the widest samples; its memory is bounded by the token limit."""
    config = from_flat(
        PretrainConfig,
        {
            **{"table": [str(folder / "table.biom")], "output_dir": str(folder / "run"), "auto_batch_size": False},
            **{"token_limit": token_limit, "embedding_dim": width, "rarefy_depth": "none", "device": "cpu"},
        },
    )
    prepared = prepare_pretraining(config)
    rows = prepared.split.train
    worst = WorstCase(prepared.study, rows, prepared.plan.config.sampling)
    seen = SampleDataset(prepared.study, rows, prepared.plan.config.sampling, 0)[0, 0]
    places = len(rows) * token_limit
    sizes = BatchSizes(samples=len(rows), asvs=token_limit, places=places, distinct=min(places, asvs), bases=make.BASES)
    expected = activation_bytes(prepared.plan.config.model, sizes, setting_of(prepared.plan, "cpu"))
    with Meter() as meter:
        measure_step(prepared.plan, prepared.data, lambda _: prepared.model, prepared.device, worst.rows)
    return meter.row(
        f"step on {len(rows)} samples of {asvs:,} ASVs, token limit {token_limit:,}",
        right=len(seen.asvs) == token_limit and len(seen.all_asvs) == asvs,
        note=f"expected of the token limit {expected / 1e9:.2f} GB",
        own=MORE_THAN_EXPECTED * expected / 1e9,
    )


def make_study(folder: Path, samples: int, asvs: int, each: int) -> None:
    """Write table, tree and metadata, and the same of a study of few samples beside them."""
    for place, number, total in ((folder, samples, asvs), (folder / "few", samples // 500, asvs // 100)):
        place.mkdir(exist_ok=True)
        make.write_table(place / "table.biom", number, total, each)
        make.write_sheet(place / "metadata.tsv", number)
        make.write_tree(place / "tree.nwk", make.sequences(total), total, make.at_random)


def start(folder: Path, samples: int, asvs: int, each: int, command: str, part: str, steps: int) -> Row:
    """Start a run as the command line does, tell it to stop after some steps, and look at its memory until then."""
    where = folder / "few" if part == "few" else folder
    out = folder / f"{command}-{part}-{time.time_ns()}"
    words = [command, "--table", str(where / "table.biom"), "--output-dir", str(out), "--no-progress", "--device=cpu"]
    words += ["--tree", str(where / "tree.nwk")] if command == "pretrain" else []
    if command == "train":
        words += ["--metadata", str(where / "metadata.tsv"), "--metadata-column", "age", "--group-column", "subject"]
        words += ["--learners", "network"]
    clock = StepClock(steps)
    with Meter() as meter, clock:
        code = main(words)
    size = f"{samples:,} samples x {asvs:,} ASVs" if part != "few" else f"{samples // 500:,} x {asvs // 100:,}"
    row = meter.row(f"aam {command}, {size}, {each} a sample: {part}", right=code == PREEMPTED, peak=GIGABYTES)
    row["seconds"], row["processor"], row["step"] = clock.first, clock.first_used, clock.step_seconds
    row["note"] = f"to the first step; a step takes {row['step']:.2f} s of the processor"
    kept = folder / f"{command}-{STEP_SECONDS}"
    if part == "few":
        kept.write_text(str(row["step"]))
    else:
        row["limits"] |= {"step": SLOWER * float(kept.read_text())}
        row["limits"] |= {"processor": START_SECONDS}
    return row


class StepClock:
    """Seconds to the first step, and of the processor for each; sends the signal of a scheduler after the last."""

    def __init__(self, steps: int) -> None:
        self.steps = steps
        self.first = self.first_used = math.nan
        self._used: list[float] = []
        self._original = TrainingModule.training_step

    @property
    def step_seconds(self) -> float:
        """Median of the steps after the first."""
        return median(after - before for before, after in zip(self._used[1:], self._used[2:], strict=False))

    def __enter__(self) -> StepClock:
        clock, original = self, self._original
        started, used = time.perf_counter(), time.process_time()

        def training_step(module: TrainingModule, *args: Any) -> Any:
            if not clock._used:
                clock.first, clock.first_used = time.perf_counter() - started, time.process_time() - used
            clock._used.append(time.process_time())
            if len(clock._used) == clock.steps:
                os.kill(os.getpid(), signal.SIGTERM)
            return original(module, *args)

        TrainingModule.training_step = training_step  # type: ignore[method-assign]
        return self

    def __exit__(self, *_: object) -> None:
        TrainingModule.training_step = self._original  # type: ignore[method-assign]
