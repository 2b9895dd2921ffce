"""The options of the supervised side beside one another: heads, losses, scalings, covariates, ways of fine-tuning.

Every variant is an `aam train` on the same folds of whole groups, from the encoder that was pre-trained on the fold's
own training and validation samples; the random forest of the same training samples stands beside them. The table says
how good the predictions of the held-out groups are, and how often their truth lies in its 90 % interval, which was made
from the validation groups. What a finished run has written is not computed again.
"""

from __future__ import annotations

import argparse
import json
import shlex
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from aam.data.targets.kinds import NUMBERS, Predictions, TargetSpec
from aam.files.atomic import write_text
from benchmarks.accuracy.folds import STUDIES, make_folds, read_samples, write_folds
from benchmarks.accuracy.network import Fold, held_out
from benchmarks.accuracy.table import Result, pooled, summarise
from benchmarks.machine import conditions

FOREST = "forest-asv"
FROZEN = "--freeze-base --epochs 30"
FINE = "--epochs 10"
VARIANTS = {
    "frozen": FROZEN,
    "frozen, 8 passes": f"{FROZEN} --val-prediction-passes 8",
    "frozen, head: one linear layer": f"{FROZEN} --regressor-hidden-dims none",
    "frozen, head: 64, 32": f"{FROZEN} --regressor-hidden-dims 64,32",
    "frozen, head: 64, 32, residual": f"{FROZEN} --regressor-hidden-dims 64,32 --residual-regression-head",
    "frozen, head: dropout 0.5": f"{FROZEN} --regressor-dropout 0.5",
    "frozen, head: layer norm": f"{FROZEN} --target-layer-norm",
    "frozen, head: bounded": f"{FROZEN} --bounded-targets",
    "frozen, head: softplus": f"{FROZEN} --output-activation softplus",
    "frozen, head: learnable scale": f"{FROZEN} --learnable-output-scale",
    "frozen, head: no linear path": f"{FROZEN} --no-linear-path",
    "frozen, loss: mse": f"{FROZEN} --loss-type mse",
    "frozen, loss: mae": f"{FROZEN} --loss-type mae",
    "frozen, loss: quantile": f"{FROZEN} --loss-type quantile --quantiles 0.05,0.5,0.95",
    "frozen, loss: asymmetric 2 to 1": f"{FROZEN} --loss-type asymmetric --over-penalty 2 --under-penalty 1",
    "frozen, scaling: minmax": f"{FROZEN} --target-transform minmax",
    "frozen, scaling: log-zscore": f"{FROZEN} --target-transform log-zscore",
    "frozen, scaling: quantile": f"{FROZEN} --target-transform quantile",
    "frozen, covariates": f"{FROZEN} --categorical-columns delivery,diet,sex",
    "frozen, ensemble of 3": f"{FROZEN} --ensemble 3",
    "fine-tuned": FINE,
    "fine-tuned, 8 passes": f"{FINE} --val-prediction-passes 8",
    "fine-tuned, layer decay 0.8": f"{FINE} --layer-lr-decay 0.8",
    "fine-tuned, gradual": f"{FINE} --gradual-unfreezing 2",
}


def measure(options: argparse.Namespace) -> None:
    """Run what is missing and write the table and the record of all variants."""
    benchmark, study = STUDIES[options.study], options.data / options.study
    assert not benchmark.classifier, "the variants are of numeric targets"
    samples = read_samples(study, benchmark)
    folders = write_folds(
        options.work / options.study, make_folds(samples, options.folds, options.seed, classifier=False)
    )
    target = TargetSpec(column=benchmark.target, kind=NUMBERS)
    results: dict[str, Result] = {}
    for name, words in {FOREST: "", **_chosen(options.variants)}.items():
        tables, seconds = [], 0.0
        for folder in folders[: options.first]:
            path, took = _run(Fold(folder, study, benchmark, options), name, words)
            tables.append(held_out(path, target))
            seconds += took
        results[name] = Result(tables, seconds)
        groups = dict(zip(samples.ids, samples.groups, strict=True))
        write_results(options, summarise(results, groups, FOREST), coverages(results, groups))


def _run(fold: Fold, name: str, words: str) -> tuple[Path, float]:
    """Predictions of the test part by one variant, and the seconds of its training."""
    if name == FOREST:
        return fold.run(FOREST)
    encoder, _ = fold.run_encoder()
    return fold.train(_folder_name(name), ["--pretrained-encoder", str(encoder), *shlex.split(words)])


