"""Where the time of a training run goes, stage by stage, so that the next slow thing is known.

It trains for real, with the product's own engine, loader and checkpoints, on a public study (`--data`) or on a
simulated one. A stage is charged for its own time alone: what happens inside another stage is the other one's. The
first step of a run is left out.
"""

from __future__ import annotations

import argparse
import tempfile
from contextlib import suppress
from pathlib import Path
from statistics import median
from typing import Any

from torch.profiler import profile

from aam.runs.directory import RunDirectory
from aam.training.run.build_run import prepare_pretraining, prepare_training
from aam.training.run.fit import fit
from benchmarks.speed import common
from benchmarks.speed.clock import ENGINE, IN_STEP, READING, VALIDATION, Clock, watch_model, watched
from benchmarks.speed.common import Measured, number
from benchmarks.speed.profiler import activities, operator_table, top_operators
from benchmarks.speed.studies import Files, add_study, pretraining, settings_of, study_files, training

TITLE = "Time by stage of a training run"
TASKS = ("pretrain", "train")
PROFILED_FROM, PROFILED_STEPS = 2, 5


class Enough(Exception):
    """Ends a training run of which enough has been seen."""


def measure(task: str, files: Files, settings: dict[str, Any], device: str) -> Measured:
    """Train, and say where the time went.

    Parameters
    ----------
    task
        ``pretrain`` or ``train``.
    files
        What is read.
    settings
        Options of the run.
    device
        Where to compute.
    """
    clock = Clock(device)
    batch_size = _train(task, files, settings, clock)
    first, *steps = clock.steps
    return {
        "steps": len(steps),
        "batch_size": batch_size,
        "once": {READING: clock.seconds[READING]},
        "totals": {name: clock.seconds[name] - first.get(name, 0.0) for name in (*IN_STEP, VALIDATION)},
        "medians": {name: median(step.get(name, 0.0) for step in steps) for name in IN_STEP},
    }


def measure_operators(task: str, files: Files, settings: dict[str, Any], device: str) -> Measured:
    """Train some steps under the profiler, and say which operators took most time."""
    clock = Clock(device)
    profiler = profile(activities=activities(device))

    def on_step(number_: int) -> None:
        if number_ == PROFILED_FROM:
            profiler.start()
        elif number_ == PROFILED_FROM + PROFILED_STEPS:
            profiler.stop()
            raise Enough

    clock.on_step = on_step
    with suppress(Enough):
        _train(task, files, settings, clock)
    steps = len(clock.steps) - PROFILED_FROM
    if steps < PROFILED_STEPS:
        return {"failed": f"the run has fewer than {PROFILED_FROM + PROFILED_STEPS} steps: too few to be profiled"}
    return {"operators": top_operators(profiler, device, steps)}


def _train(task: str, files: Files, settings: dict[str, Any], clock: Clock) -> int:
    """A training run under the clock, in a folder that is removed; its batch size."""
    with watched(clock), tempfile.TemporaryDirectory() as folder:
        run = RunDirectory(Path(folder))
        run.checkpoints.mkdir()
        everything = {"output_dir": folder, "device": clock.device, "num_workers": 0, **settings}
        with clock.stage(READING):
            if task == "pretrain":
                prepared = prepare_pretraining(pretraining(files, **everything))
            else:
                prepared = prepare_training(training(files, **everything))
        watch_model(clock, prepared.model)
        with clock.stage(ENGINE):
            fit(prepared, run, task)
        return int(prepared.plan.config.optim.batch_size)


def stage_table(found: Measured) -> str:
    """The stages as Markdown."""
    total = sum(found["totals"].values())
    rows = []
    for name, seconds in found["totals"].items():
        of_step = number(1e3 * found["medians"][name], 1) if name in found["medians"] else ""
        rows.append([name, of_step, number(seconds, 1), f"{seconds / total:.1%}"])
    step = sum(found["medians"].values())
    rows.append(["all", number(1e3 * step, 1), number(total, 1), "100.0%"])
    return common.markdown_table(("stage", "a step, ms (median)", "all steps, s", "share"), rows)


def words(task: str, found: Measured) -> list[str]:
    """The section of a task."""
    if "failed" in found:
        return [f"## aam {task}", found["failed"]]
    largest = max(found["totals"], key=lambda name: found["totals"][name])
    said = (
        f"{found['steps']} steps of {found['batch_size']} samples; peak memory "
        f"{found['gigabytes']:.2f} GB; {READING} once {found['once'][READING]:.1f} s, not in the table. "
        f"Most time goes to: {largest}."
    )
    return [f"## aam {task}", said, stage_table(found)]


def operator_words(profiled: Measured) -> list[str]:
    """The section of the operators."""
    if "failed" in profiled:
        return [profiled["failed"]]
    said = f"{PROFILED_STEPS} steps under the profiler; calls and times are of one step."
    return [said, operator_table(profiled["operators"])]


def arguments(given: list[str] | None = None) -> argparse.Namespace:
    """The program's options."""
    made = common.parser(__doc__, "stages")
    add_study(made)
    made.add_argument("--task", choices=TASKS, action="append", help="one of them alone (default: both)")
    made.add_argument("--epochs", type=int, default=1, help="epochs to train (default 1)")
    made.add_argument("--profile", action="store_true", help="add the operators that take most time")
    return made.parse_args(given)


def main(given: list[str] | None = None) -> None:
    """Measure, and write the tables."""
    options = arguments(given)
    facts, sections, records = common.conditions(options), [(__doc__ or "").strip()], {}
    with tempfile.TemporaryDirectory() as folder:
        name, files = study_files(options, Path(folder))
        settings = {"epochs": options.epochs, **settings_of(options)}
        sections.append(f"Study: {name}. Options that are not the defaults: {settings}.")
        case = {"files": files, "settings": settings, "device": options.device}
        for task in options.task or TASKS:
            found = common.in_child(measure, {"task": task, **case}, options.threads)
            sections += words(task, found)
            if options.profile:
                profiled = common.in_child(measure_operators, {"task": task, **case}, options.threads)
                sections += operator_words(profiled)
                found["operators"] = profiled.get("operators", [])
            print(task, found, flush=True)
            records[task] = found
    common.write_results(options.output, TITLE, sections, facts, {"study": name, "tasks": records})


if __name__ == "__main__":
    main()
