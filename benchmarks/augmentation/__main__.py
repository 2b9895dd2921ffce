"""What each augmentation brings: the product's network on folds of the development suite, with and without it.

Protocol: the shipped encoder is frozen, its head is trained as `aam train --learners network --freeze-base` does it (a
fifth of the training samples chooses the epoch); the five folds (whole groups) of `aam benchmark --repeats 1`; R2 (the
mean over folds of the explained share of the task's variance), or AUROC for classes. A difference is that of an arm
from the same network without augmentation on the same fold. `again` changes the seed alone, and with it the samples
that choose the epoch: whatever is not beyond it is noise. An augmentation becomes a default where its mean difference
is above .01 and beyond two standard errors over tasks, and no task loses more than .01.

`compute` computes what is missing, `learners` what mixtures bring as further training samples of other learners, and
`table` writes what there is.
"""

from __future__ import annotations

import argparse
import dataclasses
from collections.abc import Sequence
from pathlib import Path

from benchmarks.augmentation.arms import ARMS, open_store, predictions, with_depth
from benchmarks.augmentation.learners import WAYS, learner_predictions
from benchmarks.augmentation.table import MEMBERS, write
from benchmarks.network.tasks import open_tasks, parts_of

TASKS = ("infant-delivery", "prairie-ph", "infant-month", "saliva-age", "forest-region", "fish-temperature")


def arguments(words: Sequence[str] | None = None) -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.augmentation",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("what", nargs="+", choices=("compute", "learners", "table"))
    parser.add_argument("--data", type=Path, required=True, help="folder with a folder for each study")
    parser.add_argument("--work", type=Path, default=Path("runs/augmentation"), help="where predictions are kept")
    parser.add_argument("--tasks", nargs="+", choices=TASKS, default=list(TASKS))
    parser.add_argument("--arms", nargs="+", choices=list(ARMS), default=list(ARMS))
    parser.add_argument("--members", nargs="+", choices=MEMBERS, default=list(MEMBERS), help="of `learners`")
    parser.add_argument("--folds", type=int, default=5, help="the first folds of each task")
    parser.add_argument("--output", type=Path, default=Path("benchmarks/results"), help="where the table lies")
    return parser.parse_args(words)


def main(options: argparse.Namespace) -> None:
    """Compute what is asked for and what is missing; the table shows what there is."""
    store = open_store(options.work)
    for name in options.tasks if {"compute", "learners"} & set(options.what) else ():
        (task,) = open_tasks([name], options.data)
        task = dataclasses.replace(task, study=with_depth(task.study))
        for part in list(parts_of(task))[: options.folds]:
            if "compute" in options.what:
                took = [predictions(part, arm, store)[1] for arm in options.arms]
                print(f"{part.name}: networks in {sum(took):.0f} s", flush=True)
            if "learners" in options.what:
                took = [learner_predictions(part, one, way, store)[1] for one in options.members for way in WAYS]
                print(f"{part.name}: learners in {sum(took):.0f} s", flush=True)
    if "table" in options.what:
        write(options.output, options.data, options.tasks, open_store(options.work, computes=False))


if __name__ == "__main__":
    main(arguments())
