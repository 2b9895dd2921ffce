"""What explanations find of a truth that is known, and how sure they are of it.

Recovery: studies whose informative ASVs are known. Precision at k (k groups are informative) and AUROC of the rankings
by each method and learner, beside the importances of a random forest on the same groups (impurity; permutation by
scikit-learn) and Spearman's correlation with the target (called by Benjamini-Hochberg at 5 %). Clades with informative
ASVs and others are left out. All rankings see the same training samples and explain the same samples.

Calibration: do 95 % intervals hold the effect of the same model on ten times as many independent samples, and the
effects of models that were fitted on other samples? Have effects the sign of the truth?

Nulls: what is called clear or stable where targets are shuffled, and how much of what is called is not informative.

Networks: recovery by gradients and attention of a network, how far integrated gradients are from completeness, and
what is found in a network whose weights are random.

Infants: which ASVs of `infant_ecam` the predicted age rests on.

Everything takes about an hour of one core, or two minutes with --quick; what is finished is kept, and `table` writes
what there is.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

from benchmarks.explain import table
from benchmarks.explain.calibration import calibration
from benchmarks.explain.infants import infants
from benchmarks.explain.networks import networks
from benchmarks.explain.nulls import nulls
from benchmarks.explain.recovery import DESIGNS, recovery
from benchmarks.explain.store import Store
from benchmarks.machine import conditions
from benchmarks.store import MissingError

PARTS = ("recovery", "calibration", "nulls", "networks", "infants")
QUICK = ((100, 2.0),)


def arguments(words: Sequence[str] | None = None) -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.explain", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("what", nargs="*", choices=(*PARTS, "table"), default=[*PARTS, "table"], help="all if left out")
    parser.add_argument("--data", type=Path, help="folder with a folder for each study; for the infants")
    parser.add_argument("--work", type=Path, default=Path("runs/explain"), help="where results are kept")
    parser.add_argument("--seeds", type=int, default=4, help="studies of each design")
    parser.add_argument("--quick", action="store_true", help="one small design of recovery, one study, no other part")
    parser.add_argument("--output", type=Path, default=Path("benchmarks/results"), help="where the table lies")
    found = parser.parse_args(words)
    if "infants" in found.what and found.data is None and not found.quick:
        parser.error("infants need --data")
    return found


def main(options: argparse.Namespace) -> None:
    """Compute what is asked for and is missing; the table shows what there is."""
    about = conditions()
    for what in options.what:
        store = Store(options.work, computes=what != "table")
        parts = PARTS if what == "table" else (what,)
        if options.quick:
            parts = tuple(part for part in parts if part == "recovery")
        found = {part: _results(part, options, store) for part in parts}
        if what == "table":
            table.write(options.output, found, about)
            print(options.output / "explain.md")


def _results(part: str, options: argparse.Namespace, store: Store) -> Any:
    seeds = range(1 if options.quick else options.seeds)
    if part == "recovery":
        return recovery(store, QUICK if options.quick else DESIGNS, seeds)
    if part == "calibration":
        return calibration(store, seeds)
    if part in ("nulls", "networks"):
        return (nulls if part == "nulls" else networks)(store, seeds)
    with suppress(MissingError):
        return store.get("infants", lambda: infants(options.data))
    return []


if __name__ == "__main__":
    main(arguments())
