"""The studies that accuracy is measured on, and their folds."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from aam.config import StudyOptions, TableOptions
from aam.data.study.folds import deal
from aam.data.study.study import TargetRequest, load_study
from aam.data.targets.kinds import CLASSES, NUMBERS
from aam.files.atomic import write_text

VALIDATION_SHARE = 5  # one in five of the groups that are not tested
PARTS = ("train", "val", "test")


@dataclass(frozen=True)
class Benchmark:
    """What is predicted in a study, for which samples, and which of them belong together.

    Attributes
    ----------
    target, group
        Columns of the metadata.
    where
        Condition on the samples; empty for all.
    classifier
        Whether the target holds classes.
    """

    target: str
    group: str
    where: str = ""
    classifier: bool = False

    @property
    def main_metric(self) -> str:
        """The metric that models are compared by."""
        return "balanced_accuracy" if self.classifier else "r2"


STUDIES = {
    "decomp_pmi": Benchmark("add_0c", "host_subject_id", "sample_site == 'soil.hip'"),
    "infant_ecam": Benchmark("month_of_life", "host_subject_id", "mom_child == 'C'"),
    "fish_mackerel": Benchmark("sample_type", "host_subject_id", classifier=True),
}


@dataclass(frozen=True, eq=False)
class Samples:
    """Ids, target and group of the samples of a benchmark, in the order of their ids."""

    ids: np.ndarray
    values: np.ndarray
    groups: np.ndarray


def read_samples(folder: Path, benchmark: Benchmark) -> Samples:
    """Read a study's samples that have a value of the target and a group.

    Parameters
    ----------
    folder
        Folder with ``table.biom`` and ``metadata.tsv``.
    benchmark
        What to take of them.
    """
    study = load_study(
        TableOptions(table=(folder / "table.biom",)),
        StudyOptions(metadata=folder / "metadata.tsv", where=benchmark.where or None),
        None,
        TargetRequest(columns=(benchmark.target,), kind=CLASSES if benchmark.classifier else NUMBERS),
    )
    assert study.metadata is not None
    assert study.target is not None
    groups = study.metadata.labels(benchmark.group)
    assert (groups != "").all(), f"column {benchmark.group} is missing in some samples"
    order = np.argsort(study.sample_ids.astype(str))
    return Samples(study.sample_ids[order], study.target[order], groups[order])


def make_folds(samples: Samples, number: int, seed: int, *, classifier: bool) -> list[dict[str, list[str]]]:
    """Split whole groups into folds, balanced by class or quantile of the target; a function of the seed and the ids.

    Parameters
    ----------
    samples
        All samples.
    number
        Number of folds. Each is the test part once; of the others' groups a fifth is the validation part.
    seed
        Seed.
    classifier
        Whether the target holds classes.

    Returns
    -------
    list of dict
        ``train``, ``val`` and ``test`` -> ids of the samples.
    """
    strata = (CLASSES if classifier else NUMBERS).strata(samples.values)
    fold_of = deal(strata, samples.groups, number, np.random.default_rng([seed, number]))
    folds = []
    for fold in range(number):
        test, rest = np.flatnonzero(fold_of == fold), np.flatnonzero(fold_of != fold)
        rng = np.random.default_rng([seed, number, fold])
        is_val = deal(strata[rest], samples.groups[rest], VALIDATION_SHARE, rng) == 0
        parts = zip(PARTS, (rest[~is_val], rest[is_val], test), strict=True)
        folds.append({part: samples.ids[chosen].tolist() for part, chosen in parts})
    return folds


def write_folds(folder: Path, folds: Sequence[dict[str, list[str]]]) -> list[Path]:
    """Write the lists of each fold into a folder of its own, and say which; refuse a folder with other folds."""
    record = folder / "folds.json"
    text = json.dumps(folds, indent=1) + "\n"
    if record.exists() and record.read_text(encoding="utf-8") != text:
        raise SystemExit(f"{record} holds other folds: choose another --work")
    folders = [folder / f"fold{number}" for number in range(len(folds))]
    for path, fold in zip(folders, folds, strict=True):
        path.mkdir(parents=True, exist_ok=True)
        for part, ids in {**fold, "train_val": [*fold["train"], *fold["val"]]}.items():
            write_text(path / f"{part}.txt", "".join(f"{sample_id}\n" for sample_id in ids))
    write_text(record, text)
    return folders