def _folder_name(name: str) -> str:
    return "".join(letter if letter.isalnum() else "-" for letter in name)


def coverages(results: Mapping[str, Result], groups: Mapping[str, str]) -> dict[str, tuple[float, float]]:
    """Share of the held-out truths that lie in their intervals, and the intervals' median width, by variant."""
    found = {}
    for name, result in results.items():
        table = pooled(result.folds, groups)
        if table.low is not None and table.high is not None:
            found[name] = (_share_inside(table), float(np.median(table.high - table.low)))
    return found


def _share_inside(table: Predictions) -> float:
    assert table.low is not None
    assert table.high is not None
    return float(((table.low <= table.observed) & (table.observed <= table.high)).mean())


def write_results(
    options: argparse.Namespace, summary: dict[str, Any], covered: Mapping[str, tuple[float, float]]
) -> None:
    """Write ``supervised_STUDY.md`` and ``.json``, and print the table."""
    where = conditions()
    lines = [
        f"# {options.study}: options of the supervised side",
        "",
        f"{summary['samples']} samples in the test parts of {options.first or options.folds} of {options.folds} folds "
        f"of whole groups, seed {options.seed}. Encoders: `aam pretrain {options.pretrain_options}` on the fold's "
        "training and validation part. In brackets the 95 % interval of a bootstrap that draws whole groups; the "
        "difference is paired.",
        "",
        ", ".join(f"{name} {value}" for name, value in where.items()) + ". Seconds are those of all folds' training.",
        "",
        "| variant | options | R2 | MAE | difference in R2 to the forest | in the 90 % interval | width | seconds |",
        "|---|---|---|---|---|---|---|---|",
        *(_row(name, found, covered) for name, found in summary["models"].items()),
    ]
    options.output.mkdir(parents=True, exist_ok=True)
    text = "\n".join(lines) + "\n"
    record = {"conditions": where, "coverage": covered, "variants": VARIANTS, **summary}
    write_text(options.output / f"supervised_{options.study}.json", json.dumps(record, indent=1) + "\n")
    write_text(options.output / f"supervised_{options.study}.md", text)
    print(text, flush=True)


def _row(name: str, found: Mapping[str, Any], covered: Mapping[str, tuple[float, float]]) -> str:
    share, width = covered.get(name, (None, None))
    metrics, difference = found["metrics"], found["difference"]
    cells = [name, f"`{VARIANTS[name]}`" if name in VARIANTS else "", *(_interval(metrics[m]) for m in ("r2", "mae"))]
    cells += [_interval(difference["r2"], "+") if difference else ""]
    cells += [
        "" if share is None else f"{share:.1%}",
        "" if width is None else f"{width:.2f}",
        f"{found['seconds']:.0f}",
    ]
    return f"| {' | '.join(cells)} |"


def _interval(values: Sequence[float], sign: str = "") -> str:
    value, low, high = (f"{x:{sign}.3f}" for x in values)
    return f"{value} ({low} to {high})"


def _chosen(names: Sequence[str]) -> dict[str, str]:
    return {name: VARIANTS[name] for name in names} if names else VARIANTS


def arguments(words: Sequence[str] | None = None) -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.supervised", description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    numeric = [name for name, benchmark in STUDIES.items() if not benchmark.classifier]
    parser.add_argument("--study", choices=numeric, default="infant_ecam")
    parser.add_argument("--data", type=Path, required=True, help="folder with a folder for each study")
    parser.add_argument("--variants", nargs="*", choices=VARIANTS, default=(), help="all where left out")
    parser.add_argument("--folds", type=int, default=5)
    parser.add_argument("--first", type=int, default=None, help="measure only so many of the folds")
    parser.add_argument("--seed", type=int, default=42)
    parser.add_argument("--trees", type=int, default=500, help="trees of the forest")
    parser.add_argument("--jobs", type=int, default=2, help="cores of the forest")
    parser.add_argument("--train-options", default="", help="further options of every `aam train`, as one word")
    parser.add_argument("--pretrain-options", default="--epochs 8", help="options of `aam pretrain`, as one word")
    parser.add_argument("--work", type=Path, default=Path("runs/supervised"), help="where lists and runs are kept")
    parser.add_argument("--output", type=Path, default=Path("benchmarks/results"), help="where the table is written")
    return parser.parse_args(words)


if __name__ == "__main__":
    measure(arguments())
