"""How often samples are called unlike the training samples: held-out samples, other studies, and sequences made wrong.

What a model knows of its training data does not depend on the target or the learners, so that no model is fitted. A
training study is divided into five folds of whole groups; what is learned from four judges the fifth: these are the
false alarms, of which 5 % are promised. What is learned from all samples judges a few samples of every other study, and
of its own after their sequences were reversed, cut to 100 bases, begun ten bases later, or replaced by random bases.
"""

from __future__ import annotations

import argparse
import json
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from aam import load_study
from aam.alphabet import PAD
from aam.data.readers.strand import SequenceSet
from aam.data.study.dealing import deal
from aam.data.study.study import Study
from aam.errors import InputError
from aam.files.atomic import write_text
from aam.learners.novelty.familiarity import Familiarity
from aam.learners.novelty.judgement import Novelty, judge, verdict
from benchmarks.machine import conditions

FOLDS, SAMPLES = 5, 5
HELD_OUT = "held-out samples"
CUT, LATER = 100, 10


@dataclass(frozen=True, kw_only=True)
class Training:
    """A training study: its folder, its samples, and the column of its groups."""

    study: str
    group: str
    where: str | None = None


TRAININGS = (
    Training(study="infant_ecam", group="host_subject_id", where="mom_child == 'C'"),
    Training(study="fish_mackerel", group="date_serial"),
    Training(study="decomp_pmi", group="host_subject_id", where="sample_site == 'soil.hip'"),
)


@dataclass(frozen=True, kw_only=True)
class Found:
    """What was said of some samples."""

    trained: str
    judged: str
    samples: int
    alarms: float
    familiar: float
    novelty: float
    refused: bool
    warning: str


def measure(options: argparse.Namespace) -> None:
    """Judge everything; write the table and the record."""
    about, began, found = conditions(), time.monotonic(), []
    for training in TRAININGS:
        found += judge_all(options.data, training)
        print(f"{training.study}: {time.monotonic() - began:.0f} s", flush=True)
    record = {"conditions": about, "found": [asdict(one) for one in found]}
    write_text(options.output.with_suffix(".json"), json.dumps(record, indent=1) + "\n")
    write_text(options.output, page(found, about))
    print(options.output)


def judge_all(data: Path, training: Training) -> Iterator[Found]:
    """What is said of all samples by what is known of one training study."""
    folder = place_of(data, training.study)
    study = load_study(table=folder / "table.biom", metadata=folder / "metadata.tsv", where=training.where)
    assert study.metadata is not None
    groups = study.metadata.labels(training.group)
    yield of_held_out(training, study, groups)
    known = Familiarity.fit(study, np.arange(len(study)), groups)
    assert known is not None
    own = some_of(study)
    for name, change in CHANGES.items():
        yield summed(training, f"its own, {name}", known, change(own))
    for name, path in studies(data):
        if name != training.study:
            try:
                yield summed(training, name, known, some_of(load_study(table=path)))
            except InputError as error:
                print(error)


def of_held_out(training: Training, study: Study, groups: np.ndarray) -> Found:
    """False alarms: each fold of groups judged by what the other four tell."""
    fold_N = deal(np.zeros(len(study), dtype=np.int64), groups, FOLDS, np.random.default_rng(0))
    pieces = []
    for fold in range(FOLDS):
        rows = np.flatnonzero(fold_N != fold)
        known = Familiarity.fit(study, rows, groups[rows])
        pieces.append(judge(known, study.take(np.flatnonzero(fold_N == fold))))
    parts = {
        name: np.concatenate([getattr(one, name) for one in pieces])
        for name in ("familiar_N", "novelty_N", "warning_N")
    }
    return described(training, HELD_OUT, Novelty(**parts), refused=False)


def summed(training: Training, name: str, known: Familiarity, study: Study) -> Found:
    """What is said of some samples of one study."""
    novelty = judge(known, study)
    return described(training, name, novelty, refused=bool(verdict(known, study, novelty).problem))


