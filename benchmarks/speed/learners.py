"""What each member of a blend takes, in seconds and memory, against the number of samples.

Studies are simulated. A member is fitted on all samples and without each of five folds, as a blend does it, in a
process of its own; its memory is that of the process, with the study in it. Time is that of the processor, on all cores
together, which other programs do not lengthen much. Sizes that an earlier run has measured stay in the table.
"""

from __future__ import annotations

import json
import tempfile
import time
from pathlib import Path

import numpy as np

import aam
from aam.config.commands.simulate import SimulateOptions
from aam.data.study.study import Study
from aam.data.targets.fitting import fit_targets
from aam.data.targets.kinds import NUMBERS, TargetRules
from aam.learners.catalogue import AUTO, LABELS, expand
from aam.learners.folds import deal_folds
from aam.learners.members import new_member, possible_members
from aam.learners.protocol import Labelled, Task
from aam.learners.reference import Reference
from aam.simulation.study import simulate_study
from benchmarks.speed import common
from benchmarks.speed.common import Measured, number

TITLE = "Members of a blend against samples"
REFERENCE, SHARED = "reference", "what they share"
"""What all members share: the tree of the sequences, and the samples that kernels compare with."""


def measure(folder: str, member: str) -> Measured:
    """Seconds of one member, or of what members share, on a simulated study."""
    study = aam.load_study(
        table=f"{folder}/table.biom", metadata=f"{folder}/metadata.tsv", metadata_column=("gradient",)
    )
    started, used = time.perf_counter(), time.process_time()
    task, samples = _task(study)
    if member != REFERENCE:
        started, used = time.perf_counter(), time.process_time()
        new_member(member, task, 42).cross_fit(study, samples, deal_folds(NUMBERS, samples))
    return {"seconds": time.perf_counter() - started, "processor": time.process_time() - used}


def _task(study: Study) -> tuple[Task, Labelled]:
    rows = np.arange(len(study))
    rules = TargetRules(columns=("gradient",), kind=NUMBERS, transform="zscore")
    targets = fit_targets(rules, study.targets, rows, "", None)
    assert study.metadata is not None
    groups = study.metadata.labels("subject")
    samples = Labelled(rows=rows, targets=targets.encode(study.targets).astype(np.float64), groups=groups)
    return Task(targets=targets, reference=Reference.fit(study, rows)), samples


def main() -> None:
    """Measure all members at all sizes, and write the table."""
    parser = common.parser(__doc__, "learners")
    parser.add_argument("--samples", type=int, nargs="+", default=[300, 1_000, 3_000, 10_000, 30_000, 100_000])
    parser.add_argument("--asvs", type=int, default=2_000)
    options = parser.parse_args()
    facts = common.conditions(options)
    results = _earlier(options.output.with_suffix(".json"))
    for samples in options.samples:
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "study"
            simulate_study(SimulateOptions(output_dir=path, samples=samples, asvs=options.asvs))
            study = aam.load_study(table=path / "table.biom")
            members, _ = possible_members(expand([AUTO]), study, has_encoder=False)
            results[samples] = {
                name: common.in_child(measure, {"folder": str(path), "member": name}, options.threads)
                for name in (REFERENCE, *members)
            }
            print(samples, results[samples], flush=True)
        _write(options.output, facts, results)


def _earlier(path: Path) -> dict[int, dict[str, Measured]]:
    """What was measured before, by number of samples."""
    found = json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}
    return {int(size): members for size, members in found.items() if size.isdecimal()}


def _write(output: Path, facts: dict[str, str], results: dict[int, dict[str, Measured]]) -> None:
    results = dict(sorted(results.items()))
    names = list(next(iter(results.values())))
    header = ["", *(f"{samples:,} samples" for samples in results)]
    rows = [
        [LABELS.get(name, "what they share"), *(_cell(found[name]) for found in results.values())] for name in names
    ]
    total = [sum(one.get("processor", 0.0) for one in found.values()) for found in results.values()]
    rows.append(["all", *(f"{number(seconds)} s" for seconds in total)])
    text = "Processor seconds (and peak memory in GB) of fitting on all samples and without each of five folds."
    records = {str(samples): found for samples, found in results.items()}
    common.write_results(output, TITLE, [text, common.markdown_table(header, rows)], facts, records)


def _cell(found: Measured) -> str:
    return found.get("failed") or f"{number(found['processor'])} s ({found['gigabytes']:.1f})"


if __name__ == "__main__":
    main()
