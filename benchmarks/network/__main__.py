"""What a network adds to a blend of forests and kernels: ideas one at a time, and learning curves.

Protocol, written after trials on one or two folds of three tasks and before the table:

1. Tasks: some of the development suite that are computed quickly, without a tree; the five folds (whole groups) of
   `aam benchmark --repeats 1` for every competitor. Predictions of all folds are pooled; R2, or AUROC for classes.
2. The plain network: vectors of ASVs from the encoder that is shipped, frozen; the sample encoder, head and linear
   path of the product, trained on all training samples for a fixed number of epochs. No sample chooses an epoch.
3. An idea changes one thing. Its result is the difference from the plain network on the same folds, and the mean over
   tasks with its standard error. Ten epochs instead of 30 were chosen in the trials, and components of clades
   were added when the start without training was seen to be behind kernels; their first folds are in the table too.
4. "Another seed" changes nothing: what it differs by is noise, and so is whatever is not beyond it.
5. An idea helps if the mean difference is above .01 and no task loses more than .01.
6. A network joins the blend as a ninth member, weighted as the product does, by its own out-of-fold predictions.
7. Learning curves: training samples are drawn from those of the folds (or of one simulated study), tests stay the same.
8. `fish-temperature` was dropped and `infant-delivery` taken for it while the table was computed, for want of time.
9. Nothing here is chosen for the product on one task, and results that disappoint stay in the table.

`ideas` and `curves` compute what is missing; `table` writes what there is: the page, the record and the figure.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator, Sequence
from contextlib import suppress
from pathlib import Path

from benchmarks.network.curves import Point, measured, real_parts, simulated_parts
from benchmarks.network.ideas import STACKED, TaskScores, task_scores
from benchmarks.network.recipes import IDEAS
from benchmarks.network.store import Store
from benchmarks.network.table import write
from benchmarks.network.tasks import TASKS
from benchmarks.store import MissingError


def arguments(words: Sequence[str] | None = None) -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.network", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("what", nargs="+", choices=("ideas", "curves", "table"))
    parser.add_argument("--data", type=Path, required=True, help="folder with a folder for each study")
    parser.add_argument("--work", type=Path, default=Path("runs/network"), help="where predictions are kept")
    parser.add_argument("--tasks", nargs="+", choices=TASKS, default=list(TASKS))
    parser.add_argument("--recipes", nargs="+", choices=list(IDEAS), default=list(IDEAS))
    parser.add_argument(
        "--stack", nargs="*", choices=list(IDEAS), default=list(STACKED), help="those that join the blend"
    )
    parser.add_argument("--curve", nargs="+", choices=("real", "simulated"), default=["real", "simulated"])
    parser.add_argument("--output", type=Path, default=Path("benchmarks/results"), help="where the table lies")
    return parser.parse_args(words)


def main(options: argparse.Namespace) -> None:
    """Compute what is asked for and what is missing; the table shows what there is."""
    for what in options.what:
        store = Store(options.work, computes=what != "table")
        tasks = [] if what == "curves" else list(_tasks(options, store))
        points = [] if what == "ideas" else list(_points(options, store))
        if what == "table":
            write(options.output, tasks, points)


def _tasks(options: argparse.Namespace, store: Store) -> Iterator[TaskScores]:
    for name in options.tasks:
        with suppress(MissingError):
            yield task_scores(name, options.recipes, options.stack, options.data, store)
            print(f"{name}: done", flush=True)


def _points(options: argparse.Namespace, store: Store) -> Iterator[Point]:
    for curve in options.curve:
        for parts in real_parts(options.data) if curve == "real" else simulated_parts(options.work):
            with suppress(MissingError):
                yield measured(parts, curve, options.data, store)
                print(f"{curve}, {len(parts[0].train):,} training samples: done", flush=True)


if __name__ == "__main__":
    main(arguments())
