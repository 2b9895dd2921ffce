"""Whether intervals and sets of a blend hold what they promise: simulated studies whose samples come in groups.

A study has 120 training samples and 300 of other subjects. A blend (random forest and kernel ridges) is fitted, its
intervals and sets are calibrated on its out-of-fold errors, and the others are judged, each subject counting the same.
Beside it stands the proven rule that counts a subject as one sample (hierarchical conformal prediction). Half of the
studies have 15 training subjects with 8 samples, half 30 with 4.
"""

from __future__ import annotations

import argparse
import json
import math
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from aam import load_study
from aam.config.commands.simulate import SimulateOptions
from aam.data.study.study import Study
from aam.data.targets.fitting import fit_targets
from aam.data.targets.intervals import Calibration
from aam.data.targets.kinds import CLASSES, NUMBERS, TargetRules
from aam.evaluation.coverage import evaluate_coverage
from aam.evaluation.decode_predictions import PredictionDecoder
from aam.files.atomic import write_text
from aam.learners.blend import fit_blend
from aam.learners.catalogue import FOREST, expand
from aam.learners.folds import deal_folds
from aam.learners.held_out import samples_of
from aam.learners.members import new_member
from aam.learners.protocol import Labelled, Task
from aam.learners.reference import Reference
from aam.learners.trees.forest import ForestLearner, ForestSettings
from aam.simulation.study import simulate_study
from benchmarks.machine import conditions

LEVELS = (0.5, 0.8, 0.9, 0.95)
TRAINING, TESTED = 120, 300
DESIGNS = (8, 4)
"""Samples of a subject."""
COLUMNS = {"gradient": NUMBERS, "group": CLASSES}
MEMBERS = ("forest", "jaccard", "clr-linear", "clr-radial", "clades-linear", "clades-radial")
NUM_TREES = 60
RULES = ("effective number of samples", "number of groups")


@dataclass(frozen=True, kw_only=True)
class Judged:
    """Coverage and size at one level in one study."""

    column: str
    design: int
    rule: str
    level: float
    share: float
    size: float


def measure(options: argparse.Namespace) -> None:
    """Simulate, fit and judge all studies; write the table and the record."""
    about, began, found = conditions(), time.monotonic(), []
    for number in range(options.studies):
        with tempfile.TemporaryDirectory() as folder:
            found += judge_study(Path(folder) / "study", number, DESIGNS[number % len(DESIGNS)])
        print(f"study {number + 1} of {options.studies}: {time.monotonic() - began:.0f} s", flush=True)
    record = {"conditions": about, "studies": options.studies, "judged": [vars(one) for one in found]}
    write_text(options.output.with_suffix(".json"), json.dumps(record, indent=1) + "\n")
    write_text(options.output, page(found, options.studies, about))
    print(options.output)


def judge_study(folder: Path, seed: int, per_subject: int) -> Iterator[Judged]:
    """Fit and judge a blend of each target of one simulated study."""
    num_samples = per_subject * math.ceil((TRAINING + TESTED) / per_subject)
    simulated = simulate_study(
        SimulateOptions(
            output_dir=folder,
            samples=num_samples,
            asvs=200,
            asvs_per_sample=40.0,
            reads=3_000,
            noise=0.1,
            samples_per_subject=per_subject,
            subject_effect=1.5,
            seed=seed,
        )
    )
    for column, kind in COLUMNS.items():
        study = load_study(
            table=simulated.table,
            metadata=simulated.metadata,
            metadata_column=(column,),
            classifier=kind is CLASSES,
        )
        yield from _judge(study, column, seed, per_subject)


