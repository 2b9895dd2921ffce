"""How well AAM and random forests predict samples of groups that they have never seen: grouped cross-validation.

Each fold of whole groups is the test part once. Of the other groups a fifth is the validation part, which chooses the
epoch of a model; a random forest needs none, and `forest-...` is fitted on the training part alone (as much as the
model learns from), `forest-...-all` on training and validation part together. An encoder is pre-trained for each fold
on its training and validation samples alone. What a finished run has written is not computed again.
"""

from __future__ import annotations

import argparse
import json
import shlex
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from aam.cli.main import main as aam
from aam.data.targets.kinds import CLASSES, NUMBERS, Predictions, TargetSpec
from aam.evaluation.prediction_table import read_predictions
from aam.files.atomic import write_text
from benchmarks.accuracy.folds import STUDIES, Benchmark, Samples, make_folds, read_samples, write_folds
from benchmarks.accuracy.table import Result, markdown, summarise
from benchmarks.machine import conditions

FOREST, ALL = "forest-", "-all"
FEATURES = {"asv": "asv", "clr": "clr", "clades": "clades", "dna-clades": "clades"}
FORESTS = [f"{FOREST}{name}{also}" for name in FEATURES for also in ("", ALL)]
NEURAL = ["scratch", "frozen", "finetuned"]
GUESS = "guess"
QUIET = ["--no-progress"]
WORDS = (
    "Samples of one group are never on two sides. All values are pooled over the test parts of all folds; in brackets "
    "the 95 % interval of a bootstrap that draws whole groups. The difference is paired.",
    "",
    f"`{GUESS}`: the mean, or the most frequent class, of training and validation part. `{FOREST}...`: "
    f"`aam rf-baseline` fitted on the training part, `{FOREST}...{ALL}` on training and validation part, which models "
    "need to choose the epoch. `clades` are those of the study's tree, `dna-clades` are made from the sequences. "
    "`scratch`, `frozen`, `finetuned`: `aam train` without an encoder, with a frozen and with a fine-tuned one that "
    "was pre-trained on the fold's training and validation part.",
)


