"""Peak memory of a fine-tuning step and of a prediction, with the ASVs' contexts padded always and on demand.

`always padded`: the vectors of the ASVs in the light of their sample are laid out as a rectangle in every forward pass,
and kept until its end, as they were before they were made on demand. `on demand`: the product, in which neither a
target nor a sample's vector asks for them. What is counted is resident memory above that before the step, in a process
of its own, whose allocator gives back what is freed. Samples differ in richness, since equal ones need no padding.
"""

from __future__ import annotations

import argparse
import dataclasses
from typing import Any

import torch
from torch import Tensor

from aam.config import CovariateOptions, HeadOptions, LossOptions
from aam.data.targets.kinds import NUMBERS, TargetSpec
from aam.data.targets.targets import Targets
from aam.models.sequence_encoder import SelfSupervision, SequenceEncoder
from aam.models.sequence_predictor import PredictorPlan, SequencePredictor
from aam.training.hardware.host_memory import give_back_freed_memory, peak_bytes, reset_peak, resident_bytes
from benchmarks.speed import common
from benchmarks.speed.common import Measured, number
from benchmarks.speed.grid import Case, make_step_batch

TITLE = "Contexts on demand"
HEADER = (
    "samples",
    "token limit",
    "ASVs, padded",
    "what",
    "contexts",
    "peak memory, MB",
    "less, MB",
    "a rectangle, MB",
)
SIZES = ((8, 150), (64, 500))
ALWAYS, ON_DEMAND = "always padded", "on demand"
STEP, PREDICTION = "step", "prediction"
PLAN = PredictorPlan(
    targets=Targets(specs=(TargetSpec(column="value", kind=NUMBERS),)),
    head=HeadOptions(),
    loss=LossOptions(),
    covariates=CovariateOptions(),
)


def measure(case: dict[str, Any], what: str, contexts: str) -> Measured:
    """Bytes that a step or a prediction takes at its peak, after one that warms up."""
    give_back_freed_memory()
    torch.manual_seed(0)
    sizes = Case(**case)
    batch = make_step_batch(sizes)
    batch.target_BT = torch.zeros(len(batch), 1)
    encoder = SequenceEncoder(sizes.model_options(), SelfSupervision())
    model = SequencePredictor(encoder, PLAN).train(what == STEP)
    held: list[Tensor] = []
    if contexts == ALWAYS:
        transformer = encoder.sample_encoder.encoder_transformer
        transformer.register_forward_pre_hook(lambda _, given: held.append(given[1].pad(given[0])))
    vectors_UD = torch.randn(len(batch.asvs_U), sizes.width)

    def act() -> None:
        if what == STEP:
            model.head.loss(model.head.compare(model(batch), batch)).backward()
            model.zero_grad()
        else:
            with torch.no_grad():
                model.predict(model(batch, None, vectors_UD))
        held.clear()

    act()
    before = resident_bytes()
    if not reset_peak():
        raise SystemExit("the system does not tell the peak of a part of a process")
    act()
    return {"bytes": peak_bytes() - before, "padded": batch.index_BS.numel()}


def measure_all(options: argparse.Namespace) -> list[Measured]:
    """All rows; each size and kind in both ways, one after the other."""
    rows = []
    for samples, limit in SIZES:
        case = dataclasses.asdict(Case("distinct", 5, samples, limit, "many", options.width))
        for what in (STEP, PREDICTION):
            for contexts in (ALWAYS, ON_DEMAND):
                found = common.in_child(measure, {"case": case, "what": what, "contexts": contexts}, options.threads)
                rows.append({"samples": samples, "limit": limit, "what": what, "contexts": contexts, **found})
                print(rows[-1], flush=True)
    return rows


def table(rows: list[Measured], width: int) -> str:
    """The rows as Markdown; what is saved beside what one padded rectangle of vectors takes."""
    lines = []
    for beside, row in zip([None, *rows], rows, strict=False):
        cells = [str(row["samples"]), str(row["limit"]), number(row.get("padded"), 0), row["what"], row["contexts"]]
        if "failed" in row:
            lines.append([*cells, row["failed"], "", ""])
            continue
        saved = None
        if row["contexts"] == ON_DEMAND and beside is not None and "bytes" in beside:
            saved = (beside["bytes"] - row["bytes"]) / 1e6
        rectangle = row["padded"] * width * 4 / 1e6
        lines.append([*cells, number(row["bytes"] / 1e6, 1), number(saved, 1), number(rectangle, 1)])
    return common.markdown_table(HEADER, lines)


def main(words: list[str] | None = None) -> None:
    """Measure, and write the table."""
    made = common.parser(__doc__, "contexts")
    made.add_argument("--width", type=int, default=128, help="width of the vectors (default 128)")
    options = made.parse_args(words)
    facts = common.conditions(options)
    rows = measure_all(options)
    sections = [(__doc__ or "").strip(), table(rows, options.width)]
    common.write_results(options.output, TITLE, sections, facts, {"rows": rows})


if __name__ == "__main__":
    main()