def described(training: Training, name: str, novelty: Novelty, *, refused: bool) -> Found:
    """The same in numbers."""
    warned = Counter(str(one) for one in novelty.warning_N if one)
    return Found(
        trained=training.study,
        judged=name,
        samples=len(novelty.novelty_N),
        alarms=float(novelty.is_new_N.mean()),
        familiar=float(np.median(novelty.familiar_N)),
        novelty=float(np.median(novelty.novelty_N)),
        refused=refused,
        warning=warned.most_common(1)[0][0] if warned else "",
    )


def some_of(study: Study) -> Study:
    """A few samples, with the ASVs that they have."""
    number = min(SAMPLES, len(study))
    rows = np.sort(np.random.default_rng(0).choice(len(study), number, replace=False))
    counts = study.table.counts[rows]
    present = np.unique(counts.indices)
    table = replace(study.table.select(rows), counts=counts[:, present])
    return replace(study.take(rows), table=table, tokens=study.tokens[present], lengths=study.lengths[present])


def with_bases(study: Study, tokens: np.ndarray) -> Study:
    """The same reads of other sequences."""
    return replace(study, tokens=tokens, lengths=(tokens != PAD).sum(axis=1))


def random_bases(study: Study) -> Study:
    """Bases drawn at random, as many as there were."""
    drawn = np.random.default_rng(0).integers(1, 5, study.tokens.shape).astype(np.uint8)
    return with_bases(study, np.where(study.tokens == PAD, PAD, drawn))


CHANGES: Mapping[str, Callable[[Study], Study]] = {
    "other strand": lambda study: with_bases(
        study, SequenceSet(study.tokens, np.ones(len(study.tokens))).turned.tokens
    ),
    f"first {CUT} bases": lambda study: with_bases(study, study.tokens[:, :CUT]),
    f"without the first {LATER} bases": lambda study: with_bases(study, study.tokens[:, LATER:]),
    "random bases": random_bases,
}


def studies(data: Path) -> Iterator[tuple[str, Path]]:
    """Name and table of each study, of those in subfolders too."""
    for path in sorted(data.glob("**/table.biom")):
        yield path.parent.name, path


def place_of(data: Path, name: str) -> Path:
    """The folder of a study."""
    return next(path.parent for found, path in studies(data) if found == name)


def page(found: Sequence[Found], about: Mapping[str, Any]) -> str:
    """The page of results."""
    names = [training.study for training in TRAININGS]
    judged = list(dict.fromkeys(one.judged for one in found))
    lines = [
        "# Novelty alarms",
        "",
        "`python -m benchmarks.accuracy.novelty --data DATA`. Rows: what is judged; columns: the training study. "
        f"Held-out samples: {FOLDS} folds of whole groups; else up to {SAMPLES} samples. Each cell: samples called "
        "unlike the training samples (novelty above 1), median novelty, most frequent warning; **refused** where "
        "`aam predict` needs `--allow-unfamiliar`. Promised: 5 % of held-out samples.",
        "",
        ", ".join(f"{name} {value}" for name, value in about.items()),
        "",
        "| judged | " + " | ".join(names) + " |",
        "|---|" + "---|" * len(names),
    ]
    cells = {(one.judged, one.trained): cell(one) for one in found}
    lines += [
        f"| {name} | " + " | ".join(cells.get((name, trained), "") for trained in names) + " |" for name in judged
    ]
    return "\n".join(lines) + "\n"


def cell(one: Found) -> str:
    """One cell of the table."""
    alarms = f"{100 * one.alarms:.1f} %" if one.judged == HELD_OUT else f"{100 * one.alarms:.0f} %"
    words = [alarms, f"{one.novelty:.1f}", *([one.warning] if one.warning and one.judged != HELD_OUT else [])]
    return ", ".join(words) + (" **refused**" if one.refused else "")


def main() -> None:
    """Read the command line and measure."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True, help="folder with a folder for each study")
    default = Path(__file__).parents[1] / "results" / "novelty.md"
    parser.add_argument("--output", type=Path, default=default, help="page of results; a .json is put beside it")
    measure(parser.parse_args())


if __name__ == "__main__":
    main()