class Fold:
    """One fold of a study: its lists, and the runs that are made with them.

    Parameters
    ----------
    folder
        Where the lists are and the runs go.
    study
        Folder of the study.
    benchmark
        What is predicted.
    options
        The program's options.
    """

    def __init__(self, folder: Path, study: Path, benchmark: Benchmark, options: argparse.Namespace) -> None:
        self.folder = folder
        self.tree = ["--tree", f"{study / 'tree.nwk'}"]
        self.where = ["--where", benchmark.where] if benchmark.where else []
        self.data = ["--table", f"{study / 'table.biom'}", "--metadata", f"{study / 'metadata.tsv'}", *self.where]
        self.target = ["--metadata-column", benchmark.target, *(["--classifier"] if benchmark.classifier else [])]
        self.group = ["--group-column", benchmark.group]
        self.options = options

    def run(self, model: str) -> tuple[Path, float]:
        """Fit a model unless it is there already; the file of its predictions and the seconds that it took."""
        if model.startswith(FOREST):
            return self._forest(model)
        if model == "scratch":
            return self.train(model, [])
        encoder, before = self.run_encoder()
        freeze = ["--freeze-base"] if model == "frozen" else []
        path, seconds = self.train(model, ["--pretrained-encoder", str(encoder), *freeze])
        return path, before + seconds

    def _forest(self, model: str) -> tuple[Path, float]:
        features = model.removeprefix(FOREST).removesuffix(ALL)
        tree = self.tree if features == "clades" else []
        lists = self._lists("train_val", "test") if model.endswith(ALL) else self._lists("train", "val", "test")
        output = self.folder / f"{model}.tsv"
        options = ["--features", FEATURES[features], "--n-estimators", str(self.options.trees)]
        places = ["--output", str(output), "--n-jobs", str(self.options.jobs), "--overwrite"]
        seed = ["--random-seed", str(self.options.seed)]
        return output, self._once(model, "rf-baseline", [*self.target, *tree, *lists, *options, *seed], places)

    def run_encoder(self) -> tuple[Path, float]:
        """Pre-train the fold's encoder unless it is there already; its run and the seconds that it took."""
        extra = shlex.split(self.options.pretrain_options)
        arguments = [*self.tree, *self._lists("train", "val"), "--seed", str(self.options.seed), *extra]
        output = self.folder / "encoder"
        return output, self._once("encoder", "pretrain", arguments, ["--output-dir", str(output), "--overwrite"])

    def train(self, model: str, more: list[str]) -> tuple[Path, float]:
        """Train a model with further options unless it is there already; predictions of the test part, and seconds."""
        bare = ["--learners", "network", "--no-forest-baseline", "--no-report", "--seed", str(self.options.seed)]
        extra = shlex.split(self.options.train_options)
        arguments = [*self.target, *self.group, *self._lists("train", "val", "test"), *bare, *more, *extra]
        output = self.folder / model
        seconds = self._once(model, "train", arguments, ["--output-dir", str(output), "--overwrite"])
        return output / "test_predictions.tsv", seconds

    def _lists(self, *names: str) -> list[str]:
        """The lists of samples as options. A forest on everything has no validation part; the test part stands in."""
        options = ("--train-samples", "--val-samples", "--test-samples")
        return [word for pair in zip(options, names, strict=False) for word in (pair[0], self._list(pair[1]))]

    def _list(self, name: str) -> str:
        return str(self.folder / f"{name}.txt")

    def _once(self, name: str, command: str, arguments: Sequence[str], places: Sequence[str]) -> float:
        """Run a command of AAM unless a record says that it has run with these arguments; the seconds it took."""
        record = self.folder / f"{name}.json"
        if record.exists():
            done = json.loads(record.read_text(encoding="utf-8"))
            if done["arguments"] != [command, *arguments]:
                raise SystemExit(f"{record} was made with other options: choose another --work, or remove it")
            return float(done["seconds"])
        print(f"{self.folder}: {name}", flush=True)
        start = time.perf_counter()
        quiet = [] if command == "rf-baseline" else QUIET
        code = aam([command, *self.data, *arguments, *places, *quiet])
        if code:
            raise SystemExit(code)
        seconds = time.perf_counter() - start
        write_text(record, json.dumps({"arguments": [command, *arguments], "seconds": seconds}, indent=1) + "\n")
        return seconds


def measure(options: argparse.Namespace) -> None:
    """Run what is missing of a study's folds and write the table and the record of all."""
    benchmark, study = STUDIES[options.study], options.data / options.study
    samples = read_samples(study, benchmark)
    folds = make_folds(samples, options.folds, options.seed, classifier=benchmark.classifier)
    folders = write_folds(options.work / options.study, folds)
    folds, folders = folds[: options.first], folders[: options.first]
    classes = tuple(np.unique(samples.values.astype(str)).tolist()) if benchmark.classifier else ()
    target = TargetSpec(column=benchmark.target, kind=CLASSES if classes else NUMBERS, classes=classes)
    results = {GUESS: Result([guess(samples, fold, target) for fold in folds], 0.0)}
    for model in options.models:
        runs = [Fold(folder, study, benchmark, options).run(model) for folder in folders]
        tables = [held_out(path, target) for path, _ in runs]
        results[model] = Result(tables, sum(seconds for _, seconds in runs))
    groups = dict(zip(samples.ids, samples.groups, strict=True))
    reference = options.reference if options.reference in results else GUESS
    write_results(options, benchmark, summarise(results, groups, reference))