def _judge(study: Study, column: str, seed: int, per_subject: int) -> Iterator[Judged]:
    sheet, kind = study.metadata, COLUMNS[column]
    assert sheet is not None
    order = np.argsort(study.sample_ids.astype(str), kind="stable")
    rows, new = order[:TRAINING], order[TRAINING:]
    groups = sheet.labels("subject")
    assert not set(groups[rows]) & set(groups[new])
    rules = TargetRules(columns=(column,), kind=kind, transform="none" if kind is CLASSES else "zscore")
    targets = fit_targets(rules, study.targets, rows, "simulated", None)
    task = Task(targets=targets, reference=Reference.fit(study, rows))
    learned = targets.encode({column: study.targets[column][rows]}).astype(np.float64)
    members = [
        ForestLearner(task, ForestSettings(n_estimators=NUM_TREES, seed=seed, n_jobs=1))
        if name == FOREST
        else new_member(name, task, seed)
        for name in expand(MEMBERS)
    ]
    labelled = Labelled(rows=rows, targets=learned, groups=groups[rows])
    blend = fit_blend(members, expand(MEMBERS), study, labelled, deal_folds(kind, labelled, seed))
    decoder = PredictionDecoder(targets=targets)
    (calibration,) = decoder.calibrate(blend.blended, samples_of(targets, study, rows, groups))
    assert calibration is not None
    predicted, known = blend.predict(study, new)[None], samples_of(targets, study, new, groups)
    for rule, one in zip(RULES, (calibration, by_groups(calibration)), strict=True):
        for level in LEVELS:
            judge = replace(decoder, calibrations=(one,), level=level)
            found = evaluate_coverage(judge, predicted, known, "test")[column].found
            at = next(some for some in found if some.level == level)
            yield Judged(
                column=column,
                design=per_subject,
                rule=rule,
                level=level,
                share=at.share.value,
                size=float(at.size_N.mean()),
            )


def by_groups(calibration: Calibration) -> Calibration:
    """The same scores, each group with the weight of one sample."""
    number, groups = calibration.num_effective, calibration.num_groups
    factor = groups / (groups + 1) * (number + 1) / number
    return replace(calibration, weights=tuple(factor * one for one in calibration.weights), num_effective=float(groups))


def page(found: Sequence[Judged], studies: int, about: Mapping[str, Any]) -> str:
    """The page of results."""
    lines = [
        "# Coverage of a blend's intervals and sets",
        "",
        f"{studies} simulated studies, {TRAINING} training samples in groups, {TESTED} samples of new groups; "
        "`python -m benchmarks.accuracy.coverage`. Coverage: mean over studies ± its standard error, each group "
        "counting the same. Width: as a share of the gradient's length, or the mean number of the 3 classes.",
        "",
        ", ".join(f"{name} {value}" for name, value in about.items()),
    ]
    for column, what in (("gradient", "Intervals of a number"), ("group", "Sets of classes")):
        lines += ["", f"## {what}", ""]
        lines.append("| groups | nominal | " + " | ".join(f"{rule}: coverage | width" for rule in RULES) + " |")
        lines.append("|---|---|" + "---|---|" * len(RULES))
        for design in DESIGNS:
            for level in LEVELS:
                cells = [
                    _cells([one for one in found if (one.column, one.design, one.level, one.rule) == wanted])
                    for wanted in ((column, design, level, rule) for rule in RULES)
                ]
                lines.append(f"| {TRAINING // design} of {design} | {100 * level:g} % | {' | '.join(cells)} |")
    return "\n".join(lines) + "\n"


def _cells(some: Sequence[Judged]) -> str:
    shares, sizes = (np.array([getattr(one, name) for one in some]) for name in ("share", "size"))
    if not len(shares):
        return "| "
    error = shares.std(ddof=1) / math.sqrt(len(shares)) if len(shares) > 1 else math.nan
    return f"{100 * shares.mean():.1f} ± {100 * error:.1f} % | {sizes.mean():.3f}"


def main() -> None:
    """Read the command line and measure."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--studies", type=int, default=30, help="simulated studies")
    default = Path(__file__).parents[1] / "results" / "coverage.md"
    parser.add_argument("--output", type=Path, default=default, help="page of results; a .json is put beside it")
    measure(parser.parse_args())


if __name__ == "__main__":
    main()