def guess(samples: Samples, fold: dict[str, list[str]], target: TargetSpec) -> Predictions:
    """The mean, or the most frequent class, of the samples that are not in the test part."""
    is_test = np.isin(samples.ids.astype(str), fold["test"])
    known, observed = samples.values[~is_test], samples.values[is_test]
    if target.kind == NUMBERS:
        predicted, probabilities = np.full(len(observed), known.mean()), None
    else:
        labels, counts = np.unique(known.astype(str), return_counts=True)
        predicted = np.full(len(observed), labels[counts.argmax()], dtype=object)
        probabilities = np.tile([float(name == predicted[0]) for name in target.classes], (len(observed), 1))
    return Predictions(
        kind=target.kind,
        sample_ids=samples.ids[is_test],
        observed=observed,
        predicted=predicted,
        classes=target.classes,
        probabilities=probabilities,
    )


def held_out(path: Path, target: TargetSpec) -> Predictions:
    """The predictions of a fold's test part, which a forest on everything else calls its validation part."""
    parts = read_predictions(path, target, "test")
    return parts.get("test", next(iter(parts.values())))


def write_results(options: argparse.Namespace, benchmark: Benchmark, summary: dict[str, Any]) -> None:
    """Write ``STUDY.md`` and ``STUDY.json``, and print the table."""
    asked = ("study", "folds", "seed", "trees", "train_options", "pretrain_options")
    settings = {name: getattr(options, name) for name in asked}
    where = conditions()
    title = f"{options.study}: {benchmark.target}, leaving out groups of {benchmark.group}"
    where_words = f" ({benchmark.where})" if benchmark.where else ""
    left_out = f" ({summary['left_out']} more are left out: not every model predicts them)"
    about = [
        f"{summary['samples']} samples{where_words}{left_out if summary['left_out'] else ''} in the test parts of "
        f"{options.first or options.folds} of {options.folds} folds, seed {options.seed}. "
        f"Forests have {options.trees} trees.",
        *(f"`aam {name}` with `{text}`." for name, text in _extra(options).items() if text),
        "",
        ", ".join(f"{name} {value}" for name, value in where.items()) + ". Seconds are those of all folds.",
        "",
        *WORDS,
    ]
    text = markdown(title, about, summary, classifier=benchmark.classifier)
    options.output.mkdir(parents=True, exist_ok=True)
    record = {"settings": settings, "conditions": where, **summary}
    write_text(options.output / f"{options.study}.json", json.dumps(record, indent=1) + "\n")
    write_text(options.output / f"{options.study}.md", text)
    print(text)


def _extra(options: argparse.Namespace) -> dict[str, str]:
    return {"train": options.train_options, "pretrain": options.pretrain_options}


def arguments(words: Sequence[str] | None = None) -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.accuracy.network", description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--study", choices=STUDIES, required=True)
    parser.add_argument("--data", type=Path, required=True, help="folder with a folder for each study")
    parser.add_argument("--models", type=_models, default=FORESTS, help=f"of {', '.join([*FORESTS, *NEURAL])}")
    parser.add_argument("--folds", type=int, default=5)
    parser.add_argument("--first", type=int, default=None, help="measure only so many of the folds")
    parser.add_argument("--seed", type=int, default=42)
    parser.add_argument("--trees", type=int, default=500, help="trees of a forest")
    parser.add_argument("--jobs", type=int, default=2, help="cores of a forest")
    parser.add_argument("--train-options", default="", help="further options of `aam train`, as one word")
    parser.add_argument("--pretrain-options", default="", help="further options of `aam pretrain`, as one word")
    parser.add_argument("--reference", default="forest-asv", help="the model that the others are compared with")
    parser.add_argument("--work", type=Path, default=Path("runs/accuracy"), help="where lists and runs are kept")
    parser.add_argument("--output", type=Path, default=Path("benchmarks/results"), help="where the table is written")
    return parser.parse_args(words)


def _models(text: str) -> list[str]:
    models = text.split(",")
    unknown = [model for model in models if model not in FORESTS + NEURAL]
    if unknown:
        raise argparse.ArgumentTypeError(f"unknown model {unknown[0]}")
    return models


if __name__ == "__main__":
    measure(arguments())
